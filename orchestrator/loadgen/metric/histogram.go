package metric

import (
	"math"
	"slices"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Schema is the resolution of Histogram as Prometheus numbers it: each power of
// two is cut into 2^Schema buckets, so a bucket is 2^(1/64) = 1.1 % wide.
const Schema = 6

// ZeroThreshold is the width of the bucket around zero: values whose magnitude
// is at most this are counted there. It is the customary 2^-128.
const ZeroThreshold = 0x1p-128

const perOctave = 1 << Schema

// perPage is how many adjacent buckets are kept together: few enough that a
// series with one sample is small, many enough that a busy one is found fast.
const perPage = 16

// Histogram is a Prometheus native histogram of schema 6 with integer counts.
// Bucket k counts the values above 2^((k-1)/64) and up to 2^(k/64). The zero
// value is an empty histogram. It is not safe for concurrent use.
type Histogram struct {
	Zero     uint64 // values within ZeroThreshold of zero
	Positive Buckets
	Negative Buckets // by magnitude
}

// Buckets are the sparse counts of one sign, kept in pages. Page p holds the
// buckets from p*perPage on.
type Buckets struct {
	first int // number of pages[0]
	pages []*[perPage]uint64
}

// Observe counts one value. It must be finite.
func (h *Histogram) Observe(v float64) {
	switch {
	case v > ZeroThreshold:
		h.Positive.add(bucketOf(v), 1)
	case v < -ZeroThreshold:
		h.Negative.add(bucketOf(-v), 1)
	default:
		h.Zero++
	}
}

// Merge adds the counts of other.
func (h *Histogram) Merge(other *Histogram) {
	h.Zero += other.Zero
	h.Positive.merge(&other.Positive)
	h.Negative.merge(&other.Negative)
}

// Count returns how many values were observed.
func (h *Histogram) Count() uint64 {
	sum := h.Zero
	for _, n := range h.Positive.All {
		sum += n
	}
	for _, n := range h.Negative.All {
		sum += n
	}
	return sum
}

// Ascending returns the histogram with its buckets in ascending order, as the
// vocabulary of the contest has it. The sum is left to the caller.
func (h *Histogram) Ascending() contest.Histogram {
	out := contest.Histogram{Count: float64(h.Count())}
	for k, n := range h.Negative.All {
		out.Buckets = append(out.Buckets, contest.Bucket{Low: -UpperBound(k), High: -UpperBound(k - 1), Count: float64(n)})
	}
	slices.Reverse(out.Buckets)
	if h.Zero > 0 {
		out.Buckets = append(out.Buckets, contest.Bucket{Low: -ZeroThreshold, High: ZeroThreshold, Count: float64(h.Zero)})
	}
	for k, n := range h.Positive.All {
		out.Buckets = append(out.Buckets, contest.Bucket{Low: UpperBound(k - 1), High: UpperBound(k), Count: float64(n)})
	}
	return out
}

// UpperBound returns the inclusive upper bound of bucket k: 2^(k/64).
func UpperBound(k int) float64 { return math.Exp2(float64(k) / perOctave) }

// bucketOf returns the bucket of a positive value.
func bucketOf(v float64) int { return int(math.Ceil(math.Log2(v) * perOctave)) }

// All calls yield for each bucket that is not empty, in ascending order.
func (b *Buckets) All(yield func(k int, count uint64) bool) {
	for p, page := range b.pages {
		if page == nil {
			continue
		}
		for i, n := range page {
			if n > 0 && !yield((b.first+p)*perPage+i, n) {
				return
			}
		}
	}
}

func (b *Buckets) add(k int, n uint64) {
	number := floorDiv(k, perPage)
	at := number - b.first
	if at < 0 || at >= len(b.pages) || b.pages[at] == nil {
		at = b.grow(number)
	}
	b.pages[at][k-number*perPage] += n
}

// merge adds the counts of other, a page at a time.
func (b *Buckets) merge(other *Buckets) {
	if len(b.pages) == 0 {
		*b = other.clone()
		return
	}
	for p, from := range other.pages {
		if from == nil {
			continue
		}
		to := b.pages[b.grow(other.first+p)]
		for i, n := range from {
			to[i] += n
		}
	}
}

// clone returns a copy, with all pages in one piece of memory.
func (b *Buckets) clone() Buckets {
	used := 0
	for _, page := range b.pages {
		if page != nil {
			used++
		}
	}
	out := Buckets{first: b.first, pages: make([]*[perPage]uint64, len(b.pages))}
	memory := make([][perPage]uint64, 0, used)
	for p, page := range b.pages {
		if page != nil {
			memory = append(memory, *page)
			out.pages[p] = &memory[len(memory)-1]
		}
	}
	return out
}

// grow makes room for a page and returns its place.
func (b *Buckets) grow(number int) int {
	switch {
	case len(b.pages) == 0:
		b.first, b.pages = number, make([]*[perPage]uint64, 1)
	case number < b.first:
		b.pages = append(make([]*[perPage]uint64, b.first-number), b.pages...)
		b.first = number
	case number >= b.first+len(b.pages):
		b.pages = append(b.pages, make([]*[perPage]uint64, number-b.first-len(b.pages)+1)...)
	}
	at := number - b.first
	if b.pages[at] == nil {
		b.pages[at] = new([perPage]uint64)
	}
	return at
}

func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
