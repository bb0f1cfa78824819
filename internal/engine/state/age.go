package state

import (
	"cmp"
	"slices"

	"github.com/millrace/millrace/internal/vec"
)

// ages is the list of a table's rows by the time of their last touch, the oldest
// first: what has lived its TTL is at the front, so that expiring costs nothing
// but the rows that expire. It stays empty in tables without a TTL.
type ages struct {
	stamp       []int64 // epoch milliseconds of the last touch
	next, prev  []int32 // -1 at the ends
	first, last int32
	any         bool
}

func (a *ages) grow(r *vec.Room, n int) {
	a.stamp = vec.Extend(r, a.stamp, n, vec.MaxRows)
	a.next = vec.Extend(r, a.next, n, vec.MaxRows)
	a.prev = vec.Extend(r, a.prev, n, vec.MaxRows)
}

func (a *ages) memBytes() int64 { return int64(len(a.stamp)) * 16 }

func (a *ages) push(id int32) {
	a.next[id], a.prev[id] = -1, -1
	if !a.any {
		a.first, a.last, a.any = id, id, true
		return
	}
	a.next[a.last], a.prev[id], a.last = id, a.last, id
}

func (a *ages) remove(id int32) {
	prev, next := a.prev[id], a.next[id]
	if prev >= 0 {
		a.next[prev] = next
	} else {
		a.first = next
	}
	if next >= 0 {
		a.prev[next] = prev
	} else {
		a.last = prev
	}
	a.any = a.first >= 0
}

func (t *Table) renewAge(id int32) {
	t.ages.stamp[id] = t.store.now
	if t.loose {
		return
	}
	t.dropAge(id)
	t.ages.push(id)
}

func (t *Table) dropAge(id int32) {
	if t.flags[id]&isLate != 0 {
		t.flags[id] &^= isLate
		t.cold.late.live--
		return
	}
	t.ages.remove(id)
}

// expired says that a row that was last touched then has lived its TTL.
func (t *Table) expired(stamp int64) bool { return stamp <= t.store.now-t.spec.TTL.Milliseconds() }

// expire deletes the rows that were last touched a TTL ago or longer.
func (t *Table) expire(now int64) {
	if t.spec.TTL == 0 {
		return
	}
	t.settle()
	for t.ages.any && t.expired(t.ages.stamp[t.ages.first]) {
		t.Delete(t.ages.first)
	}
	if t.cold != nil {
		t.cold.late.expire(t, now-t.spec.TTL.Milliseconds())
	}
}

// settle makes chains and ages anew if rows were restored since.
func (t *Table) settle() {
	if !t.loose {
		return
	}
	t.loose = false
	if t.cold != nil {
		t.cold.direct = false
		t.cold.write()
	}
	if t.spec.Index != nil {
		t.relink()
	}
	if t.spec.TTL > 0 {
		t.relist()
	}
}

// relist orders the rows by their age anew.
func (t *Table) relist() {
	var ids []int32
	for id := range int32(t.n) {
		if t.flags[id]&isLive != 0 {
			t.flags[id] &^= isLate
			ids = append(ids, id)
		}
	}
	if t.cold != nil {
		t.cold.late = lateRows{}
	}
	slices.SortFunc(ids, func(x, y int32) int {
		return cmp.Or(cmp.Compare(t.ages.stamp[x], t.ages.stamp[y]), cmp.Compare(t.hash[x], t.hash[y]))
	})
	t.ages.any = false
	for _, id := range ids {
		t.ages.push(id)
	}
}
