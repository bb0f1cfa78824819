package share

import (
	"bytes"
	"slices"
	"testing"
	"time"
)

// FuzzGroupRecord: what is read of a group's record is written again and read as the same; nothing else happens to memory.
func FuzzGroupRecord(f *testing.F) {
	rack := "r"
	a := Assignment{IDPartition{TopicID{1}, 2}: {}, IDPartition{TopicID{3}, 0}: {}}
	for _, c := range []change{
		{kind: keyMember, name: "m", member: &memberSpec{RackID: &rack, ClientID: "c", ClientHost: "/h", Topics: []string{"t", "u"}}},
		{kind: keyEpoch, epoch: 3, hash: 5}, {kind: keyTargetEpoch, epoch: 3, time: 9}, {kind: keyTarget, name: "m", assigned: a},
		{kind: keyCurrent, name: "m", epoch: 3, previous: 2, assigned: a}, {kind: keyMember, name: "m", gone: true},
		{kind: keyStates, states: map[TopicID]topicPartitions{{1}: {"t", []int32{0, 1}}}},
	} {
		r := c.record("g")
		f.Add(r.Key, r.Value, r.Value == nil)
	}
	f.Fuzz(func(t *testing.T, key, value []byte, gone bool) {
		if gone {
			value = nil
		} else if value == nil {
			value = []byte{}
		}
		group, c, err := decodeChange(key, value)
		if err != nil {
			return
		}
		r := c.record(group)
		again, d, err := decodeChange(r.Key, r.Value)
		if err != nil || again != group {
			t.Fatalf("%x %x is read, and not when it is written again: %v", key, value, err)
		}
		if q := d.record(group); !bytes.Equal(q.Key, r.Key) || !bytes.Equal(q.Value, r.Value) {
			t.Fatalf("written as %x, then as %x", r, q)
		}
		g := NewGroup(group, &Config{})
		g.apply(&c)
	})
}

// FuzzState: a state read from any records can be opened and used, and is written and read as the same.
func FuzzState(f *testing.F) {
	k := Key{"g", TopicID{7}, 1}
	s := State{SnapshotEpoch: 1, StateEpoch: 2, Start: 5, Complete: 3, Created: 4, Written: 5, Batches: []StateBatch{{5, 9, Acknowledged, 1}, {12, 14, Available, 2}}}
	snapshot := s.record(k)
	u := Update{Start: 7, Complete: 1, Batches: []StateBatch{{8, 13, Archived, 3}}}
	update := u.record(k)
	f.Add(snapshot.Key, snapshot.Value, update.Key, update.Value)
	f.Add(update.Key, update.Value, snapshot.Key, snapshot.Value)
	f.Fuzz(func(t *testing.T, key, value, key2, value2 []byte) {
		ss := States{}
		for _, r := range []Record{{key, value}, {key2, value2}} {
			k, err := ss.Replay(r.Key, r.Value, 1)
			s, ok := ss.Get(k)
			if err != nil || !ok {
				continue
			}
			last := int64(-1)
			for _, b := range s.Batches {
				if b.First <= last || b.Last < b.First {
					t.Fatalf("batches %+v", s.Batches)
				}
				last = b.Last
			}
			w := s.record(k)
			again := States{}
			if _, err := again.Replay(w.Key, w.Value, 1); err != nil {
				t.Fatal(err)
			}
			if o, _ := again.Get(k); !slices.Equal(o.Batches, s.Batches) || o.Start != s.Start || o.Complete != s.Complete {
				t.Fatalf("%+v is read back as %+v", s, o)
			}
			if s.Start < 0 || last > 1<<40 || s.Start > 1<<40 {
				continue
			}
			p := Open(&s)
			lim := &Limits{Locks: 100, Deliveries: 5, Lock: time.Second}
			from := p.Next()
			p.Acquire(time.UnixMilli(1), lim, Wish{Member: "m", MaxRecords: 10}, from, []LogBatch{{First: from, Last: from + 20}})
			p.Tick(time.UnixMilli(5000), lim)
			p.Take()
		}
	})
}

// TestCombineAgainstTwin holds combine to what one offset at a time gives.
func TestCombineAgainstTwin(t *testing.T) {
	s := newRandom(1)
	for range 3000 {
		list := func(n int) (out []StateBatch) {
			for range s.IntN(n) {
				first := s.Int64N(40)
				out = append(out, StateBatch{first, first + s.Int64N(8), []RecordState{Available, Acknowledged, Archived}[s.IntN(3)], int16(s.IntN(4))})
			}
			return out
		}
		old, more, start := combine(nil, list(6), -1), list(6), s.Int64N(30)-1
		got := combine(old, more, start)
		want := map[int64]StateBatch{}
		for _, b := range append(slices.Clone(old), more...) {
			for at := max(b.First, start); at <= b.Last; at++ {
				if o, ok := want[at]; !ok || b.stronger(o) {
					want[at] = StateBatch{at, at, b.State, b.Count}
				}
			}
		}
		last := int64(-2)
		for _, b := range got {
			if b.First <= last {
				t.Fatalf("%v", got)
			}
			for last = b.First; last <= b.Last; last++ {
				if w := want[last]; w.State != b.State || w.Count != b.Count {
					t.Fatalf("%v and %v from %d: %v, want %+v at %d", old, more, start, got, w, last)
				}
				delete(want, last)
			}
			last = b.Last
		}
		if len(want) > 0 {
			t.Fatalf("%v and %v from %d: %v lacks %v", old, more, start, got, want)
		}
	}
}
