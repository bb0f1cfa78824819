package checker

import (
	"fmt"
	"slices"
)

// Check lists what cannot be, sorted; nothing if the history is one of a log that
// keeps its word:
//
//	lost          an acknowledged write is not there at the end
//	moved         an acknowledged write is not at the offset of its acknowledgement
//	duplicate     a write is there twice
//	inconsistent  an offset gave two values
//	vanished      what was read once is not there at the end
//	phantom       a value that nobody wrote
//	refused       a write that the node had refused is there
//	reordered     two writes of a process to a partition are not in its order
//	aborted read  a read_committed reader was given a record of an aborted transaction
//	uncommitted   a record of a committed transaction is hidden from read_committed
//	torn          a transaction is there in part
//	backwards     a reader's offsets did not grow
//	forgotten     a group's committed offset went back
func Check(h *History) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := &check{History: h, byValue: map[int64]*Write{}, placed: map[int64][]Place{}, visible: map[int64]bool{}}
	for i := range h.writes {
		c.byValue[h.writes[i].Value] = &h.writes[i]
	}
	for at, v := range h.final[false] {
		c.placed[v] = append(c.placed[v], at)
	}
	for _, v := range h.final[true] {
		c.visible[v] = true
	}
	c.offsets()
	c.written()
	c.transactions()
	c.order()
	c.sessions()
	c.groups()
	slices.Sort(c.found)
	return slices.Compact(c.found)
}

type check struct {
	*History
	byValue map[int64]*Write
	placed  map[int64][]Place // where a value is at the end
	visible map[int64]bool    // to read_committed at the end
	found   []string
}

func (c *check) anomaly(format string, args ...any) {
	c.found = append(c.found, fmt.Sprintf(format, args...))
}

// outcome is what is known of a write, its transaction considered.
func (c *check) outcome(w *Write) Outcome {
	if w.Txn == 0 || w.Outcome == Refused {
		return w.Outcome
	}
	switch txn := c.txns[w.Txn]; {
	case txn == Refused:
		return Refused
	case txn == Done && w.Outcome == Done:
		return Done
	}
	return Unknown
}

// offsets holds all reads against each other and against the end.
func (c *check) offsets() {
	values := map[Place]int64{}
	see := func(at Place, v int64) {
		if was, ok := values[at]; ok && was != v {
			c.anomaly("inconsistent: partition %d offset %d gave %d and %d", at.Partition, at.Offset, min(was, v), max(was, v))
		}
		values[at] = v
		if c.byValue[v] == nil {
			c.anomaly("phantom: %d at partition %d offset %d", v, at.Partition, at.Offset)
		}
	}
	for _, committed := range []bool{false, true} {
		for at, v := range c.final[committed] {
			see(at, v)
		}
	}
	for _, r := range c.reads {
		see(r.Place, r.Value)
		if _, there := c.final[r.Committed][r.Place]; !there {
			c.anomaly("vanished: %d, once read at partition %d offset %d", r.Value, r.Partition, r.Offset)
		}
		if w := c.byValue[r.Value]; r.Committed && w != nil && c.outcome(w) == Refused {
			c.anomaly("aborted read: %d at partition %d offset %d", r.Value, r.Partition, r.Offset)
		}
	}
}

// written holds each write against the end.
func (c *check) written() {
	for i := range c.writes {
		w := &c.writes[i]
		at := c.placed[w.Value]
		switch {
		case len(at) > 1:
			c.anomaly("duplicate: %d is there %d times", w.Value, len(at))
		case len(at) == 0 && w.Outcome == Done:
			c.anomaly("lost: %d, acknowledged at partition %d offset %d", w.Value, w.Partition, w.Offset)
		case len(at) == 1 && w.Outcome == Done && at[0] != (Place{w.Partition, w.Offset}):
			c.anomaly("moved: %d, acknowledged at partition %d offset %d, is at partition %d offset %d", w.Value, w.Partition, w.Offset,
				at[0].Partition, at[0].Offset)
		case len(at) == 1 && w.Outcome == Refused:
			c.anomaly("refused: %d is at partition %d offset %d", w.Value, at[0].Partition, at[0].Offset)
		}
		if w.Txn == 0 && len(at) == 1 && !c.visible[w.Value] {
			c.anomaly("uncommitted: %d, in no transaction", w.Value)
		}
	}
}

// transactions looks for what is there in part.
func (c *check) transactions() {
	in, out := map[int64]int64{}, map[int64]int64{} // a value of the transaction that is visible, that is not
	for i := range c.writes {
		w := &c.writes[i]
		switch {
		case w.Txn == 0 || w.Outcome != Done:
		case c.visible[w.Value]:
			in[w.Txn] = w.Value
			if c.txns[w.Txn] == Refused {
				c.anomaly("aborted read: %d at the end", w.Value)
			}
		default:
			out[w.Txn] = w.Value
			if c.txns[w.Txn] == Done {
				c.anomaly("uncommitted: %d of transaction %d", w.Value, w.Txn)
			}
		}
	}
	for id, v := range in {
		if hidden, ok := out[id]; ok {
			c.anomaly("torn: transaction %d shows %d and hides %d", id, v, hidden)
		}
	}
}

// order holds the writes of a process to a partition, which are listed in the order
// in which they were sent, against their offsets.
func (c *check) order() {
	type stream struct {
		process   int
		partition int32
	}
	last := map[stream]*Write{}
	for i := range c.writes {
		w := &c.writes[i]
		if len(c.placed[w.Value]) != 1 {
			continue
		}
		s := stream{w.Process, w.Partition}
		if before := last[s]; before != nil && c.placed[before.Value][0].Offset > c.placed[w.Value][0].Offset {
			c.anomaly("reordered: %d before %d in partition %d", w.Value, before.Value, w.Partition)
		}
		last[s] = w
	}
}

func (c *check) sessions() {
	type stream struct {
		session   int
		partition int32
	}
	last := map[stream]int64{}
	for _, r := range c.reads {
		s := stream{r.Session, r.Partition}
		if before, ok := last[s]; ok && before >= r.Offset {
			c.anomaly("backwards: partition %d offset %d after %d", r.Partition, r.Offset, before)
		}
		last[s] = r.Offset
	}
}

func (c *check) groups() {
	committed := map[int32]int64{}
	for _, p := range c.positions {
		switch {
		case p.Fetched && p.Offset < committed[p.Partition]:
			c.anomaly("forgotten: partition %d is at %d, %d was committed", p.Partition, p.Offset, committed[p.Partition])
		case !p.Fetched && p.Outcome == Done:
			committed[p.Partition] = p.Offset
		}
	}
}
