package share

import (
	"cmp"
	"slices"
)

// State is what __share_group_state says of a share partition: a snapshot, and the updates since.
type State struct {
	SnapshotEpoch int32 // rises with each snapshot
	StateEpoch    int32 // of the group when the state was made
	LeaderEpoch   int32
	Start         int64 // -1 while nobody has fetched
	Complete      int32 // records from Start on that are done; -1 if that is not known
	Created       int64 // ms since 1970, as is Written
	Written       int64
	Batches       []StateBatch // in order, none overlaps another
}

// StateBatch is records in a row whose state is equal.
type StateBatch struct {
	First, Last int64
	State       RecordState
	Count       int16
}

// Update is what has changed of a state.
type Update struct {
	SnapshotEpoch, LeaderEpoch int32
	Start                      int64 // -1 if it has not changed
	Complete                   int32
	Batches                    []StateBatch
}

// merge applies an update.
func (s *State) merge(u *Update) {
	if u.Start != -1 {
		s.Start = u.Start
	}
	if u.LeaderEpoch != -1 {
		s.LeaderEpoch = u.LeaderEpoch
	}
	s.Complete = u.Complete
	s.Batches = combine(s.Batches, u.Batches, s.Start)
}

// stronger says which of two batches counts where both speak of a record: the one of the later delivery, or the later state in it. So
// updates may come in any order, and more than once.
func (b StateBatch) stronger(o StateBatch) bool {
	return cmp.Or(cmp.Compare(b.Count, o.Count), cmp.Compare(b.State, o.State)) > 0
}

func (b StateBatch) joins(o StateBatch) bool {
	return b.Count == o.Count && b.State == o.State && b.Last+1 == o.First
}

// combine makes one list of two, of which the first is in order and without overlaps. What lies before the start is left out.
func combine(old, more []StateBatch, start int64) []StateBatch {
	more = slices.Clone(more)
	slices.SortStableFunc(more, func(a, b StateBatch) int { return cmp.Compare(a.First, b.First) })
	flat := flatten(more)
	old = slices.Clone(old) // rest changes both
	out := make([]StateBatch, 0, len(old)+len(flat))
	add := func(b StateBatch) {
		if b.First = max(b.First, start); b.First > b.Last {
			return
		}
		if n := len(out); n > 0 && out[n-1].joins(b) {
			out[n-1].Last = b.Last
			return
		}
		out = append(out, b)
	}
	for len(old) > 0 || len(flat) > 0 {
		switch {
		case len(flat) == 0 || len(old) > 0 && old[0].Last < flat[0].First:
			add(old[0])
			old = old[1:]
		case len(old) == 0 || flat[0].Last < old[0].First:
			add(flat[0])
			flat = flat[1:]
		default: // they overlap: what of them comes first, and then what both speak of
			a, b := old[0], flat[0]
			if a.First < b.First {
				add(StateBatch{a.First, b.First - 1, a.State, a.Count})
			} else if b.First < a.First {
				add(StateBatch{b.First, a.First - 1, b.State, b.Count})
			}
			both := b
			if a.stronger(b) {
				both = a
			}
			both.First, both.Last = max(a.First, b.First), min(a.Last, b.Last)
			add(both)
			old, flat = rest(old, both.Last), rest(flat, both.Last)
		}
	}
	return out
}

// rest is a list without what of its head lies up to an offset.
func rest(list []StateBatch, last int64) []StateBatch {
	if list[0].Last <= last {
		return list[1:]
	}
	list[0].First = last + 1
	return list
}

// flatten takes overlaps out of a sorted list.
func flatten(list []StateBatch) []StateBatch {
	for i := 1; i < len(list); i++ {
		if list[i].First <= list[i-1].Last {
			var out []StateBatch
			for _, b := range list {
				out = combine(out, []StateBatch{b}, min(b.First, list[0].First))
			}
			return out
		}
	}
	return list
}

// States are the states of the share partitions of a node.
type States map[Key]*stored

type stored struct {
	State
	updates int   // since the last snapshot
	at      int64 // where in its partition of the topic the last snapshot is
}

// Get is a copy of a state, and whether there is one. Its batches are not to be changed.
func (ss States) Get(k Key) (State, bool) {
	s := ss[k]
	if s == nil {
		return State{Start: -1, Complete: -1}, false
	}
	return s.State, true
}

// Initialize is the record that makes a state, or makes it anew: with a start, or -1 for none.
func (ss States) Initialize(k Key, stateEpoch int32, start, now int64) Record {
	s := State{StateEpoch: stateEpoch, Start: start, Complete: -1, Created: now, Written: now}
	if start >= 0 {
		s.Complete = 0
	}
	if old := ss[k]; old != nil {
		s.SnapshotEpoch = old.SnapshotEpoch + 1
	}
	return s.record(k)
}

// Write is the record of an update: a snapshot, once there have been enough updates since the last.
func (ss States) Write(k Key, u *Update, perSnapshot int, now int64) Record {
	s := ss[k]
	if s == nil { // it was lost with the log, though the group has it: begin again
		s = &stored{State: State{Start: -1, Complete: -1}, updates: perSnapshot}
	}
	if s.updates >= perSnapshot {
		next := s.State
		next.merge(u)
		next.SnapshotEpoch, next.Created, next.Written = s.SnapshotEpoch+1, now, now
		return next.record(k)
	}
	out := *u
	out.SnapshotEpoch, out.LeaderEpoch = s.SnapshotEpoch, s.LeaderEpoch
	return out.record(k)
}

// Refresh is the record that writes a state again, so that what was written before is not needed.
func (ss States) Refresh(k Key, now int64) (r Record, ok bool) {
	s := ss[k]
	if s == nil {
		return Record{}, false
	}
	next := s.State
	next.SnapshotEpoch, next.Written = next.SnapshotEpoch+1, now
	return next.record(k), true
}

// Snapshot is where a state's last snapshot is.
func (ss States) Snapshot(k Key) int64 { return ss[k].at }
