package nexmark

import (
	"math"
	"time"
)

// clock gives every event its time. Event number n is due so many microseconds after
// the base time as there are delays before it; where the two rates differ the delays
// change in steps of equal length:
//
//	SQUARE  first ──┐        ┌── first …       SINE  first ╲      ╱ first …
//	                └─ next ─┘                              ╲next╱
type clock struct {
	base   int64     // ms since 1970
	delays []float64 // µs between two events, a step each; one: it never changes
	counts []int64   // events in each step
	epoch  int64     // events in all steps
	length int64     // ms of all steps
	group  int64     // of events out of order
}

// sineSteps approximate the cosine.
const sineSteps = 10

func newClock(base, first, next int64, period time.Duration, sine bool, group int64) clock {
	c := clock{base: base, group: group, delays: []float64{1e6 / float64(first)}}
	if first == next {
		return c
	}
	rates := []float64{float64(first), float64(next)}
	if sine {
		rates = rates[:0]
		for i := range sineSteps {
			mid, amp := float64(first+next)/2, float64(first-next)/2
			rates = append(rates, math.Round(mid+amp*math.Cos(2*math.Pi*float64(i)/sineSteps)))
		}
	}
	c.delays = c.delays[:0]
	step := max(int64(1), int64(math.Ceil(period.Seconds()/float64(len(rates)))))
	for _, r := range rates {
		n := max(int64(1), step*int64(r))
		c.delays = append(c.delays, float64(step)*1e6/float64(n))
		c.counts = append(c.counts, n)
		c.epoch += n
		c.length += step * 1000
	}
	return c
}

// at is the time of event number n, in ms since 1970.
func (c *clock) at(n int64) int64 {
	if len(c.delays) == 1 {
		return c.base + int64(float64(n)*c.delays[0])/1000
	}
	epoch, n := n/c.epoch, n%c.epoch
	t := c.base + epoch*c.length
	step := c.length / int64(len(c.delays))
	for i, k := range c.counts {
		if n < k {
			return t + int64(float64(n)*c.delays[i])/1000
		}
		n -= k
		t += step
	}
	return t
}

// shuffled is the number of the event that comes in the n-th place. It moves events
// within their group only: 953 is prime, so that each comes once in all groups whose
// size it does not divide.
func (c *clock) shuffled(n int64) int64 {
	if c.group == 1 {
		return n
	}
	base := n - n%c.group
	factor := int64(953)
	if c.group%factor == 0 {
		factor = 1
	}
	return base + (n%c.group)*factor%c.group
}
