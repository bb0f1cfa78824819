package share

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

func newRandom(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 932)) }

// twin is what a partition does, one offset at a time and without any thought for speed.
type twin struct {
	state  RecordState
	count  int16
	member string
	until  time.Time
}

type sim struct {
	t         *testing.T
	rnd       *rand.Rand
	now       time.Time
	lim       Limits
	key       Key
	states    States
	at        int64 // records written
	p         *Partition
	log       []LogBatch
	trimmed   int64 // where the log begins
	records   map[int64]*twin
	written   map[int64]StateBatch // by offset
	delivered map[int64]int        // how often, as far as members know
	start     int64
}

// TestPartitionSimulation lets members fetch, acknowledge, fall silent and go, while the log grows and is trimmed and the node starts
// again. Nobody gets a record that another has; nobody gets one that is done; deliveries are counted; the start only grows; what is read
// back is what was written; and in the end every record has been accepted, rejected, or delivered as often as it may be.
func TestPartitionSimulation(t *testing.T) {
	seeds := uint64(300)
	if testing.Short() {
		seeds = 60
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s := &sim{
				t: t, rnd: newRandom(seed), now: time.UnixMilli(1), states: States{}, key: Key{Group: "g"},
				lim:     Limits{Locks: []int{5, 20, 200}[seed%3], Deliveries: int16(2 + seed%5), Lock: 10 * time.Second},
				records: map[int64]*twin{}, written: map[int64]StateBatch{}, delivered: map[int64]int{},
			}
			s.write(s.states.Initialize(s.key, 1, 0, 0))
			s.open()
			for range 400 {
				s.step()
				s.check()
			}
			s.drain()
		})
	}
}

func (s *sim) write(r Record) {
	if _, err := s.states.Replay(r.Key, r.Value, s.at); err != nil {
		s.t.Fatal(err)
	}
	s.at++
}

func (s *sim) open() {
	state, _ := s.states.Get(s.key)
	s.p = Open(&state)
	s.start = min(s.start, s.p.start) // where it was last told to be is not always written
	for at, r := range s.records {
		if w, ok := s.written[at]; ok {
			*r = twin{state: w.State, count: w.Count}
		} else {
			delete(s.records, at)
		}
	}
	s.p.Trim(s.trimmed)
}

// took writes what a command changed.
func (s *sim) took() {
	u := s.p.Take()
	if u == nil {
		return
	}
	for _, b := range u.Batches {
		for at := b.First; at <= b.Last; at++ {
			s.written[at] = StateBatch{at, at, b.State, b.Count}
			r := s.records[at]
			if r == nil {
				s.t.Fatalf("%d is written and was never acquired", at)
			}
			if r.state != b.State || r.count != b.Count {
				s.t.Fatalf("%d is written as %v, %d deliveries, and is %+v", at, b.State, b.Count, *r)
			}
		}
	}
	s.write(s.states.Write(s.key, u, 5, 0))
}

func (s *sim) step() {
	s.now = s.now.Add(time.Duration(s.rnd.IntN(1500)) * time.Millisecond)
	s.expire()
	member := string('a' + rune(s.rnd.IntN(4)))
	switch n := s.rnd.IntN(100); {
	case n < 20:
		s.produce()
	case n < 60:
		s.fetch(member)
	case n < 90:
		s.acknowledge(member)
	case n < 93:
		for at, r := range s.records {
			if r.state == Acquired && r.member == member && at >= s.p.start {
				s.free(r)
			}
		}
		s.p.Release(member, &s.lim)
		s.took()
	case n < 96 && s.p.start < s.p.next:
		s.trimmed = max(s.trimmed, s.p.start+s.rnd.Int64N(s.p.next-s.p.start))
		s.p.Trim(s.trimmed)
	case n < 99:
		s.open()
	}
}

func (s *sim) free(r *twin) {
	if *r = (twin{state: Available, count: r.count}); r.count >= s.lim.Deliveries {
		r.state = Archived
	}
}

