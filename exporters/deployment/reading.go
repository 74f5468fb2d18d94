package deployment

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Query asks Prometheus for an instant value.
type Query func(ctx context.Context, promql string) ([]contest.Sample, error)

// teamPlace stands for the team's slug in the query.
const teamPlace = "$team"

const readingTime = 5 * time.Second

func checkEvidence(promql string, q Query) error {
	switch {
	case promql == "":
		return nil
	case q == nil:
		return errors.New("a query for further evidence needs a Prometheus to ask")
	case !strings.Contains(promql, teamPlace):
		return fmt.Errorf("query for further evidence does not say whose: want %s where the team's slug belongs, inside quotes", teamPlace)
	}
	return nil
}

// read asks for the further evidence on a team. It decides nothing, so what goes
// wrong with it does not either.
func (x *Exporter) read(ctx context.Context, team contest.Team, f *Facts) {
	if x.config.Evidence == "" || f.State == None {
		return
	}
	f.Reading.Asked = true
	if !team.Slug.Valid() {
		f.Reading.Problem = "the team's name cannot stand in a query"
		return
	}
	ctx, cancel := context.WithTimeout(ctx, readingTime)
	defer cancel()
	samples, err := x.config.Query(ctx, queryFor(x.config.Evidence, team.Slug))
	switch {
	case err != nil:
		f.Reading.Problem = "Prometheus gave no answer" // in its own words it may name hosts
	case len(samples) != 1 || samples[0].Histogram != nil:
		f.Reading.Problem = fmt.Sprintf("the query gave %s instead of one", plural(len(samples), "value", "values"))
	case math.IsNaN(samples[0].Value) || math.IsInf(samples[0].Value, 0):
		f.Reading.Problem = "the query gave no number"
	default:
		f.Reading.Value = samples[0].Value
	}
}

// queryFor puts the slug where a quoted string wants it.
func queryFor(promql string, slug contest.Slug) string {
	quoted := strconv.Quote(string(slug))
	return strings.ReplaceAll(promql, teamPlace, quoted[1:len(quoted)-1])
}
