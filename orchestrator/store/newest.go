package store

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// newestOfEach walks the index verdicts_newest backwards and jumps from the
// newest verdict of one team and criterion to the newest of the one before, so
// that a page costs as many look-ups as it shows, however long the history is.
const newestOfEach = `WITH RECURSIVE newest (id) AS (
	SELECT (SELECT seq FROM verdicts ORDER BY slug DESC, criterion DESC, at DESC, seq DESC LIMIT 1)
	UNION ALL
	SELECT coalesce(
		(SELECT n.seq FROM verdicts n WHERE n.slug = p.slug AND n.criterion < p.criterion
			ORDER BY n.criterion DESC, n.at DESC, n.seq DESC LIMIT 1),
		(SELECT n.seq FROM verdicts n WHERE n.slug < p.slug
			ORDER BY n.slug DESC, n.criterion DESC, n.at DESC, n.seq DESC LIMIT 1))
	FROM newest JOIN verdicts p ON p.seq = newest.id)`

const newestVerdicts = newestOfEach + `
SELECT v.seq, v.slug, v.criterion, v.at FROM newest JOIN verdicts v ON v.seq = newest.id ORDER BY v.slug, v.criterion`

// newestVerdictsAt looks once more for each team and criterion of that walk: for
// the newest until a time. Looking for it on the walk itself would step over all
// that came later.
const newestVerdictsAt = newestOfEach + `
SELECT v.seq, v.slug, v.criterion, v.at FROM newest JOIN verdicts p ON p.seq = newest.id JOIN verdicts v ON v.seq = (
	SELECT n.seq FROM verdicts n WHERE n.slug = p.slug AND n.criterion = p.criterion AND n.at <= ?
		ORDER BY n.at DESC, n.seq DESC LIMIT 1)
ORDER BY v.slug, v.criterion`

// verdictsBefore looks for the second newest until a time in the same way.
const verdictsBefore = newestOfEach + `
SELECT v.seq, v.slug, v.criterion, v.at FROM newest JOIN verdicts p ON p.seq = newest.id JOIN verdicts v ON v.seq = (
	SELECT n.seq FROM verdicts n WHERE n.slug = p.slug AND n.criterion = p.criterion AND n.at <= ?
		ORDER BY n.at DESC, n.seq DESC LIMIT 1 OFFSET 1)
ORDER BY v.slug, v.criterion`

// Verdicts returns the newest verdict of each team and criterion. What they hold
// is shared with other readers, here and in the methods below: change nothing.
func (s *Store) Verdicts(ctx context.Context) ([]contest.Verdict, error) {
	vs, err := s.verdicts(ctx, newestVerdicts)
	return vs, wrap("read verdicts", err)
}

// VerdictsAt returns what Verdicts returned at a time: the newest verdict until
// then of each team and criterion.
func (s *Store) VerdictsAt(ctx context.Context, at time.Time) ([]contest.Verdict, error) {
	vs, err := s.verdicts(ctx, newestVerdictsAt, millis(at))
	return vs, wrap("read verdicts of "+at.UTC().Format(time.RFC3339), err)
}

// VerdictsBefore returns the verdicts that those of VerdictsAt, or with the zero
// time those of Verdicts, took the place of. A team and criterion with one
// verdict has none.
func (s *Store) VerdictsBefore(ctx context.Context, at time.Time) ([]contest.Verdict, error) {
	until := int64(math.MaxInt64)
	if !at.IsZero() {
		until = millis(at)
	}
	vs, err := s.verdicts(ctx, verdictsBefore, until)
	return vs, wrap("read verdicts before others", err)
}

