package operator

import (
	"slices"

	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// MatchSkip is AFTER MATCH SKIP.
type MatchSkip uint8

// Where the next match may begin.
const (
	SkipPastLast MatchSkip = iota
	SkipToNext
	SkipToFirst // of SkipVar
	SkipToLast
)

// MatchSpec is MATCH_RECOGNIZE, of an input that only inserts.
type MatchSpec struct {
	// Input are the types of the input's columns; the output are the columns of
	// Partition and then the Measures.
	Input []types.Type
	// Partition are the PARTITION BY columns; the input is distributed by them.
	Partition []int
	// Order is ORDER BY. Its first column is the event time; with ProcTime it is the
	// time of arrival.
	Order    []vec.SortKey
	ProcTime bool
	Pattern  []MatchVar
	// Names are the variables'.
	Names   []string
	Skip    MatchSkip
	SkipVar int
	// Within is how much younger than the first row of a match the others may be, in
	// milliseconds; 0: no limit.
	Within int64
	// Defines are the conditions: each is one BOOLEAN, over slots.
	Defines  []MatchExprs
	Measures MatchExprs
}

// match works as Flink's CEP does: a row is looked at when the watermark has passed
// it, in the order of ORDER BY, and each run of its partition goes on with it, in one
// way or several, or ends.
//
//	pending  rows that the watermark has not passed, in the order of ORDER BY
//	runs     for each partition that has any, its queue of runs; under negative
//	         numbers the matches that wait for a run which began before them
//	rows     the rows of these runs. A match leaves no row out, so that a run needs to
//	         know only its first row, and how many rows each variable has
//
// Rows of many partitions are worked on together, the first row of each, then the
// second, so that conditions are computed on columns. A row that no run of its
// partition is waiting for, and that starts none, touches no state.
type match struct {
	spec  MatchSpec
	ctx   *Context
	auto  *automaton
	unit  types.Unit
	clock clock

	pending *state.Table
	runs    *state.Table
	rows    *state.Table
	rowCols []*vec.Column

	defines  []*matchEval
	measures *matchEval

	late   []int32
	number *vec.Vector
	ids    []int32
	key    []byte
	chunk  matchChunk
}

// NewMatch makes the operator.
func NewMatch(spec MatchSpec) Operator {
	o := &match{spec: spec, auto: compilePattern(spec.Pattern), number: vec.New(countType, 0, 0)}
	if !spec.ProcTime {
		o.unit = spec.Input[spec.Order[0].Col].Unit()
	}
	for _, d := range spec.Defines {
		o.defines = append(o.defines, &matchEval{exprs: d})
	}
	o.measures = &matchEval{exprs: spec.Measures}
	return o
}

func (o *match) Open(ctx *Context) error {
	o.ctx = ctx
	k := len(o.spec.Partition)
	key := append(columnTypes(o.spec.Input, o.spec.Partition), countType)
	sort := []types.Type{countType, types.TBytes.Required()}
	o.pending = ctx.State.Table(state.TableSpec{
		Name: "pending", Key: key, HashKey: k, Index: []int{}, Ordered: true,
		Value: append(append(slices.Clone(o.spec.Input), countType), sort...),
	})
	runs := state.TableSpec{
		Name: "runs", Key: key, HashKey: k,
		Value: repeated(countType, runCounts+len(o.spec.Pattern)),
	}
	if o.spec.Within > 0 {
		runs.Index, runs.Ordered, runs.Value = []int{}, true, append(runs.Value, sort...)
	}
	o.runs = ctx.State.Table(runs)
	rest := others(len(o.spec.Input), o.spec.Partition)
	o.rows = ctx.State.Table(state.TableSpec{Name: "rows", Key: key, HashKey: k, Value: columnTypes(o.spec.Input, rest)})
	o.rowCols = rowColumns(o.rows, len(o.spec.Input), o.spec.Partition, rest)
	o.clock = openClock(ctx.State)
	return nil
}

// Value columns of pending behind the input's, and of runs.
const (
	pendingTime = iota
	pendingWeight
	pendingSort

	runState = iota - 3
	runFirst
	runAt
	runCounts
)

func (o *match) Process(_ int, b *vec.Batch, _ Emit) error {
	rows, at := o.onTime(b)
	t, n := o.pending, len(o.spec.Input)
	age := t.NextAge()
	o.number.N, o.number.I64 = b.N, sized(o.number.I64, b.N)
	for i, r := range rows {
		o.number.I64[r] = age + int64(i)
	}
	o.ids = sized(o.ids, len(rows))
	t.Lookup(append(pick(nil, b, o.spec.Partition), o.number), rows, true, o.ids)
	for c, v := range b.Cols {
		col := t.Value(c)
		for i, id := range o.ids {
			col.Set(int(id), v, int(rows[i]))
		}
	}
	for i, id := range o.ids {
		o.key = appendInt(o.key[:0], at[i])
		o.key = appendSortKey(o.key, o.spec.Order[1:], b.Cols, int(rows[i]))
		t.Value(n + pendingTime).I64[id] = at[i]
		t.Value(n + pendingWeight).I64[id] = 1
		t.Value(n+pendingSort).SetBytes(int(id), o.key)
		t.Link(id)
	}
	return nil
}

// onTime are the rows that are not late, and their times.
func (o *match) onTime(b *vec.Batch) (rows []int32, at []int64) {
	o.late = selected(o.late, b)
	at = make([]int64, 0, len(o.late))
	if o.spec.ProcTime {
		now := o.ctx.Eval.Now.UnixMilli()
		for range o.late {
			at = append(at, now)
		}
		return o.late, at
	}
	wm, v := o.clock.now(), b.Cols[o.spec.Order[0].Col]
	rows = o.late[:0]
	for _, r := range o.late {
		if v.IsNull(int(r)) {
			o.ctx.Metrics.NullTimeRows++
			continue
		}
		limit := wm
		if b.Before != nil {
			limit = max(limit, b.Before[r])
		}
		t := millis(v.I64[r], o.unit)
		if t <= limit {
			o.ctx.Metrics.LateRows++
			continue
		}
		rows, at = append(rows, r), append(at, t)
	}
	return rows, at
}

func (o *match) Advance(wm int64, out Emit) (int64, error) {
	upTo := wm
	if o.spec.ProcTime {
		upTo = o.ctx.Eval.Now.UnixMilli()
	}
	for {
		b, at := o.due(upTo)
		if b.N == 0 {
			break
		}
		if err := o.work(b, at, out); err != nil {
			return wm, err
		}
	}
	for o.spec.Within > 0 {
		keys, n := o.expired(upTo)
		if n == 0 {
			break
		}
		if err := o.expire(keys, n, upTo, out); err != nil {
			return wm, err
		}
	}
	if !o.spec.ProcTime && wm > o.clock.now() {
		o.clock.set(wm)
	}
	return wm, nil
}

// NextAlarm is when the next run of processing time has waited long enough.
func (o *match) NextAlarm() (int64, bool) {
	if !o.spec.ProcTime || o.spec.Within == 0 {
		return 0, false
	}
	id, _ := o.runs.Nth(o.runs.FirstOf(nil, 0), 1)
	if id < 0 || o.runs.Value(runAt).I64[id] == noFirst {
		return 0, false
	}
	return o.runs.Value(runAt).I64[id] + o.spec.Within, true
}

// due takes the next rows out of pending.
func (o *match) due(upTo int64) (*vec.Batch, []int64) {
	n := len(o.spec.Input)
	times := o.pending.Value(n + pendingTime)
	root := o.pending.FirstOf(nil, 0)
	var ids []int32
	var at []int64
	for k := int64(1); k <= vec.BatchRows; k++ {
		id, _ := o.pending.Nth(root, k)
		if id < 0 || times.I64[id] > upTo {
			break
		}
		ids, at = append(ids, id), append(at, times.I64[id])
	}
	b := &vec.Batch{N: len(ids), Cols: gatherCols(o.pending.Values()[:n], ids)}
	o.pending.DeleteAll(ids)
	return b, at
}

// expired are the partitions of runs whose time is over.
func (o *match) expired(upTo int64) (keys []*vec.Vector, n int) {
	root := o.runs.FirstOf(nil, 0)
	var ids []int32
	for k := int64(1); k <= vec.BatchRows; k++ {
		id, _ := o.runs.Nth(root, k)
		if id < 0 || !o.over(o.runs.Value(runAt).I64[id], upTo) {
			break
		}
		ids = append(ids, id)
	}
	for c := range o.spec.Partition {
		keys = append(keys, o.runs.Key(c).Gather(ids))
	}
	return keys, len(ids)
}

// over says whether a run that began at a time has no more time.
func (o *match) over(began, now int64) bool {
	return o.spec.Within > 0 && began != noFirst && now-began >= o.spec.Within
}
