package operator

import (
	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// overChunk is what is known of rows that are emitted together; slices go by their
// position.
type overChunk struct {
	rows []int32 // of a batch that comes in
	at   []int64

	b      *vec.Batch // the rows, with the input's columns
	reduce *vec.Batch // with those of frame
	groups []int32
	prev   []int32 // the position of the row before in the same partition, or -1
	level  []int32
	last   []int32 // the position of the last peer
	order  run     // positions by level
	seen   seen
	ends   []int32 // the last position of each partition
	frames []int32 // ids in frame

	// leave are the rows that leave the frame before a position, from[pos] to
	// from[pos+1]; first is the first row in its frame.
	leave []int32
	from  []int32
	first []int32
	gone  *vec.Batch
}

// emit computes the results of rows that are due, in the order of time.
func (o *over) emit(ids []int32, at []int64, out Emit) error {
	c := &o.chunk
	c.b = &vec.Batch{N: len(ids), Cols: o.pending.gather(ids)}
	c.reduce = c.b.With(pick(nil, c.b, o.kept))
	for _, id := range ids {
		o.pending.table.Delete(id)
	}
	c.groups = sized(c.groups, len(ids))
	o.accs.Lookup(c.reduce.Cols[:len(o.spec.Partition)], nil, true, c.groups)
	o.accs.TouchAll(c.groups)
	c.sort(at, o.spec.Rows)
	o.move(at)
	o.hist.reserve(len(ids))
	o.calls.zero(o.hist.cells, countUp(nil, len(ids)))
	for l := range len(c.order.width) - 1 {
		if err := o.level(c.order.order[c.order.width[l]:c.order.width[l+1]], l); err != nil {
			return err
		}
	}
	if err := o.computeAnew(); err != nil {
		return err
	}
	results, err := o.calls.results(o.hist.cells, c.last, len(o.spec.Calls))
	if err != nil {
		return err
	}
	o.writeBack()
	cols := append(append([]*vec.Vector{}, c.b.Cols...), results...)
	for from := 0; from < len(ids); from += vec.BatchRows {
		to := min(from+vec.BatchRows, len(ids))
		piece := &vec.Batch{N: to - from}
		for _, v := range cols {
			piece.Cols = append(piece.Cols, vec.Slice(v, from, to))
		}
		if err := out(piece); err != nil {
			return err
		}
	}
	return nil
}

// sort finds each row's predecessor, level and last peer.
func (c *overChunk) sort(at []int64, rows bool) {
	n := len(c.groups)
	c.prev, c.level, c.last, c.ends = sized(c.prev, n), sized(c.level, n), sized(c.last, n), c.ends[:0]
	c.seen.begin(c.groups)
	for pos, g := range c.groups {
		prev, again := c.seen.get(g)
		c.prev[pos], c.level[pos] = -1, 0
		if again {
			c.prev[pos], c.level[pos] = prev, c.level[prev]+1
		}
		c.seen.put(g, int32(pos))
	}
	for pos := n - 1; pos >= 0; pos-- {
		if last, _ := c.seen.get(c.groups[pos]); last == int32(pos) {
			c.ends = append(c.ends, last)
			c.last[pos] = last
		}
		if prev := c.prev[pos]; prev >= 0 {
			c.last[prev] = prev
			if at[prev] == at[pos] {
				c.last[prev] = c.last[pos]
			}
		}
		if rows {
			c.last[pos] = int32(pos)
		}
	}
	c.order.level = c.level
	c.order.sortByLevel()
}

// move puts the rows into their frames, and finds what leaves these.
func (o *over) move(at []int64) {
	c := &o.chunk
	c.leave, c.from, c.first = c.leave[:0], append(c.from[:0], 0), c.first[:0]
	n := len(c.groups)
	if !o.bounded() {
		c.from = sized(c.from, n+1)
		clear(c.from)
		return
	}
	t := o.frame.table
	c.frames = append(c.frames[:0], o.frame.add(c.reduce, countUp(nil, n))...)
	times := o.frame.extra(0)
	for pos, id := range c.frames {
		times.I64[id] = at[pos]
		if o.expires() {
			o.expire(id, at[pos])
		}
	}
	heads := make([]int32, n)
	t.First(c.reduce.Cols[:len(o.spec.Partition)], nil, heads)
	for pos, g := range c.groups {
		first := heads[pos]
		if prev := c.prev[pos]; prev >= 0 {
			first = c.first[prev]
		}
		if o.spec.Rows {
			if o.size.I64[g] > o.spec.Preceding {
				c.leave, first = append(c.leave, first), t.Next(first)
				o.size.I64[g]--
			}
		} else {
			for times.I64[first] < at[pos]-o.spec.Preceding {
				c.leave, first = append(c.leave, first), t.Next(first)
				o.size.I64[g]--
			}
		}
		o.size.I64[g]++
		c.first, c.from = append(c.first, first), append(c.from, int32(len(c.leave)))
	}
	c.gone = &vec.Batch{N: len(c.leave), Cols: o.frame.gather(c.leave)}
}

// level makes the accumulators of positions, whose predecessors are made: each is of
// another partition.
func (o *over) level(positions []int32, level int) error {
	c := &o.chunk
	source, from := o.accs.Values(), make([]int32, len(positions))
	for i, pos := range positions {
		from[i] = c.groups[pos]
		if level > 0 {
			from[i] = c.prev[pos]
		}
	}
	if level > 0 {
		source = o.hist.cells
	}
	copyCells(o.hist.cells, positions, source, from)
	if err := o.leaveFrames(positions); err != nil {
		return err
	}
	for i, call := range o.inFrame {
		if o.anew[i] || call.Distinct {
			continue
		}
		if err := o.fold(i, call, o.calls.part(o.hist.cells, i), positions, c.reduce, positions, false); err != nil {
			return err
		}
	}
	for _, s := range o.sets {
		if err := s.count(o, o.hist.cells, positions, c.reduce, positions, false); err != nil {
			return err
		}
	}
	return nil
}

// leaveFrames takes back what leaves the frames of positions: one row of each at a
// time, for a DISTINCT argument may leave twice.
func (o *over) leaveFrames(positions []int32) error {
	c := &o.chunk
	for round := int32(0); ; round++ {
		var groups, rows []int32
		for _, pos := range positions {
			if k := c.from[pos] + round; k < c.from[pos+1] {
				groups, rows = append(groups, pos), append(rows, k)
			}
		}
		if len(rows) == 0 {
			return nil
		}
		for i, call := range o.inFrame {
			if o.anew[i] || call.Distinct {
				continue
			}
			if err := o.fold(i, call, o.calls.part(o.hist.cells, i), groups, c.gone, rows, true); err != nil {
				return err
			}
		}
		for _, s := range o.sets {
			if err := s.count(o, o.hist.cells, groups, c.gone, rows, true); err != nil {
				return err
			}
		}
	}
}

// computeAnew computes the calls that cannot take back, from the frames.
func (o *over) computeAnew() error {
	c := &o.chunk
	for i, call := range o.inFrame {
		if !o.anew[i] {
			continue
		}
		for _, col := range o.calls.part(o.hist.cells, i) {
			for pos := range c.last {
				col.Zero(pos) // they have what the row before had
			}
		}
		var ids, groups []int32
		flush := func() error {
			b := &vec.Batch{N: len(ids), Cols: o.frame.gather(ids)}
			rows := countUp(nil, len(ids))
			if call.Distinct {
				groups, rows = o.distinct(call, groups, b)
			}
			err := o.fold(i, call, o.calls.part(o.hist.cells, i), groups, b, rows, false)
			ids, groups = ids[:0], groups[:0]
			return err
		}
		for pos, last := range c.last {
			if int(last) != pos {
				continue // its last peer has the result
			}
			for id := c.first[pos]; ; id = o.frame.table.Next(id) {
				ids, groups = append(ids, id), append(groups, int32(pos))
				if id == c.frames[pos] {
					break
				}
			}
			if len(ids) >= vec.BatchRows {
				if err := flush(); err != nil {
					return err
				}
			}
		}
		if err := flush(); err != nil {
			return err
		}
	}
	return nil
}

// distinct leaves out the rows whose arguments a group has before them.
func (o *over) distinct(call AggCall, groups []int32, b *vec.Batch) (g, rows []int32) {
	key := []types.Type{types.TInt.Required()}
	number := vec.New(key[0], b.N, 0)
	copy(number.I32, groups)
	keys := []*vec.Vector{number}
	for _, a := range call.Args {
		key, keys = append(key, b.Cols[a].Type), append(keys, b.Cols[a])
	}
	known := state.NewTable(state.TableSpec{Key: key})
	for r, group := range groups {
		if call.Filter >= 0 && !holds(b.Cols[call.Filter], r) {
			continue
		}
		before := known.Len()
		if known.Make(keys, r); known.Len() > before {
			g, rows = append(g, group), append(rows, int32(r))
		}
	}
	return g, rows
}

// writeBack keeps the accumulators of each partition's last row.
func (o *over) writeBack() {
	c := &o.chunk
	groups := make([]int32, len(c.ends))
	for i, pos := range c.ends {
		groups[i] = c.groups[pos]
	}
	copyCells(o.accs.Values()[:len(o.hist.cells)], groups, o.hist.cells, c.ends)
	for _, id := range c.leave {
		o.frame.table.Delete(id)
	}
}
