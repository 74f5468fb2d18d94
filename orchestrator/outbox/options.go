package outbox

import (
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// settleTimeout bounds how long a receipt may take to be written.
const settleTimeout = 10 * time.Second

// Options of a flusher. The zero value is useful: it sends bulks of 100 and
// tries everything again for ever.
type Options struct {
	Interval time.Duration // longest wait between two flushes; default 2 s
	Batch    int           // most updates in one call; default 100
	Timeout  time.Duration // of one call, its own retries included; default 5 min
	Grace    time.Duration // for the last flush after Run is told to stop; default 10 s

	// Permanent reports whether the answer to one update is final, so that the
	// row is parked. By default none is.
	Permanent func(error) bool
	// Doubtful reports whether the answer to one update is a refusal that may
	// or may not be final. Such a row is parked once it has been sent Patience
	// times and was refused in the same words twice running. By default none is.
	Doubtful func(error) bool
	Patience int // default 5 flushes
	// RetryAfter returns how long the Hub itself asked to wait; zero for no wish.
	RetryAfter func(error) time.Duration

	// Observe is told of each batch, for logs and metrics. It must not block.
	Observe func(Pass)
	// BeforeSend and AfterSend are called around each call to the Hub. They
	// exist so that a crash can be provoked at those two moments.
	BeforeSend, AfterSend func()
}

// Pass is what one batch came to.
type Pass struct {
	Sent    int   // accepted by the Hub
	Retried int   // stay pending
	Parked  int   // refused for good
	Err     error // why the batch as a whole failed, if it did
}

func (o Options) withDefaults() Options {
	setDefault(&o.Interval, 2*time.Second)
	setDefault(&o.Batch, 100)
	setDefault(&o.Timeout, 5*time.Minute)
	setDefault(&o.Grace, 10*time.Second)
	setDefault(&o.Patience, 5)
	if o.Permanent == nil {
		o.Permanent = func(error) bool { return false }
	}
	if o.Doubtful == nil {
		o.Doubtful = func(error) bool { return false }
	}
	if o.RetryAfter == nil {
		o.RetryAfter = func(error) time.Duration { return 0 }
	}
	if o.BeforeSend == nil {
		o.BeforeSend = func() {}
	}
	if o.AfterSend == nil {
		o.AfterSend = func() {}
	}
	return o
}

func setDefault[T int | time.Duration](v *T, fallback T) {
	if *v <= 0 {
		*v = fallback
	}
}

func count(receipts []Receipt) Pass {
	var p Pass
	for _, r := range receipts {
		switch r.State {
		case contest.OutboxSent:
			p.Sent++
		case contest.OutboxParked:
			p.Parked++
		case contest.OutboxPending:
			p.Retried++
		}
	}
	return p
}
