package operator

import (
	"time"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// Lookup answers which rows of a table have a key, as the table is now. It belongs
// to one worker.
type Lookup interface {
	// Find appends to from and rows a pair for each row of the table whose key is that
	// of keys at a row of the batch: from is the place in the batch's rows, rows names
	// the row to Columns.
	Find(keys []*vec.Vector, batch []int32, from, rows []int32) ([]int32, []int32, error)
	// Columns gathers rows that Find has named since the last Refresh.
	Columns(rows []int32) []*vec.Vector
	// Refresh brings the table up to date; it is called once a step, before Find.
	Refresh(now time.Time) error
	Close() error
}

// LookupJoinSpec joins each row with the rows that a table has for it at this moment:
// FOR SYSTEM_TIME AS OF a processing time.
type LookupJoinSpec struct {
	// Kind is InnerJoin or LeftJoin.
	Kind JoinKind
	Left []types.Type
	// Keys are the left columns that are looked up.
	Keys []int
	// Open opens the table when the worker starts.
	Open func(ctx *Context) (Lookup, error)
	// Filter and Project make the right side's columns of the table's; nil: all rows,
	// the columns as they are.
	Filter  vec.Expr
	Project []vec.Expr
	// Right are the types of the right side's columns.
	Right []types.Type
	// Residual is what the condition asks besides, over both sides; nil: nothing.
	Residual vec.Expr
}

// lookupJoin keeps nothing: a restored job looks up again, and may find other rows,
// as in Flink. Changes pass with their kinds.
type lookupJoin struct {
	spec  LookupJoinSpec
	ctx   *Context
	table Lookup
	fresh time.Time
	any   bool

	sel, keyed, null []int32
	from, rows       []int32
}

// NewLookupJoin makes the operator.
func NewLookupJoin(spec LookupJoinSpec) Operator { return &lookupJoin{spec: spec} }

func (o *lookupJoin) Open(ctx *Context) (err error) {
	o.ctx = ctx
	o.table, err = o.spec.Open(ctx)
	return err
}

func (o *lookupJoin) Process(_ int, b *vec.Batch, out Emit) error {
	if now := o.ctx.Eval.Now; !o.any || !now.Equal(o.fresh) {
		if err := o.table.Refresh(now); err != nil {
			return err
		}
		o.fresh, o.any = now, true
	}
	o.sel = selected(o.sel, b)
	for from := 0; from < len(o.sel); from += vec.BatchRows {
		if err := o.join(b, o.sel[from:min(from+vec.BatchRows, len(o.sel))], out); err != nil {
			return err
		}
	}
	return nil
}

// join joins rows of a batch. The pairs of a row stand together.
func (o *lookupJoin) join(b *vec.Batch, rows []int32, out Emit) error {
	o.keyed, o.null = withoutNulls(o.keyed, o.null, b, rows, o.spec.Keys, nil)
	var err error
	if o.from, o.rows, err = o.table.Find(pick(nil, b, o.spec.Keys), o.keyed, o.from[:0], o.rows[:0]); err != nil {
		return err
	}
	left := gatherRows(o.keyed, o.from)
	right, keep, err := o.right(b, left)
	if err != nil {
		return err
	}
	var l, r []int32 // rows of the batch, places among the pairs
	next := 0
	for _, row := range rows {
		matched := false
		for ; next < len(left) && left[next] == row; next++ {
			if keep == nil || keep[next] {
				l, r, matched = append(l, row), append(r, int32(next)), true
			}
		}
		if !matched && o.spec.Kind == LeftJoin {
			l, r = append(l, row), append(r, -1)
		}
	}
	return o.emit(b, l, r, right, out)
}

// right makes the right side's columns of the pairs, and says which of these hold;
// nil: all.
func (o *lookupJoin) right(b *vec.Batch, left []int32) (cols []*vec.Vector, keep []bool, err error) {
	n := len(left)
	raw := &vec.Batch{N: n, Cols: o.table.Columns(o.rows)}
	and := func(e vec.Expr, over *vec.Batch) error {
		if e == nil || n == 0 {
			return nil
		}
		cond, err := e.Eval(o.ctx.Eval, over)
		if err != nil {
			return err
		}
		if keep == nil {
			keep = make([]bool, n)
			for i := range keep {
				keep[i] = true
			}
		}
		for i := range keep {
			keep[i] = keep[i] && holds(cond, i)
		}
		return nil
	}
	if err := and(o.spec.Filter, raw); err != nil {
		return nil, nil, err
	}
	cols = raw.Cols
	if o.spec.Project != nil {
		cols = make([]*vec.Vector, len(o.spec.Project))
		for i, e := range o.spec.Project {
			if cols[i], err = e.Eval(o.ctx.Eval, raw); err != nil {
				return nil, nil, err
			}
		}
	}
	if o.spec.Residual != nil {
		all := make([]*vec.Vector, 0, len(b.Cols)+len(cols))
		for _, c := range b.Cols {
			all = append(all, vec.Copy(c, left))
		}
		err = and(o.spec.Residual, &vec.Batch{N: n, Cols: append(all, cols...)})
	}
	return cols, keep, err
}

func (o *lookupJoin) emit(b *vec.Batch, l, r []int32, right []*vec.Vector, out Emit) error {
	for from := 0; from < len(l); from += vec.BatchRows {
		to := min(from+vec.BatchRows, len(l))
		rows := l[from:to]
		res := &vec.Batch{N: to - from}
		for _, c := range b.Cols {
			res.Cols = append(res.Cols, vec.Copy(c, rows))
		}
		for i, c := range right {
			v := vec.Copy(c, r[from:to])
			v.Type = o.spec.Right[i]
			if o.spec.Kind == LeftJoin {
				v.Type = v.Type.Nullable()
			}
			res.Cols = append(res.Cols, v)
		}
		if b.Kinds != nil {
			res.Kinds = gatherRows(b.Kinds, rows)
		}
		if b.Before != nil {
			res.Before = gatherRows(b.Before, rows)
		}
		if err := out(res); err != nil {
			return err
		}
	}
	return nil
}

func (o *lookupJoin) Advance(wm int64, _ Emit) (int64, error) { return wm, nil }

// Close closes the table when the worker ends.
func (o *lookupJoin) Close() error {
	if o.table == nil {
		return nil
	}
	return o.table.Close()
}
