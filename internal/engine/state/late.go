package state

// lateRows are the rows with a TTL that have come back from the Spill and were not
// touched since: they are older than their place at the end of the list of ages
// would say. It is a heap by the time of their last touch; rows that were touched,
// deleted or spilled meanwhile are passed over when they come up.
type lateRows struct {
	heap []lateRow
	live int // rows that have isLate
}

type lateRow struct {
	stamp int64
	id    int32
}

func (l *lateRows) push(t *Table, stamp int64, id int32) {
	l.live++
	l.heap = append(l.heap, lateRow{stamp, id})
	for i := len(l.heap) - 1; i > 0; {
		up := (i - 1) / 2
		if l.heap[up].stamp <= l.heap[i].stamp {
			break
		}
		l.heap[up], l.heap[i] = l.heap[i], l.heap[up]
		i = up
	}
	if len(l.heap) > 1024 && len(l.heap) > 4*l.live {
		l.rebuild(t)
	}
}

func (l *lateRows) pop() lateRow {
	top, last := l.heap[0], len(l.heap)-1
	l.heap[0] = l.heap[last]
	l.heap = l.heap[:last]
	l.sift(0)
	return top
}

func (l *lateRows) sift(i int) {
	for {
		least := i
		for _, kid := range [2]int{2*i + 1, 2*i + 2} {
			if kid < len(l.heap) && l.heap[kid].stamp < l.heap[least].stamp {
				least = kid
			}
		}
		if least == i {
			return
		}
		l.heap[i], l.heap[least] = l.heap[least], l.heap[i]
		i = least
	}
}

// is says that an entry is still true.
func (r lateRow) is(t *Table) bool {
	return t.flags[r.id]&isLate != 0 && t.ages.stamp[r.id] == r.stamp
}

// rebuild leaves out what is not true any more.
func (l *lateRows) rebuild(t *Table) {
	kept := l.heap[:0]
	seen := map[lateRow]bool{}
	for _, r := range l.heap {
		if r.is(t) && !seen[r] {
			seen[r] = true
			kept = append(kept, r)
		}
	}
	l.heap = kept
	for i := len(l.heap)/2 - 1; i >= 0; i-- {
		l.sift(i)
	}
}

// expire deletes the rows that were last touched at or before limit.
func (l *lateRows) expire(t *Table, limit int64) {
	for len(l.heap) > 0 && l.heap[0].stamp <= limit {
		if r := l.pop(); r.is(t) {
			t.Delete(r.id)
		}
	}
}