// verdicts reads those that a query names. Pages ask all the time, verdicts come
// now and then: nothing is looked for until there is a new one, and none is
// decoded twice.
func (s *Store) verdicts(ctx context.Context, query string, args ...any) ([]contest.Verdict, error) {
	last, err := s.verdictKeys(ctx, `SELECT seq, slug, criterion, at FROM verdicts ORDER BY seq DESC LIMIT 1`)
	if err != nil || len(last) == 0 {
		return nil, err
	}
	question := fmt.Sprint(query, args)
	if all, ok := s.decoded.answer(question, last[0]); ok {
		return all, nil
	}
	keys, err := s.verdictKeys(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	known, missing := s.decoded.find(keys)
	for some := range slices.Chunk(missing, 500) {
		fresh, err := s.readVerdicts(ctx, some)
		if err != nil {
			return nil, err
		}
		maps.Copy(known, fresh)
	}
	var all []contest.Verdict
	for _, k := range keys {
		if v, ok := known[k]; ok { // it was not pruned in between
			all = append(all, v)
		}
	}
	s.decoded.keep(known, question, answered{last[0], all})
	return slices.Clone(all), nil
}

func (s *Store) verdictKeys(ctx context.Context, query string, args ...any) (all []verdictKey, err error) {
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var k verdictKey
		if err := rows.Scan(&k.seq, &k.slug, &k.criterion, &k.at); err != nil {
			return nil, err
		}
		all = append(all, k)
	}
	return all, rows.Err()
}

// readVerdicts reads verdicts by their numbers.
func (s *Store) readVerdicts(ctx context.Context, keys []verdictKey) (map[verdictKey]contest.Verdict, error) {
	var args []any
	for _, k := range keys {
		args = append(args, k.seq)
	}
	rows, err := s.read.QueryContext(ctx, `SELECT seq, slug, criterion, at, doc FROM verdicts WHERE seq IN (`+marks(len(args))+`)`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := make(map[verdictKey]contest.Verdict, len(keys))
	for rows.Next() {
		var k verdictKey
		var doc string
		if err := rows.Scan(&k.seq, &k.slug, &k.criterion, &k.at, &doc); err != nil {
			return nil, err
		}
		if found[k], err = decode[contest.Verdict](doc); err != nil {
			return nil, fmt.Errorf("verdict %d: %w", k.seq, err)
		}
	}
	return found, rows.Err()
}

// verdictKey names a row for ever: the number of one that was pruned may be
// given again, but not with all of these.
type verdictKey struct {
	seq, at         int64
	slug, criterion string
}

// decodedVerdicts are those that were read lately. A row's document never changes.
type decodedVerdicts struct {
	mu          sync.Mutex
	recent, old map[verdictKey]contest.Verdict
	answers     map[string]answered // by question
}

// answered is what a question was answered with when last was the newest row.
type answered struct {
	last verdictKey
	all  []contest.Verdict
}

const (
	mostDecoded = 5000 // in recent: 200 teams have 1,600 verdicts, and as many before those
	mostAnswers = 8
)

func (d *decodedVerdicts) answer(question string, last verdictKey) ([]contest.Verdict, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a, ok := d.answers[question]
	return slices.Clone(a.all), ok && a.last == last
}

// find returns a map of those that are known, and the others.
func (d *decodedVerdicts) find(keys []verdictKey) (known map[verdictKey]contest.Verdict, missing []verdictKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	known = make(map[verdictKey]contest.Verdict, len(keys))
	for _, k := range keys {
		v, ok := d.recent[k]
		if !ok {
			v, ok = d.old[k]
		}
		if ok {
			known[k] = v
		} else {
			missing = append(missing, k)
		}
	}
	return known, missing
}

// keep remembers an answer and what is in it. What nobody asks for any more is
// forgotten when there is too much.
func (d *decodedVerdicts) keep(asked map[verdictKey]contest.Verdict, question string, a answered) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.recent == nil || len(d.recent)+len(asked) > mostDecoded {
		d.recent, d.old = map[verdictKey]contest.Verdict{}, d.recent
	}
	maps.Copy(d.recent, asked)
	if d.answers == nil || len(d.answers) >= mostAnswers {
		d.answers = map[string]answered{}
	}
	d.answers[question] = a
}
