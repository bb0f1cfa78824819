package engine

import (
	"github.com/millrace/millrace/internal/vec"
)

// exchange is an edge whose rows change their worker. A producer cuts a batch
// into selections of it, one for each consumer, and copies no row.
//
// Producers fill one set of boxes while consumers may still empty the other; the
// sets change at each meeting of the producers' level:
//
//	meeting      n              n+1             n+2
//	producer i   │ fills A      │ fills B       │ fills A
//	consumer j   │ takes B ─────┤ takes A ──────┤ takes B
//
// Consumer j has taken all of B before it comes to meeting n+1, so no producer
// finds anything in a box that it begins to fill.
type exchange struct {
	to, port int // the consuming node and its input
	ship     Ship
	keys     []int
	boxes    [2][][][]*vec.Batch // set, producing worker, consuming worker
}

func newExchange(to, port int, ship Ship, keys []int, workers int) *exchange {
	x := &exchange{to: to, port: port, ship: ship, keys: keys}
	for set := range x.boxes {
		x.boxes[set] = make([][][]*vec.Batch, workers)
		for w := range x.boxes[set] {
			x.boxes[set][w] = make([][]*vec.Batch, workers)
		}
	}
	return x
}

// put cuts b into the boxes of w.
func (x *exchange) put(w *worker, level int, b *vec.Batch) {
	boxes := x.boxes[w.met[level]&1][w.index]
	switch x.ship {
	case Single:
		boxes[0] = append(boxes[0], b)
	case Broadcast:
		for to := range boxes {
			boxes[to] = append(boxes[to], b)
		}
	default:
		for to, sel := range w.split.cut(w.job, x.keys, b) {
			if len(sel) > 0 {
				boxes[to] = append(boxes[to], b.Select(sel))
			}
		}
	}
}

// take empties the boxes for w that were filled before the last meeting, in the
// order of the producing workers.
func (x *exchange) take(w *worker, level int, inbox []*vec.Batch) []*vec.Batch {
	for _, boxes := range x.boxes[(w.met[level]-1)&1] {
		inbox = append(inbox, boxes[w.index]...)
		clear(boxes[w.index])
		boxes[w.index] = boxes[w.index][:0]
	}
	return inbox
}

// cutter is scratch for hashing a batch into selections.
type cutter struct {
	cols   []*vec.Vector
	hashes []uint64
	dest   []int32
	count  []int
	sels   [][]int32
}

// cut lists for each worker the rows of b that are its own. The selections are
// new; the list of them is not.
func (c *cutter) cut(j *Job, keys []int, b *vec.Batch) [][]int32 {
	n := b.Len()
	if cap(c.hashes) < n {
		c.hashes, c.dest = make([]uint64, n), make([]int32, n)
	}
	hashes, dest := c.hashes[:n], c.dest[:n]
	c.cols = c.cols[:0]
	for _, k := range keys {
		c.cols = append(c.cols, b.Cols[k])
	}
	vec.HashRows(c.cols, b.Sel, n, hashes)
	clear(c.count)
	for i, h := range hashes {
		to := j.owner[vec.KeyGroup(h, len(j.owner))]
		dest[i] = to
		c.count[to]++
	}
	rows := make([]int32, n)
	for to, k := range c.count {
		c.sels[to], rows = rows[:0:k], rows[k:]
	}
	for i, to := range dest {
		c.sels[to] = append(c.sels[to], int32(b.Row(i)))
	}
	return c.sels
}
