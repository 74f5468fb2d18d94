package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/hackload-kz/hackload/orchestrator/conduct"
	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
	"github.com/hackload-kz/hackload/orchestrator/verdict"
)

// explainTeam says why a team's verdict in a criterion is what it is.
func explainTeam(ctx context.Context, out io.Writer, state config.State, args []string) (err error) {
	c, err := criterion(args[1])
	if err != nil {
		return err
	}
	s, err := openToRead(ctx, state)
	if err != nil {
		return usage(err, "Name the contest's state directory with --state, or its database with STATE_DATABASE_URL.")
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	x := teamExamination{}
	x.stands, err = s.Standing(ctx, contest.Slug(args[0]), c)
	if errors.Is(err, store.ErrNotFound) {
		return usage(fmt.Errorf("there is no verdict of team %q in %s, in %s", args[0], c, place(state)), "The results page shows the teams and their criteria.")
	}
	if err == nil {
		err = x.examine(ctx, s)
	}
	if err != nil {
		return trouble(err)
	}
	x.print(out)
	if len(x.problems) > 0 {
		return &exit{code: exitFailed}
	}
	return nil
}

// teamExamination is what was found when a team's verdict was looked at again.
type teamExamination struct {
	stands   store.Standing
	runs     []examination // of its climb, as they were tried
	hub      []string      // what the Hub is told, in sentences
	derived  string        // whether the verdict was derived again, or why not
	problems []string
}

func (x *teamExamination) note(format string, args ...any) {
	x.problems = append(x.problems, fmt.Sprintf(format, args...))
}

func (x *teamExamination) examine(ctx context.Context, s *store.Store) error {
	if err := x.compareUpdate(ctx, s); err != nil {
		return err
	}
	return x.derive(ctx, s)
}

// derive climbs again from the stored evidence, where that is what a verdict
// comes from.
func (x *teamExamination) derive(ctx context.Context, s *store.Store) error {
	v := x.stands.Verdict
	service, err := contest.FindService(string(v.Service))
	if err != nil {
		return err
	}
	switch {
	case conduct.ByHand(v):
		x.derived = "It was set by hand, so there is nothing to derive it from."
		return nil
	case !service.Load():
		x.derived = "What an exporter saw is not kept, so the verdict is not derived again."
		return nil
	case v.Climb == "":
		x.derived = "No load was put on the team, and its data of then is not kept, so the verdict is not derived again."
		return nil
	}
	climb, err := s.Climb(ctx, v.Climb)
	if err != nil {
		return err
	}
	runs, err := s.ClimbRuns(ctx, v.Climb)
	if err != nil {
		return err
	}
	for _, run := range runs {
		if run.State != contest.RunJudged {
			continue
		}
		e, err := examine(ctx, s, run)
		if err != nil {
			return err
		}
		for _, p := range e.problems {
			x.note("run %s: %s", run.ID, p)
		}
		x.runs = append(x.runs, e)
	}
	return x.climbAgain(climb, service)
}

// climbAgain judges the climb by the rules that were stored with it.
func (x *teamExamination) climbAgain(climb store.Climb, service contest.Service) error {
	if sum := store.Hash(climb.Config); sum != climb.ConfigHash {
		x.note("rules of the climb: their hash is %s, written was %s", sum, climb.ConfigHash)
	}
	var c config.Criterion
	if err := json.Unmarshal(climb.Config, &c); err != nil {
		x.note("rules of the climb: cannot be read: %v", err)
		return nil
	}
	ladder := verdict.LadderConfig{Levels: c.Levels, Repeats: c.Repeats, Score: c.Score, Rule: c.Rule}
	var results []verdict.RunResult
	for _, e := range x.runs {
		ladder.Retries = max(ladder.Retries, e.run.Retry) // a climb that has ended used up what it was allowed
		results = append(results, verdict.RunResult{Run: e.run, Evidence: e.evidence, Verdict: e.judged.Verdict})
	}
	if len(results) > 0 { // the script's name is the configuration's, and the run has it
		service.Scenario = results[0].Run.Scenario
	}
	again := verdict.Climb(verdict.ClimbInput{
		Team: climb.Team, Service: service, Ladder: ladder, Results: results,
		At: x.stands.Verdict.At, Round: climb.Round, Climb: climb.ID,
	})
	x.derived = "It was derived again from the evidence of these runs, without the links: those come from the server's configuration."
	return x.compareVerdict(again)
}

// compareVerdict notes each part in which the stored verdict differs from the
// one that was derived again.
func (x *teamExamination) compareVerdict(again contest.Verdict) error {
	stored := x.stands.Verdict
	if conduct.InvalidStreak(stored) { // of this and earlier rounds, so no part of the climb
		stored.Findings = stored.Findings[:len(stored.Findings)-1]
	}
	was, err := parts(stored)
	if err != nil {
		return err
	}
	is, err := parts(again)
	if err != nil {
		return err
	}
	names := maps.Clone(was)
	maps.Copy(names, is)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if was[name] != is[name] {
			x.note("%s: stored is %s, derived %s", name, orNothing(was[name]), orNothing(is[name]))
		}
	}
	return nil
}

