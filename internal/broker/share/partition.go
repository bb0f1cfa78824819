package share

import (
	"slices"
	"sort"
	"time"
)

// RecordState is what a record is in; the numbers are those of Kafka's records.
type RecordState int8

// The states of a record.
const (
	Available    RecordState = 0
	Acquired     RecordState = 1
	Acknowledged RecordState = 2
	Archived     RecordState = 4
)

func (s RecordState) terminal() bool { return s == Acknowledged || s == Archived }

// Limits are a group's settings for the records of a partition. They may change between commands.
type Limits struct {
	Locks      int           // how many records may be in flight before no more are acquired
	Deliveries int16         // how often a record is delivered at most
	Lock       time.Duration // how long a member may keep a record
}

// wholeBatch bounds what is acquired of one of a producer's batches beyond Locks, as a multiple of it: Kafka takes the batch whole,
// however large it is, and so its memory has no bound.
const wholeBatch = 10

// Partition is the records in flight of a share partition: those from start up to next, in order, by the batches in which they were
// acquired. It is not safe for concurrent use.
//
//	     start                                                next
//	───────┼──────────────┬─────────┬─── ─ ─ ─ ───┬─────────────┼───────────▶ offsets
//	 done  │    batch     │  batch  │   no record │    batch    │  not yet looked at
//
// Invariants: batches do not overlap, none begins before start, and start only grows. A batch is a sequence of runs, which are records in
// a row of equal state; so memory goes by what clients tell apart, not by the number of records.
type Partition struct {
	start, next int64
	batches     []batch
	// What was in flight when the node stopped and was never written is a hole between what was: from gap on, up to gapEnd, holes are read
	// again, unless more has been read behind gapEnd since.
	gapped      bool
	gap, gapEnd int64
	due         time.Time    // no lock ends before; zero for none
	changed     []StateBatch // what Take is to hand out
}

// batch is what was acquired together.
type batch struct {
	first int64
	runs  []run
	split bool // its records are told apart, by a client or by a limit
}

type run struct {
	last   int64
	state  RecordState
	count  int16 // deliveries
	member string
	until  time.Time // of the lock
}

func (b *batch) last() int64 { return b.runs[len(b.runs)-1].last }

// whole is the state of a batch whose records are not told apart.
func (b *batch) whole() *run { return &b.runs[0] }

// same says whether two runs may become one.
func (r *run) same(o *run) bool {
	return r.state == o.state && r.count == o.count && r.member == o.member && r.until.Equal(o.until)
}

// Open is the partition that a state with a start stands for.
func Open(s *State) *Partition {
	p := &Partition{start: s.Start, next: s.Start}
	for _, sb := range s.Batches {
		first := max(sb.First, p.next)
		if sb.Last < first {
			continue
		}
		if first > p.next && !p.gapped {
			p.gapped, p.gap = true, p.next
		}
		r := run{last: sb.Last, state: sb.State, count: max(sb.Count, 0)}
		if !r.state.terminal() {
			r.state = Available
		}
		p.batches = append(p.batches, batch{first: first, runs: []run{r}})
		p.next = sb.Last + 1
	}
	p.gapEnd = p.next
	p.advance()
	return p
}

// Start is the first offset that is not done.
func (p *Partition) Start() int64 { return p.start }

// End is the first offset that has not been looked at.
func (p *Partition) End() int64 { return p.next }

// inFlight is how many offsets lie between start and next.
func (p *Partition) inFlight() int64 {
	if len(p.batches) == 0 {
		return 0
	}
	return p.next - p.start
}

// holes says whether holes between batches may hold records.
func (p *Partition) holes() bool { return p.gapped && p.gapEnd == p.next && len(p.batches) > 0 }

// Next is the offset to read next: of the first record that is available, or the first not looked at.
func (p *Partition) Next() int64 {
	gap, holes := p.gap, p.holes()
	for i := range p.batches {
		b := &p.batches[i]
		if holes {
			if b.first > gap {
				return gap
			}
			gap = max(gap, b.last()+1)
		}
		first := b.first
		for j := range b.runs {
			if b.runs[j].state == Available {
				return first
			}
			first = b.runs[j].last + 1
		}
	}
	return p.next
}

// Room says whether a read can lead to anything.
func (p *Partition) Room(lim *Limits) bool {
	return p.Next() != p.next || p.inFlight() < int64(lim.Locks)
}

// complete counts the records in flight that are done, for the lag (KIP-1226).
func (p *Partition) complete() (n int64) {
	for i := range p.batches {
		p.batches[i].each(func(first int64, r *run) {
			if r.state.terminal() {
				n += r.last - first + 1
			}
		})
	}
	return n
}

// each calls f with the runs and where they begin.
func (b *batch) each(f func(first int64, r *run)) {
	first := b.first
	for i := range b.runs {
		f(first, &b.runs[i])
		first = b.runs[i].last + 1
	}
}

// floor is the index of the last batch that begins at or before an offset, or -1.
func (p *Partition) floor(offset int64) int {
	return sort.Search(len(p.batches), func(i int) bool { return p.batches[i].first > offset }) - 1
}