func (s *sim) expire() {
	for at, r := range s.records {
		if r.state == Acquired && !s.now.Before(r.until) && at >= s.p.start {
			s.free(r)
		}
	}
	s.p.Tick(s.now, &s.lim)
	s.took()
}

// produce appends batches, now and then with offsets between them that hold nothing.
func (s *sim) produce() {
	next := int64(0)
	if n := len(s.log); n > 0 {
		next = s.log[n-1].Last + 1
	}
	if s.rnd.IntN(8) == 0 {
		next += 1 + s.rnd.Int64N(3)
	}
	s.log = append(s.log, LogBatch{First: next, Last: next + s.rnd.Int64N(12), Aborted: s.rnd.IntN(15) == 0})
}

func (s *sim) fetch(member string) (got int) {
	from := s.p.Next()
	if !s.p.Room(&s.lim) {
		return 0
	}
	var read []LogBatch
	for _, b := range s.log {
		if b.Last >= from && b.Last >= s.trimmed && len(read) < 4 {
			read = append(read, b)
		}
	}
	w := Wish{Member: member, Exact: s.rnd.IntN(2) == 0, MaxRecords: 1 + s.rnd.IntN(20), BatchSize: 1 + s.rnd.IntN(20)}
	before := map[int64]bool{}
	for at := range s.records {
		before[at] = true
	}
	ranges := s.p.Acquire(s.now, &s.lim, w, from, read)
	last := int64(-1)
	for _, g := range ranges {
		if g.First <= last || g.Last < g.First {
			s.t.Fatalf("ranges %v", ranges)
		}
		last = g.Last
		for at := g.First; at <= g.Last; at++ {
			got++
			r := s.records[at]
			if r == nil {
				r = &twin{}
				s.records[at] = r
			}
			if r.state != Available || at < s.start {
				s.t.Fatalf("%s got %d, which is %+v", member, at, *r)
			}
			if r.count++; r.count != g.Count || r.count > s.lim.Deliveries {
				s.t.Fatalf("%d: delivery %d, told %d", at, r.count, g.Count)
			}
			r.state, r.member, r.until = Acquired, member, s.now.Add(s.lim.Lock)
			s.delivered[at]++
		}
	}
	if w.Exact && got > w.MaxRecords {
		s.t.Fatalf("%d records, %d were asked for", got, w.MaxRecords)
	}
	s.adopt()
	s.took()
	return got
}

// adopt tells the twin of what a fetch put in flight for nobody: the rest of a batch, records of aborted transactions, records that the
// log has no more.
func (s *sim) adopt() {
	for i := range s.p.batches {
		s.p.batches[i].each(func(first int64, r *run) {
			for at := first; at <= r.last; at++ {
				o := s.records[at]
				switch {
				case o == nil && (r.state == Available && r.count == 0 || r.state == Archived):
					s.records[at] = &twin{state: r.state, count: r.count}
				case o != nil && o.state == Available && r.state == Archived && (!s.exists(at) || s.aborted(at)):
					o.state, o.count = Archived, r.count
				}
			}
		})
	}
}

func (s *sim) batchOf(at int64) *LogBatch {
	for i := range s.log {
		if b := &s.log[i]; b.First <= at && at <= b.Last {
			return b
		}
	}
	return nil
}
func (s *sim) exists(at int64) bool  { return s.batchOf(at) != nil }
func (s *sim) aborted(at int64) bool { b := s.batchOf(at); return b != nil && b.Aborted }

