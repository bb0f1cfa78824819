package function

import (
	"math"
	"time"

	"github.com/millrace/millrace/internal/types"
)

// zone converts between instants and the local time of a zone. It remembers the
// stretch of time with one offset that it looked up last, for the rows of a
// batch are mostly of one season.
type zone struct {
	loc        *time.Location
	from, to   int64 // seconds, from <= t < to
	offset     int64
	haveOffset bool
}

// offsetAt is the offset from UTC in seconds at an instant in seconds.
func (z *zone) offsetAt(sec int64) int64 {
	if z.loc == nil || z.loc == time.UTC {
		return 0
	}
	if z.haveOffset && z.from <= sec && sec < z.to {
		return z.offset
	}
	t := time.Unix(sec, 0).In(z.loc)
	_, off := t.Zone()
	start, end := t.ZoneBounds()
	z.from, z.to = math.MinInt64, math.MaxInt64
	if !start.IsZero() {
		z.from = start.Unix()
	}
	if !end.IsZero() {
		z.to = end.Unix()
	}
	z.offset, z.haveOffset = int64(off), true
	return z.offset
}

func (z *zone) toLocal(v int64, u types.Unit) int64 {
	per := u.PerSecond()
	return v + z.offsetAt(floorDiv(v, per))*per
}

// toInstant resolves a local time as Java does: one that occurs twice, when
// clocks go back, is the earlier; one that never occurs, when they go forward,
// is moved on by the gap.
func (z *zone) toInstant(v int64, u types.Unit) int64 {
	per := u.PerSecond()
	sec := floorDiv(v, per)
	before := z.offsetAt(sec - 86400)
	if z.offsetAt(sec-before) == before {
		return v - before*per
	}
	after := z.offsetAt(sec + 86400)
	if z.offsetAt(sec-after) == after {
		return v - after*per
	}
	return v - before*per
}