// push appends a run, or joins it to the one before where they are the same.
func push(runs []run, r run) []run {
	if n := len(runs); n > 0 && runs[n-1].same(&r) {
		runs[n-1].last = r.last
		return runs
	}
	return append(runs, r)
}

// change calls f with the runs between two offsets, those at the ends cut to fit, and with stretch not nil also where it says that a
// stretch ends. The batch is split if it does not stay in one piece.
func (b *batch) change(from, to int64, stretch func(at int64) int64, f func(first int64, r *run)) {
	from, to = max(from, b.first), min(to, b.last())
	if from > to {
		return
	}
	if len(b.runs) == 1 && from == b.first && to == b.last() && (stretch == nil || stretch(from) >= to) {
		f(b.first, &b.runs[0])
		return
	}
	out := make([]run, 0, len(b.runs)+2)
	at := b.first
	for _, r := range b.runs {
		for at <= r.last {
			piece := r
			switch {
			case at < from:
				piece.last = min(r.last, from-1)
			case at <= to:
				if piece.last = min(r.last, to); stretch != nil {
					piece.last = min(piece.last, stretch(at))
				}
				f(at, &piece)
			}
			out = push(out, piece)
			at = piece.last + 1
		}
	}
	b.runs, b.split = out, true
}

// cut ends the i-th run at an offset within it; what is left of it is the next.
func (b *batch) cut(i int, last int64) {
	if r := b.runs[i]; last < r.last {
		b.runs = slices.Insert(b.runs, i, r)
		b.runs[i].last = last
	}
}

// merge joins runs that are the same.
func (b *batch) merge() {
	kept := b.runs[:0]
	for _, r := range b.runs {
		kept = push(kept, r)
	}
	clear(b.runs[len(kept):])
	b.runs = kept
}

// advance moves the start over records that are done, and forgets them.
func (p *Partition) advance() {
	n := 0
	for ; n < len(p.batches); n++ {
		b := &p.batches[n]
		if p.holes() && b.first > p.start && p.gap < b.first {
			p.start = max(p.start, p.gap) // what lies before is done or not there
			break
		}
		p.start = max(p.start, b.first)
		done := 0
		for done < len(b.runs) && b.runs[done].state.terminal() {
			p.start = b.runs[done].last + 1
			done++
		}
		if done < len(b.runs) {
			b.runs, b.first = slices.Delete(b.runs, 0, done), p.start
			break
		}
	}
	p.batches = slices.Delete(p.batches, 0, n)
	if len(p.batches) == 0 {
		p.start, p.gapped = max(p.start, p.next), false
		p.next = p.start
	}
}

// Trim follows the log, which begins at an offset now: what lies before is gone, whoever has it.
func (p *Partition) Trim(start int64) {
	if start <= p.start {
		return
	}
	p.start, p.next = start, max(p.next, start)
	for len(p.batches) > 0 && p.batches[0].last() < start {
		p.batches = slices.Delete(p.batches, 0, 1)
	}
	if len(p.batches) == 0 {
		p.gapped, p.next = false, start
		return
	}
	if b := &p.batches[0]; b.first < start {
		b.runs = slices.DeleteFunc(b.runs, func(r run) bool { return r.last < start })
		b.first, b.split = start, true
	}
	p.gap = max(p.gap, start)
	p.advance()
}

// Due is when Tick has something to do; zero for never.
func (p *Partition) Due() time.Time { return p.due }

func (p *Partition) lockUntil(t time.Time) {
	if p.due.IsZero() || t.Before(p.due) {
		p.due = t
	}
}

// put notes that records have come to a state that is to be written.
func (p *Partition) put(first int64, r *run) {
	p.changed = append(p.changed, StateBatch{First: first, Last: r.last, State: r.state, Count: r.count})
}

// Take hands out what the commands since the last Take have to have written, and moves the start on; nil for nothing. It is to be
// called after each command. As in Kafka what is written has the start as it was before.
func (p *Partition) Take() *Update {
	if len(p.changed) == 0 {
		return nil
	}
	u := &Update{Start: p.start, Complete: int32(min(p.complete(), 1<<31-1)), Batches: combine(nil, p.changed, p.start)}
	p.changed = nil
	p.advance()
	return u
}

// available frees a record that its member has lost or given back; after the last delivery it is given up.
func (r *run) available(lim *Limits) {
	if r.state = Available; r.count >= lim.Deliveries {
		r.state = Archived
	}
	r.member, r.until = "", time.Time{}
}

// Tick frees the records whose locks are over.
func (p *Partition) Tick(now time.Time, lim *Limits) {
	if p.due.IsZero() || now.Before(p.due) {
		return
	}
	p.due = time.Time{}
	for i := range p.batches {
		b := &p.batches[i]
		b.each(func(first int64, r *run) {
			switch {
			case r.state != Acquired:
			case now.Before(r.until):
				p.lockUntil(r.until)
			default:
				r.available(lim)
				p.put(first, r)
			}
		})
		b.merge()
	}
}

// Release frees the records of a member that goes. They count as delivered.
func (p *Partition) Release(member string, lim *Limits) {
	for i := range p.batches {
		b := &p.batches[i]
		b.each(func(first int64, r *run) {
			if r.state == Acquired && r.member == member {
				r.available(lim)
				p.put(first, r)
			}
		})
		b.merge()
	}
}