// acknowledge speaks of what a member has, of part of it, or of what it does not have.
func (s *sim) acknowledge(member string) {
	var mine []int64
	for at := s.p.start; at < s.p.next; at++ {
		if r := s.records[at]; r != nil && r.state == Acquired && r.member == member {
			mine = append(mine, at)
		}
	}
	if len(mine) == 0 || s.rnd.IntN(12) == 0 {
		at := s.p.start + s.rnd.Int64N(s.p.next-s.p.start+3)
		if r := s.records[at]; at < s.p.next && r != nil && r.state == Acquired && r.member == member {
			return
		}
		if err := s.p.Acknowledge(s.now, &s.lim, member, []Ack{{at, at, []AckType{Accept}}}); err == nil && at >= s.p.start {
			s.t.Fatalf("%s acknowledged %d: %+v", member, at, s.records[at])
		}
		s.took()
		return
	}
	first := mine[s.rnd.IntN(len(mine))]
	last := first
	for r := s.records[last+1]; r != nil && r.state == Acquired && r.member == member && s.rnd.IntN(6) > 0; r = s.records[last+1] {
		last++
	}
	ack := Ack{First: first, Last: last}
	for range last - first + 1 {
		ack.Types = append(ack.Types, AckType(s.rnd.IntN(5)))
	}
	if s.rnd.IntN(2) == 0 {
		ack.Types = ack.Types[:1]
	}
	if err := s.p.Acknowledge(s.now, &s.lim, member, []Ack{ack}); err != nil {
		s.t.Fatalf("%s acknowledges %+v: %v", member, ack, err)
	}
	for at := first; at <= last; at++ {
		r := s.records[at]
		switch ack.of(at) {
		case Accept:
			*r = twin{state: Acknowledged, count: r.count}
		case Release:
			s.free(r)
		case Renew:
			r.until = s.now.Add(s.lim.Lock)
		default:
			*r = twin{state: Archived, count: r.count}
		}
	}
	s.took()
}

func (s *sim) check() {
	p := s.p
	if p.start < s.start {
		s.t.Fatalf("the start fell from %d to %d", s.start, p.start)
	}
	s.start = p.start
	at := p.start
	for i := range p.batches {
		b := &p.batches[i]
		if b.first < at || !b.split && len(b.runs) != 1 {
			s.t.Fatalf("batches %+v", p.batches)
		}
		b.each(func(first int64, r *run) {
			if r.last < first {
				s.t.Fatalf("an empty run in %+v", b)
			}
			for o := first; o <= r.last; o++ {
				if w := s.records[o]; w == nil || w.state != r.state || w.count != r.count || w.member != r.member {
					s.t.Fatalf("%d is %+v, and should be %+v", o, r, w)
				}
			}
		})
		at = b.last() + 1
	}
	if len(p.batches) > 0 && at != p.next {
		s.t.Fatalf("the last batch ends at %d, next is %d", at, p.next)
	}
	state, _ := s.states.Get(s.key)
	last := int64(-1)
	for _, b := range state.Batches {
		if b.First <= last {
			s.t.Fatalf("state %+v", state)
		}
		last = b.Last
		for o := b.First; o <= b.Last; o++ {
			if w := s.written[o]; w.State != b.State || w.Count != b.Count {
				s.t.Fatalf("%d is read back as %+v, %+v was written", o, b, w)
			}
		}
	}
}

// drain accepts whatever comes until nothing does.
func (s *sim) drain() {
	end := int64(0)
	if n := len(s.log); n > 0 {
		end = s.log[n-1].Last + 1
	}
	for rounds := 0; s.p.start < max(end, s.trimmed); rounds++ {
		if rounds > 5000 {
			s.t.Fatalf("no end: start %d of %d, %+v", s.p.start, end, s.p)
		}
		s.now = s.now.Add(s.lim.Lock)
		s.expire()
		s.fetch("z")
		for at, r := range s.records {
			if r.state == Acquired && r.member == "z" && at >= s.p.start {
				if err := s.p.Acknowledge(s.now, &s.lim, "z", []Ack{{at, at, []AckType{Accept}}}); err != nil {
					s.t.Fatal(err)
				}
				*r = twin{state: Acknowledged, count: r.count}
			}
		}
		s.took()
		s.check()
	}
	for _, b := range s.log {
		for at := b.First; at <= b.Last; at++ {
			if at < s.trimmed || b.Aborted {
				continue
			}
			if r := s.records[at]; at >= s.p.start || r == nil || !r.state.terminal() {
				s.t.Fatalf("%d is left over: %+v, start %d, next %d, %+v", at, r, s.p.start, s.p.next, s.p.batches)
			}
			if s.delivered[at] == 0 {
				s.t.Fatalf("%d is done and was never delivered", at)
			}
		}
	}
}
