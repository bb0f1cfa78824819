package operator

import (
	"slices"
	"time"

	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// OverSpec is aggregates OVER (PARTITION BY … ORDER BY time … PRECEDING AND CURRENT
// ROW), of an input that only inserts.
type OverSpec struct {
	// Input are the types of the input's columns; the output has them and then the
	// results of Calls.
	Input []types.Type
	// Partition are the PARTITION BY columns; the input is distributed by them.
	Partition []int
	// TimeCol is the event time that the rows are ordered by; with ProcTime they are
	// in the order of arrival.
	TimeCol  int
	ProcTime bool
	// Rows counts rows; else rows of the same time are peers, which share a result.
	Rows bool
	// Preceding is how far the frame goes back: rows, or milliseconds; below 0 it is
	// unbounded.
	Preceding int64
	Calls     []AggCall
	// TTL is how long a partition of an unbounded frame is remembered; 0: for ever.
	TTL time.Duration
}

// over emits each row once, when the watermark has passed its time, so that the
// order is that of time whatever the order of arrival; rows of equal times stand as
// they came. Late rows are counted and dropped, where Flink only drops.
//
//	pending   rows that the watermark has not passed
//	accs      for each partition, the accumulators of the frame of its last row
//	frame     the rows of these frames, oldest first: what has to be taken back
//	          when the frame moves on. An unbounded frame needs none.
//	valuesN   how often each argument of a DISTINCT call is in the frame
//
// Rows of many partitions are worked on together (see history). A function that
// cannot take back is computed from its frame anew.
//
// A frame of RANGE goes when the watermark has passed it; one of ROWS stays, n rows
// a partition, as in Flink.
type over struct {
	spec  OverSpec
	ctx   *Context
	unit  types.Unit
	calls *calls
	clock clock
	wm    int64
	known int

	pending *serialTable
	times   timers
	accs    *state.Table // partition -> cells, rows in the frame
	size    *vec.Column
	frame   *serialTable // of columns kept; extra: the row's time
	kept    []int        // input columns of frame: the partition's, then those of calls
	inFrame []AggCall    // Calls over the columns of frame
	expiry  timers
	anew    []bool // calls that are computed from the frame
	sets    []*overSet

	hist  history
	chunk overChunk
	late  lateList
}

// NewOver makes the operator.
func NewOver(spec OverSpec) Operator {
	o := &over{spec: spec, wm: vec.MinTime, calls: layoutCalls(spec.Calls)}
	if !spec.ProcTime {
		o.unit = spec.Input[spec.TimeCol].Unit()
	}
	o.hist.init(o.calls.types)
	o.kept = slices.Clone(spec.Partition)
	for _, c := range spec.Calls {
		o.anew = append(o.anew, o.bounded() && !c.Fn.Retractable())
		moved := c
		moved.Args = nil
		for _, a := range c.Args {
			moved.Args = append(moved.Args, o.keep(a))
		}
		if c.Filter >= 0 {
			moved.Filter = o.keep(c.Filter)
		}
		o.inFrame = append(o.inFrame, moved)
	}
	return o
}

func (o *over) bounded() bool { return o.spec.Preceding >= 0 }

// keep is the place of an input column among those of frame.
func (o *over) keep(col int) int {
	if at := slices.Index(o.kept, col); at >= 0 {
		return at
	}
	o.kept = append(o.kept, col)
	return len(o.kept) - 1
}

func (o *over) Open(ctx *Context) error {
	o.ctx = ctx
	k := len(o.spec.Partition)
	if o.bounded() {
		o.spec.TTL = 0 // the rows of a frame and what was made of them go together
	}
	o.pending = openSerial(ctx.State, "pending", o.spec.Input, slices.Clone(o.spec.Partition), k, []int{}, timeKey)
	keys := columnTypes(o.spec.Input, o.spec.Partition)
	o.accs = ctx.State.Table(state.TableSpec{
		Name: "accumulators", Key: keys, HashKey: k, Value: append(slices.Clone(o.calls.types), countType), TTL: o.spec.TTL,
	})
	o.size = o.accs.Value(len(o.calls.types))
	if o.bounded() {
		o.frame = openSerial(ctx.State, "frame", columnTypes(o.spec.Input, o.kept), countTo(k), k, countTo(k), timeKey)
	}
	for i, s := range valueSets(o.spec.Calls, func(c AggCall) bool { return c.Distinct }) {
		o.sets = append(o.sets, &overSet{valueSet: s, table: ctx.State.Table(state.TableSpec{
			Name: setName(i), Key: append(slices.Clone(keys), columnTypes(o.spec.Input, s.args)...), HashKey: k,
			Value: repeated(countType, len(s.calls)), TTL: o.spec.TTL,
		})})
	}
	o.clock = openClock(ctx.State)
	return nil
}

func (o *over) refresh() {
	n := o.pending.table.Restored() + o.clock.restored()
	if o.frame != nil {
		n += o.frame.table.Restored()
	}
	if n == o.known {
		return
	}
	o.known, o.wm = n, o.clock.now()
	o.times.clear()
	at := o.pending.extra(0)
	o.pending.table.Scan(func(id int32) { o.times.push(timer{at: at.I64[id], age: o.number(o.pending, id), id: id}) })
	o.expiry.clear()
	if o.expires() {
		at := o.frame.extra(0)
		o.frame.table.Scan(func(id int32) { o.expire(id, at.I64[id]) })
	}
}

// number is the serial number of a row: its age.
func (o *over) number(t *serialTable, id int32) int64 {
	return t.table.Key(len(o.spec.Partition)).I64[id]
}

// expires says whether rows leave the frame with time.
func (o *over) expires() bool { return o.bounded() && !o.spec.Rows }

func (o *over) expire(id int32, at int64) {
	o.expiry.push(timer{at: at + o.spec.Preceding, age: o.number(o.frame, id), id: id})
}

func (o *over) Process(_ int, b *vec.Batch, _ Emit) error {
	o.refresh()
	c := &o.chunk
	c.rows, c.at = c.rows[:0], c.at[:0]
	o.late.reset()
	now := o.ctx.Eval.Now.UnixMilli()
	for i := range b.Len() {
		r := b.Row(i)
		at := now
		if !o.spec.ProcTime {
			v := b.Cols[o.spec.TimeCol]
			if v.IsNull(r) {
				o.ctx.Metrics.NullTimeRows++
				continue
			}
			limit := o.wm
			if b.Before != nil {
				limit = max(limit, b.Before[r])
			}
			if at = millis(v.I64[r], o.unit); at <= limit {
				o.late.add(int32(r), at, limit)
				continue
			}
		}
		c.rows, c.at = append(c.rows, int32(r)), append(c.at, at)
	}
	times := o.pending.extra(0)
	for i, id := range o.pending.add(b, c.rows) {
		times.I64[id] = c.at[i]
		o.times.push(timer{at: c.at[i], age: o.number(o.pending, id), id: id})
	}
	return o.late.drop(o.ctx, 0, b, "the watermark has passed the row")
}

func (o *over) Advance(wm int64, out Emit) (int64, error) {
	o.ctx.State.Tick(o.ctx.Eval.Now)
	o.refresh()
	upTo := wm
	if o.spec.ProcTime && wm != vec.MaxTime {
		upTo = o.ctx.Eval.Now.UnixMilli()
	}
	for {
		ids, at := o.due(upTo)
		if len(ids) == 0 {
			break
		}
		if err := o.emit(ids, at, out); err != nil {
			return wm, err
		}
	}
	if err := o.dropExpired(upTo); err != nil {
		return wm, err
	}
	if !o.spec.ProcTime && wm > o.wm {
		o.wm = wm
		o.clock.set(wm)
	}
	return wm, nil
}

// due takes the next rows, in the order of time; peers are never parted.
func (o *over) due(upTo int64) (ids []int32, at []int64) {
	for {
		limit := upTo
		if len(ids) >= vec.BatchRows {
			limit = min(limit, at[len(at)-1])
		}
		t, ok := o.times.due(limit)
		if !ok {
			return ids, at
		}
		ids, at = append(ids, t.id), append(at, t.at)
	}
}

// dropExpired takes rows out of frames that no row to come can reach.
func (o *over) dropExpired(upTo int64) error {
	var ids []int32
	for {
		t, ok := o.expiry.due(upTo)
		if !ok {
			break
		}
		if o.frame.table.Has(t.id) && o.number(o.frame, t.id) == t.age {
			ids = append(ids, t.id)
		}
	}
	return inPieces(ids, o.takeBack)
}

// takeBack takes rows of the frame out of the accumulators.
func (o *over) takeBack(ids []int32) error {
	b := &vec.Batch{N: len(ids), Cols: o.frame.gather(ids)}
	groups := make([]int32, len(ids))
	o.accs.Lookup(b.Cols[:len(o.spec.Partition)], nil, true, groups)
	o.accs.TouchAll(groups)
	all := countUp(nil, len(ids))
	for i, call := range o.inFrame {
		if o.anew[i] || call.Distinct {
			continue
		}
		if err := o.fold(i, call, o.calls.cells(o.accs, i), groups, b, all, true); err != nil {
			return err
		}
	}
	for _, s := range o.sets {
		for i := range ids { // one partition may lose the same argument twice
			if err := s.count(o, o.accs.Values(), groups[i:i+1], b, all[i:i+1], true); err != nil {
				return err
			}
		}
	}
	for i, id := range ids {
		o.frame.table.Delete(id)
		if o.size.I64[groups[i]]--; o.size.I64[groups[i]] == 0 {
			o.accs.Delete(groups[i])
		}
	}
	return nil
}

// fold adds rows to accumulators, or takes them back; call's columns are those of b.
func (o *over) fold(i int, call AggCall, cells []*vec.Column, groups []int32, b *vec.Batch, rows []int32, back bool) error {
	if call.Filter >= 0 {
		var g, r []int32
		for k, row := range rows {
			if holds(b.Cols[call.Filter], int(row)) {
				g, r = append(g, groups[k]), append(r, row)
			}
		}
		groups, rows = g, r
	}
	if len(rows) == 0 {
		return nil
	}
	args := pick(nil, b, call.Args)
	if back {
		return call.Fn.Retract(cells, groups, args, rows)
	}
	return call.Fn.Add(cells, groups, args, rows)
}

// overSet counts the arguments of DISTINCT calls in each frame.
type overSet struct {
	valueSet
	table *state.Table // partition, args -> a count for each call
}

// count counts arguments of rows of different partitions, and folds those that come
// first, or go last. b has the columns of frame.
func (s *overSet) count(o *over, cells []*vec.Column, groups []int32, b *vec.Batch, rows []int32, back bool) error {
	keys := pick(nil, b, countTo(len(o.spec.Partition)))
	for _, a := range o.inFrame[s.calls[0]].Args {
		keys = append(keys, b.Cols[a])
	}
	ids := make([]int32, len(rows))
	s.table.Lookup(keys, rows, true, ids)
	s.table.TouchAll(ids)
	for at, c := range s.calls {
		call := o.inFrame[c]
		counts := s.table.Value(at).I64
		var g, r []int32
		for k, id := range ids {
			if call.Filter >= 0 && !holds(b.Cols[call.Filter], int(rows[k])) {
				continue
			}
			turned := false
			if back {
				counts[id]--
				turned = counts[id] == 0
			} else {
				counts[id]++
				turned = counts[id] == 1
			}
			if turned && !o.anew[c] {
				g, r = append(g, groups[k]), append(r, rows[k])
			}
		}
		call.Filter = -1
		if err := o.fold(c, call, o.calls.part(cells, c), g, b, r, back); err != nil {
			return err
		}
	}
	for _, id := range ids {
		if s.table.Has(id) && s.isEmpty(id) {
			s.table.Delete(id)
		}
	}
	return nil
}

func (s *overSet) isEmpty(id int32) bool {
	for at := range s.calls {
		if s.table.Value(at).I64[id] != 0 {
			return false
		}
	}
	return true
}
