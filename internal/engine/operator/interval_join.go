package operator

import (
	"slices"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// IntervalJoinSpec joins rows whose times lie within an interval of each other, of
// inputs that only insert.
type IntervalJoinSpec struct {
	// Kind is an inner or an outer join.
	Kind JoinKind
	// Left and Right are the types of the inputs' columns; the output has both.
	Left, Right []types.Type
	// LeftKeys and RightKeys are what is equated; the inputs are distributed by
	// them. NullSafe as in JoinSpec.
	LeftKeys, RightKeys []int
	NullSafe            []bool
	// LeftTime and RightTime are the event time columns; with ProcTime a row's time
	// is that of the step in which it comes.
	LeftTime, RightTime int
	ProcTime            bool
	// Rows match if Lower <= left time - right time <= Upper, in milliseconds.
	Lower, Upper int64
	// Residual is what the condition asks besides; nil: nothing.
	Residual vec.Expr
}

// intervalJoin keeps a row as long as the other side may still get one that it
// matches: until the watermark is past its expiry.
//
//	              Lower      l.ts       Upper          expiry of r: r.ts + Upper
//	left  ──────────┼──────────●──────────┼────▶
//	right ───────────────●─────┴─────────────●─▶       expiry of l: l.ts - Lower
//
// Flink cleans up in intervals; what a late row finds there depends on when it did.
// Here it depends on watermarks alone, whatever the steps: each row remembers the
// watermark at which it came (its limit), and a pair matches if the row that came
// first had not expired at the limit of the second. Of two with equal limits either
// may have been first. So that both can meet in any order of batches, a row that
// was too late when it came stays until the watermark moves.
//
// A row of an outer side that has not matched is emitted with NULLs when it
// expires. Time attributes of both sides live on, so the output's watermark is held
// back by the larger bound: no row of it is late that was not late here.
type intervalJoin struct {
	spec  IntervalJoinSpec
	ctx   *Context
	sides [2]intervalSide
	delay int64
	clock clock
	wm    int64
	seen  int

	rows, keyed, null, heads []int32
	at, limits               []int64 // of the batch's rows, by place in rows
	hit                      []bool
	in, other                []int32 // candidate pairs: place in rows, id
	out                      intervalOutput
}

type intervalSide struct {
	types  []types.Type
	keys   []int
	time   int
	unit   types.Unit
	reach  int64 // expiry is the row's time and this
	store  *serialTable
	timers timers
	padded bool
}

// The columns that are kept beside a row.
const (
	intervalAt = iota
	intervalLimit
	intervalMatched
)

// NewIntervalJoin makes the operator.
func NewIntervalJoin(spec IntervalJoinSpec) Operator {
	o := &intervalJoin{spec: spec, wm: vec.MinTime, delay: max(-spec.Lower, spec.Upper, 0) + 1}
	k := spec.Kind
	o.sides[0] = intervalSide{types: spec.Left, keys: spec.LeftKeys, time: spec.LeftTime, reach: -spec.Lower, padded: k == LeftJoin || k == FullJoin}
	o.sides[1] = intervalSide{types: spec.Right, keys: spec.RightKeys, time: spec.RightTime, reach: spec.Upper, padded: k == RightJoin || k == FullJoin}
	for i := range o.sides {
		if s := &o.sides[i]; !spec.ProcTime {
			s.unit = s.types[s.time].Unit()
		}
	}
	return o
}

func (o *intervalJoin) Open(ctx *Context) error {
	o.ctx = ctx
	for i, name := range []string{"left", "right"} {
		s := &o.sides[i]
		s.store = openSerial(ctx.State, name, s.types, slices.Clone(s.keys), len(s.keys), countTo(len(s.keys)), timeKey, timeKey, types.TBool.Required())
	}
	o.clock = openClock(ctx.State)
	return nil
}

func (o *intervalJoin) refresh() {
	n := o.clock.restored()
	for i := range o.sides {
		n += o.sides[i].store.table.Restored()
	}
	if n == o.seen {
		return
	}
	o.seen, o.wm = n, o.clock.now()
	for i := range o.sides {
		s := &o.sides[i]
		s.timers.clear()
		s.store.table.Scan(s.schedule)
	}
}

// schedule sets the timer of a row.
func (s *intervalSide) schedule(id int32) {
	at := max(s.store.extra(intervalAt).I64[id]+s.reach, s.store.extra(intervalLimit).I64[id])
	s.timers.push(timer{at: at + 1, age: s.store.table.Age(id), id: id})
}

// now is the watermark that rows are held against: of processing time the step's
// time.
func (o *intervalJoin) now() int64 {
	if o.spec.ProcTime {
		return o.ctx.Eval.Now.UnixMilli()
	}
	return o.wm
}

func (o *intervalJoin) Process(port int, b *vec.Batch, out Emit) error {
	o.refresh()
	s, other := &o.sides[port], &o.sides[1-port]
	o.times(s, b)
	o.keyed, o.null = withoutNulls(o.keyed, o.null, b, o.rows, s.keys, o.spec.NullSafe)
	o.out.begin(o, port, b, out)
	if len(o.null) > 0 {
		if err := o.alone(s); err != nil {
			return err
		}
	}
	o.heads = sized(o.heads, len(o.rows))
	o.hit = sized(o.hit, len(o.rows))
	clear(o.hit)
	other.store.table.First(pick(nil, b, s.keys), o.rows, o.heads)
	for i, id := range o.heads {
		for ; id >= 0; id = other.store.table.Next(id) {
			if !o.meets(port, i, id) {
				continue
			}
			if o.in, o.other = append(o.in, int32(i)), append(o.other, id); len(o.in) == vec.BatchRows {
				if err := o.decide(port); err != nil {
					return err
				}
			}
		}
	}
	if err := o.decide(port); err != nil {
		return err
	}
	o.keep(s, b)
	return o.out.flush()
}

// times finds the time and the limit of each row, and leaves those without a time
// out.
func (o *intervalJoin) times(s *intervalSide, b *vec.Batch) {
	o.rows, o.at, o.limits = o.rows[:0], o.at[:0], o.limits[:0]
	now := o.now()
	for i := range b.Len() {
		r := b.Row(i)
		at, limit := now, now
		if !o.spec.ProcTime {
			v := b.Cols[s.time]
			if v.IsNull(r) {
				o.ctx.Metrics.NullTimeRows++
				continue
			}
			at = millis(v.I64[r], s.unit)
			if b.Before != nil {
				limit = max(limit, b.Before[r])
			}
			if at+s.reach < limit {
				o.ctx.Metrics.LateRows++
			}
		}
		o.rows, o.at, o.limits = append(o.rows, int32(r)), append(o.at, at), append(o.limits, limit)
	}
}

// alone emits the rows that can equal nothing, if their side is an outer one, and
// leaves them out of what follows.
func (o *intervalJoin) alone(s *intervalSide) error {
	next := 0
	k := 0
	for i, r := range o.rows {
		if next < len(o.null) && o.null[next] == r {
			next++
			if s.padded {
				if err := o.out.put(r, -1, o.limits[i]); err != nil {
					return err
				}
			}
			continue
		}
		o.rows[k], o.at[k], o.limits[k] = r, o.at[i], o.limits[i]
		k++
	}
	o.rows, o.at, o.limits = o.rows[:k], o.at[:k], o.limits[:k]
	return nil
}

// meets says whether a row of the batch and one of the other side are within the
// interval, and the first to come was there when the second did.
func (o *intervalJoin) meets(port, i int, id int32) bool {
	s, other := &o.sides[port], &o.sides[1-port]
	at, theirs := o.at[i], other.store.extra(intervalAt).I64[id]
	diff := at - theirs
	if port == 1 {
		diff = -diff
	}
	if diff < o.spec.Lower || diff > o.spec.Upper {
		return false
	}
	limit, their := o.limits[i], other.store.extra(intervalLimit).I64[id]
	mine, them := at+s.reach, theirs+other.reach
	switch {
	case their < limit:
		return them >= limit
	case their > limit:
		return mine >= their
	}
	return mine >= limit || them >= limit
}

// decide puts the candidates through the residual and emits those that hold.
func (o *intervalJoin) decide(port int) error {
	if len(o.in) == 0 {
		return nil
	}
	other := &o.sides[1-port]
	var cond *vec.Vector
	if o.spec.Residual != nil {
		cols := o.out.columns(gatherRows(o.rows, o.in), o.other)
		var err error
		if cond, err = o.spec.Residual.Eval(o.ctx.Eval, &vec.Batch{N: len(o.in), Cols: cols}); err != nil {
			return err
		}
	}
	matched, limits := other.store.extra(intervalMatched).Bool, other.store.extra(intervalLimit).I64
	for k, i := range o.in {
		if cond != nil && !holds(cond, k) {
			continue
		}
		id := o.other[k]
		o.hit[i] = true
		if other.padded && !matched[id] {
			matched[id] = true
			other.store.table.Touch(id)
		}
		if err := o.out.put(o.rows[i], id, max(o.limits[i], limits[id])); err != nil {
			return err
		}
	}
	o.in, o.other = o.in[:0], o.other[:0]
	return nil
}

// keep stores the batch's rows.
func (o *intervalJoin) keep(s *intervalSide, b *vec.Batch) {
	for i, id := range s.store.add(b, o.rows) {
		s.store.extra(intervalAt).I64[id] = o.at[i]
		s.store.extra(intervalLimit).I64[id] = o.limits[i]
		s.store.extra(intervalMatched).Bool[id] = o.hit[i]
		s.schedule(id)
	}
}

func (o *intervalJoin) Advance(wm int64, out Emit) (int64, error) {
	o.refresh()
	upTo := wm
	if o.spec.ProcTime && wm != vec.MaxTime {
		upTo = o.ctx.Eval.Now.UnixMilli()
	}
	for port := range o.sides {
		if err := o.expire(port, upTo, out); err != nil {
			return wm, err
		}
	}
	if o.spec.ProcTime {
		return wm, nil
	}
	if wm > o.wm {
		o.wm = wm
		o.clock.set(wm)
	}
	return o.heldBack(wm), nil
}

// heldBack is a watermark as it is behind the join.
func (o *intervalJoin) heldBack(wm int64) int64 {
	if wm == vec.MaxTime || wm < vec.MinTime+o.delay {
		return wm
	}
	return wm - o.delay
}

// expire drops the rows that nothing can match any more.
func (o *intervalJoin) expire(port int, upTo int64, out Emit) error {
	s := &o.sides[port]
	if len(s.timers) == 0 || s.timers[0].at > upTo {
		return nil
	}
	t := s.store.table
	t.Hold()
	defer t.Release()
	// The port is the other one's: rows of the table go with NULLs of a batch.
	o.out.begin(o, 1-port, nil, out)
	matched := s.store.extra(intervalMatched).Bool
	for {
		due, ok := s.timers.due(upTo)
		if !ok {
			return o.out.flush()
		}
		if s.padded && !matched[due.id] {
			if err := o.out.put(-1, due.id, due.at-1); err != nil {
				return err
			}
		}
		t.Delete(due.id)
	}
}

// NextAlarm is when the next row of processing time expires, if that shows.
func (o *intervalJoin) NextAlarm() (int64, bool) {
	if !o.spec.ProcTime {
		return 0, false
	}
	o.refresh()
	at, ok := int64(0), false
	for i := range o.sides {
		if s := &o.sides[i]; s.padded && len(s.timers) > 0 && (!ok || s.timers[0].at < at) {
			at, ok = s.timers[0].at, true
		}
	}
	return at, ok
}

// intervalOutput collects results: a row of the batch and one of the other side's
// table, either of which may be -1 for NULLs.
type intervalOutput struct {
	op    *intervalJoin
	port  int
	batch *vec.Batch
	emit  Emit

	rows, ids []int32
	before    []int64
}

func (e *intervalOutput) begin(op *intervalJoin, port int, b *vec.Batch, out Emit) {
	e.op, e.port, e.batch, e.emit = op, port, b, out
	e.rows, e.ids, e.before = e.rows[:0], e.ids[:0], nil
}

func (e *intervalOutput) put(row, id int32, limit int64) error {
	e.rows, e.ids = append(e.rows, row), append(e.ids, id)
	e.before = append(e.before, e.op.heldBack(limit))
	if len(e.rows) < vec.BatchRows {
		return nil
	}
	return e.flush()
}

func (e *intervalOutput) flush() error {
	if len(e.rows) == 0 {
		return nil
	}
	b := &vec.Batch{N: len(e.rows), Cols: e.columns(e.rows, e.ids)}
	if !e.op.spec.ProcTime {
		b.Before = e.before
	}
	e.rows, e.ids, e.before = e.rows[:0], e.ids[:0], nil
	return e.emit(b)
}

// columns gathers rows of the batch and of the table, the left side's first.
func (e *intervalOutput) columns(rows, ids []int32) []*vec.Vector {
	o := e.op
	mine := make([]*vec.Vector, len(o.sides[e.port].types))
	for c := range mine {
		if e.batch == nil {
			mine[c] = vec.NewNulls(o.sides[e.port].types[c].Nullable(), len(rows))
		} else {
			mine[c] = vec.Copy(e.batch.Cols[c], rows)
		}
	}
	theirs := o.sides[1-e.port].store.gather(ids)
	if o.sides[1-e.port].padded {
		mine = nullable(mine)
	}
	if o.sides[e.port].padded {
		theirs = nullable(theirs)
	}
	if e.port == 0 {
		return append(mine, theirs...)
	}
	return append(theirs, mine...)
}
