package share

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// AckType is what a member says of a record; the numbers are Kafka's.
type AckType = int8

// The acknowledge types.
const (
	Gap    AckType = 0 // there is no record
	Accept AckType = 1
	Reject AckType = 3
	// Release asks for another delivery, to whomever.
	Release AckType = 2
	// Renew keeps the lock for as long again (KIP-1222).
	Renew AckType = 4
)

// Ack acknowledges records: with one type for all of them, or one for each.
type Ack struct {
	First, Last int64
	Types       []AckType
}

func (a *Ack) of(offset int64) AckType {
	if len(a.Types) == 1 {
		return a.Types[0]
	}
	return a.Types[offset-a.First]
}

// CheckAcks refuses acknowledgements that make no sense whatever is acquired. most is the highest type that there is; renewing must have
// been announced. Like Kafka it lets two overlap by one offset: Acknowledge refuses that.
func CheckAcks(acks []Ack, most AckType, renews bool) bool {
	previous := int64(-1)
	for i := range acks {
		a := &acks[i]
		if n := len(a.Types); a.First > a.Last || a.First < previous || n == 0 || n > 1 && a.Last-a.First != int64(n)-1 {
			return false
		}
		for _, t := range a.Types {
			if t < 0 || t > most || t == Renew && !renews {
				return false
			}
		}
		previous = a.Last
	}
	return true
}

var (
	errNotFound    = &Fault{kerr.InvalidRecordState, "Batch record not found. The request batch offsets are not found in the cache."}
	errBehindFirst = &Fault{kerr.InvalidRequest, "Batch record not found. The first offset in request is past acquired records."}
	errBehindLast  = &Fault{kerr.InvalidRequest, "Batch record not found. The last offset in request is past acquired records."}
	errNotAcquired = &Fault{kerr.InvalidRecordState, "The batch cannot be acknowledged. The batch is not in the acquired state."}
	errNotOwner    = &Fault{kerr.InvalidRecordState, "Member is not the owner of batch record"}
	errOffset      = &Fault{kerr.InvalidRecordState, "The offset cannot be acknowledged. The offset is not acquired."}
	errOffsetOwner = &Fault{kerr.InvalidRecordState, "Member is not the owner of offset"}
)

// Acknowledge takes what a member says of records that it has; acks have passed CheckAcks. All count or none does. What lies before the
// start is done, and not looked at.
func (p *Partition) Acknowledge(now time.Time, lim *Limits, member string, acks []Ack) error {
	for i := range acks {
		a := &acks[i]
		if i > 0 && a.First <= acks[i-1].Last && a.First >= p.start {
			return errOffset // acknowledged twice
		}
		if err := p.checkAck(a, member); err != nil {
			return err
		}
	}
	for i := range acks {
		p.applyAck(now, lim, &acks[i])
	}
	return nil
}

func (p *Partition) checkAck(a *Ack, member string) error {
	if a.Last < p.start {
		return nil
	}
	i := p.floor(a.First)
	if i < 0 && a.First < p.start {
		i = p.floor(p.start)
	}
	if i < 0 {
		return errNotFound
	}
	last := p.floor(a.Last)
	switch end := p.batches[last].last(); {
	case end < a.First:
		return errBehindFirst
	case end < a.Last:
		return errBehindLast
	}
	for ; i <= last; i++ {
		if err := p.batches[i].checkAck(a, member); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) checkAck(a *Ack, member string) (err error) {
	if b.last() < a.First {
		return nil
	}
	if r := b.whole(); !b.split {
		switch {
		case r.member == "":
			return errNotAcquired
		case r.member != member:
			return errNotOwner
		}
	}
	b.each(func(first int64, r *run) {
		switch {
		case r.last < a.First || first > a.Last || err != nil:
		case r.state != Acquired:
			err = errOffset
		case r.member != member:
			err = errOffsetOwner
		}
	})
	return err
}

func (p *Partition) applyAck(now time.Time, lim *Limits, a *Ack) {
	for i := max(p.floor(a.First), 0); i < len(p.batches) && p.batches[i].first <= a.Last; i++ {
		b := &p.batches[i]
		var stretch func(int64) int64 // how far the types stay equal
		if len(a.Types) > 1 {
			b.split = true
			stretch = func(at int64) int64 {
				end := at
				for end < a.Last && a.of(end+1) == a.of(at) {
					end++
				}
				return end
			}
		}
		b.change(a.First, a.Last, stretch, func(first int64, r *run) { p.ack(now, lim, a.of(first), first, r) })
	}
}

func (p *Partition) ack(now time.Time, lim *Limits, t AckType, first int64, r *run) {
	switch t {
	case Renew:
		r.until = now.Add(lim.Lock)
		p.lockUntil(r.until)
		return
	case Accept:
		*r = run{last: r.last, state: Acknowledged, count: r.count}
	case Release:
		r.available(lim)
	default:
		*r = run{last: r.last, state: Archived, count: r.count}
	}
	p.put(first, r)
}
