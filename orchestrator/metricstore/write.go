package metricstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

const (
	writeMaxBody  = 8 << 20 // compressed; remote's own limit of 32 MiB bounds it unpacked
	writeMaxAhead = 10 * time.Minute
)

// receiver appends the batches that the holder of one token writes.
type receiver struct{ store *Store }

type writerKey struct{}

// writeHandler answers remote write 1.0 and 2.0. The token is looked at before
// a byte of the body is read.
func (s *Store) writeHandler() http.Handler {
	protocol := remote.NewWriteHandler(receiver{s},
		remote.MessageTypes{remote.WriteV1MessageType, remote.WriteV2MessageType},
		remote.WithWriteHandlerLogger(s.log))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		testid, ok := s.tokens.find(r)
		if !ok {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "a bearer token of a launch under way is needed to write", http.StatusUnauthorized)
			return
		}
		if r.ContentLength > writeMaxBody {
			http.Error(w, fmt.Sprintf("the body is over %d MiB", writeMaxBody>>20), http.StatusRequestEntityTooLarge)
			return
		}
		select {
		case s.writing <- struct{}{}:
			defer func() { <-s.writing }()
		case <-r.Context().Done():
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, writeMaxBody)
		protocol.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), writerKey{}, testid)))
	})
}

// Store appends one decoded body; package remote calls it. A body with one
// series of another testid, or one that breaks the format, is refused whole.
// Samples that are merely too old, too far ahead or twice there are left out,
// the rest is stored, and the answer says so.
func (rc receiver) Store(r *http.Request, kind remote.WriteMessageType) (*remote.WriteResponse, error) {
	testid, _ := r.Context().Value(writerKey{}).(contest.TestID)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return refuse(http.StatusBadRequest, fmt.Errorf("read the body: %w", err))
	}
	batch, err := decode(kind, body)
	if err != nil {
		return refuse(http.StatusBadRequest, err)
	}
	for _, series := range batch {
		if got := series.labels.Get("testid"); got != string(testid) {
			return refuse(http.StatusForbidden, fmt.Errorf("the series %s has testid %q, but this token writes %q only",
				short(series.labels.Get(nameLabel)), short(got), testid))
		}
		if err := series.check(); err != nil {
			return refuse(http.StatusBadRequest, err)
		}
	}
	return rc.append(r.Context(), batch)
}

func refuse(status int, err error) (*remote.WriteResponse, error) {
	response := remote.NewWriteResponse()
	response.SetStatusCode(status)
	return response, err
}

func (rc receiver) append(ctx context.Context, batch []series) (*remote.WriteResponse, error) {
	app := rc.store.db.AppenderV2(ctx)
	var stats remote.WriteResponseStats
	var left leftOut
	ahead := time.Now().Add(writeMaxAhead).UnixMilli()
	for _, series := range batch {
		var ref storage.SeriesRef
		for _, p := range series.points {
			if p.at > ahead {
				left.add(series.labels, errors.New("more than ten minutes ahead of this clock"))
				continue
			}
			var err error
			ref, err = app.Append(ref, series.labels, 0, p.at, p.value, p.ints, p.floats, storage.AOptions{})
			switch {
			case leaveOut(err):
				left.add(series.labels, err)
			case err != nil:
				return refuse(http.StatusInternalServerError, fmt.Errorf("append samples: %w", errors.Join(err, app.Rollback())))
			case p.ints != nil || p.floats != nil:
				stats.Histograms++
			default:
				stats.Samples++
			}
		}
	}
	if err := app.Commit(); err != nil {
		return refuse(http.StatusInternalServerError, fmt.Errorf("commit samples: %w", err))
	}
	response := remote.NewWriteResponse()
	response.Add(stats)
	if left.count > 0 {
		response.SetStatusCode(http.StatusBadRequest)
	}
	return response, left.err()
}

// leaveOut reports whether err is about one sample alone.
func leaveOut(err error) bool {
	var invalid histogram.Error
	return errors.Is(err, storage.ErrOutOfOrderSample) || errors.Is(err, storage.ErrOutOfBounds) ||
		errors.Is(err, storage.ErrTooOldSample) || errors.Is(err, storage.ErrDuplicateSampleForTimestamp) ||
		errors.As(err, &invalid)
}

type leftOut struct {
	count  int
	series string
	first  error
}

func (l *leftOut) add(ls labels.Labels, err error) {
	if l.count == 0 {
		l.series, l.first = short(ls.Get(nameLabel)), err
	}
	l.count++
}

func (l *leftOut) err() error {
	if l.count == 0 {
		return nil
	}
	return fmt.Errorf("%d samples were left out, the first of %s: %w", l.count, l.series, l.first)
}
