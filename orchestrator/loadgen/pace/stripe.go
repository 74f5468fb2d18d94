package pace

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// Stripe is one generator's share of all indexes 0, 1, 2, … of a distributed
// test. The indexes repeat with a period; the share owns some offsets in it.
// The zero value is the whole.
type Stripe struct {
	offsets []int64
	period  int64
}

const maxPeriod = 1 << 20

// ParseStripe reads k6's --execution-segment ("0:1/3") and
// --execution-segment-sequence ("0,1/3,2/3,1"). An empty segment is the whole;
// an empty sequence splits the rest of 0…1 around the segment.
func ParseStripe(segment, sequence string) (Stripe, error) {
	if segment == "" {
		return Stripe{}, nil
	}
	from, to, ok := strings.Cut(segment, ":")
	if !ok {
		from, to = "0", segment
	}
	low, high, err := parseRange(from, to)
	if err != nil {
		return Stripe{}, fmt.Errorf("execution segment %q: %w", segment, err)
	}
	bounds, err := parseSequence(sequence, low, high)
	if err != nil {
		return Stripe{}, fmt.Errorf("execution segment sequence %q: %w", sequence, err)
	}
	for i := 0; i+1 < len(bounds); i++ {
		if bounds[i].Cmp(low) == 0 && bounds[i+1].Cmp(high) == 0 {
			return newStripe(bounds, i)
		}
	}
	return Stripe{}, fmt.Errorf("execution segment %q is not part of the sequence %q", segment, sequence)
}

func parseRange(from, to string) (low, high *big.Rat, err error) {
	low, okLow := new(big.Rat).SetString(strings.TrimSpace(from))
	high, okHigh := new(big.Rat).SetString(strings.TrimSpace(to))
	if !okLow || !okHigh {
		return nil, nil, fmt.Errorf("want FROM:TO as fractions like 1/3:2/3")
	}
	if low.Sign() < 0 || high.Cmp(big.NewRat(1, 1)) > 0 || low.Cmp(high) >= 0 {
		return nil, nil, fmt.Errorf("want 0 ≤ FROM < TO ≤ 1")
	}
	return low, high, nil
}

func parseSequence(sequence string, low, high *big.Rat) ([]*big.Rat, error) {
	bounds := []*big.Rat{new(big.Rat), low, high, big.NewRat(1, 1)}
	if sequence != "" {
		bounds = nil
		for part := range strings.SplitSeq(sequence, ",") {
			r, ok := new(big.Rat).SetString(strings.TrimSpace(part))
			if !ok {
				return nil, fmt.Errorf("%q is not a fraction", part)
			}
			bounds = append(bounds, r)
		}
		if !slices.IsSortedFunc(bounds, func(a, b *big.Rat) int { return a.Cmp(b) }) {
			return nil, fmt.Errorf("want ascending fractions")
		}
	}
	return slices.CompactFunc(bounds, func(a, b *big.Rat) bool { return a.Cmp(b) == 0 }), nil
}

// newStripe spreads every segment's indexes evenly over one period, the
// largest segment first, each on the first place that is free from where it
// should be, and returns those of segment own. So does k6, which may run the other
// parts of the test.
func newStripe(bounds []*big.Rat, own int) (Stripe, error) {
	period := big.NewInt(1)
	for _, b := range bounds {
		gcd := new(big.Int).GCD(nil, nil, period, b.Denom())
		period.Mul(period, new(big.Int).Div(b.Denom(), gcd))
	}
	if !period.IsInt64() || period.Int64() > maxPeriod {
		return Stripe{}, fmt.Errorf("the segments' common denominator is above %d", maxPeriod)
	}
	n := period.Int64()
	type segment struct{ index, size int64 }
	segments := make([]segment, len(bounds)-1)
	for i := range segments {
		width := new(big.Rat).Sub(bounds[i+1], bounds[i])
		width.Mul(width, new(big.Rat).SetInt(period))
		segments[i] = segment{int64(i), width.Num().Int64()}
	}
	slices.SortStableFunc(segments, func(a, b segment) int { return int(b.size - a.size) })
	taken := make([]bool, n)
	for _, s := range segments {
		offsets := make([]int64, 0, s.size)
		for k := range s.size {
			at := (k*n + s.size - 1) / s.size
			for taken[at] {
				at = (at + 1) % n
			}
			taken[at] = true
			offsets = append(offsets, at)
		}
		if s.index == int64(own) {
			slices.Sort(offsets)
			return Stripe{offsets: offsets, period: n}, nil
		}
	}
	return Stripe{}, fmt.Errorf("no segment %d", own)
}

// Global returns the index in the whole test of this share's n-th index.
func (s Stripe) Global(n int64) int64 {
	if s.period == 0 {
		return n
	}
	size := int64(len(s.offsets))
	return n/size*s.period + s.offsets[n%size]
}

// Share returns how many of the indexes below total are this share's own.
func (s Stripe) Share(total int64) int64 {
	if s.period == 0 || total <= 0 {
		return max(total, 0)
	}
	rest, _ := slices.BinarySearch(s.offsets, total%s.period)
	return total/s.period*int64(len(s.offsets)) + int64(rest)
}
