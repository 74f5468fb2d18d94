package output

import "context"

// Flush is a flush that is not the last, for benchmarks.
func (w *RemoteWrite) Flush(ctx context.Context) error { return w.flush(ctx, false) }

// Dropped is how many flushes were lost so far.
func (w *RemoteWrite) Dropped() uint64 { return w.dropped.Load() }