// parts are the parts of a verdict by name, each as JSON, without the links.
func parts(v contest.Verdict) (map[string]string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode verdict: %w", err)
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("decode verdict: %w", err)
	}
	metrics, _ := doc["metrics"].(map[string]any)
	delete(metrics, "confirmationUrl")
	results, _ := metrics["testResults"].([]any)
	for _, r := range results {
		if entry, ok := r.(map[string]any); ok {
			delete(entry, "grafanaDashboardUrl")
		}
	}
	all := map[string]string{}
	add := func(name string, value any) {
		if value == nil {
			return
		}
		text, _ := json.Marshal(value) // it was decoded from JSON, so it can be encoded
		all[name] = string(text)
	}
	for name, value := range metrics {
		add("metrics."+name, value)
	}
	findings, _ := doc["findings"].([]any)
	for i, f := range findings {
		add(fmt.Sprintf("finding %d", i+1), f)
	}
	for _, name := range []string{"team", "service", "criterion", "round", "climb", "status", "score", "runs", "invalid"} {
		add(name, doc[name])
	}
	return all, nil
}

func orNothing(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}

// compareUpdate holds what the Hub is told against the verdict it is told of.
func (x *teamExamination) compareUpdate(ctx context.Context, s *store.Store) error {
	v := x.stands.Verdict
	told, err := s.Told(ctx, v.Team.Slug, v.Criterion)
	if errors.Is(err, store.ErrNotFound) {
		x.hub = append(x.hub, "No verdict of the team in this criterion was meant for the Hub.")
	} else if err != nil {
		return err
	}
	if err == nil && !x.stands.Published {
		x.hub = append(x.hub, fmt.Sprintf("The Hub is not told this verdict; it is told the one of %s: %s, %d points.", moment(&told.Verdict.At), told.Verdict.Status, told.Verdict.Score))
	}
	meant := err == nil
	row, err := s.OutboxRow(ctx, v.Team.Slug, v.Criterion)
	switch {
	case errors.Is(err, store.ErrNotFound):
		if meant {
			x.hub = append(x.hub, "There is no update in the outbox: an organiser dropped it, as the audit trail says then.")
		}
		return nil
	case err != nil:
		return err
	case !meant:
		x.note("outbox: it holds an update, but no verdict was meant for the Hub")
		return nil
	}
	x.hub = append(x.hub, updateState(row))
	return x.sameUpdate(told.Verdict, row.Update)
}

// updateState says how far an update has come.
func updateState(row contest.OutboxRow) string {
	switch row.State {
	case contest.OutboxSent:
		return fmt.Sprintf("The Hub took the update at %s.", moment(row.SentAt))
	case contest.OutboxPending:
		return fmt.Sprintf("The update is on its way since %s, %d tries so far%s", moment(&row.CreatedAt), row.Attempts, ending(oneLine(row.Error, proseText)))
	}
	return fmt.Sprintf("The Hub refused the update: %s", oneLine(row.Error, proseText))
}

// ending ends a sentence with what went wrong, if anything did.
func ending(failure string) string {
	if failure == "" {
		return "."
	}
	return "; the last failed: " + failure
}

func (x *teamExamination) sameUpdate(v contest.Verdict, update contest.Update) error {
	want, err := v.Update()
	if err != nil {
		return err
	}
	is, err := json.Marshal(update)
	if err != nil {
		return fmt.Errorf("encode update: %w", err)
	}
	should, err := json.Marshal(want)
	if err != nil {
		return fmt.Errorf("encode update: %w", err)
	}
	if string(is) != string(should) {
		x.note("outbox: the update is %s, the verdict gives %s", is, should)
		return nil
	}
	x.hub = append(x.hub, "Its content is the verdict's.")
	return nil
}

func (x *teamExamination) print(out io.Writer) {
	v := x.stands.Verdict
	invalid := ""
	if v.Invalid {
		invalid = ", because it could not be measured"
	}
	fmt.Fprintf(out, "Team       %s (%s)\nCriterion  %s\nVerdict    %s, %d points%s, of %s\n\nFindings\n",
		v.Team.Slug, oneLine(v.Team.Name, cellText), v.Criterion, v.Status, v.Score, invalid, moment(&v.At))
	for _, f := range v.Findings {
		fmt.Fprintf(out, "  %-7s %s\n          %s\n", f.Outcome, oneLine(f.Rule, proseText), oneLine(f.Sentence, proseText))
	}
	if len(x.runs) > 0 {
		fmt.Fprintln(out, "\nRuns ('hackload explain RUN' shows one)")
	}
	for _, e := range x.runs {
		follows := "follows from its evidence"
		if len(e.problems) > 0 {
			follows = "NOT AS WRITTEN"
		}
		fmt.Fprintf(out, "  %s  level %d (%d users), repeat %d, retry %d: %s, %s\n",
			e.run.ID, e.run.LevelNo+1, e.run.Level.Users, e.run.Repeat+1, e.run.Retry, e.judged.Verdict.Outcome, follows)
	}
	fmt.Fprintln(out, "\nHub")
	for _, sentence := range x.hub {
		fmt.Fprintln(out, "  "+sentence)
	}
	fmt.Fprintf(out, "\n%s\n", x.derived)
	if len(x.problems) == 0 {
		fmt.Fprintln(out, "All that can be checked agrees.")
		return
	}
	fmt.Fprintln(out, "NOT AS WRITTEN")
	for _, p := range x.problems {
		fmt.Fprintln(out, "  "+p)
	}
}
