package operator

import (
	"slices"

	"github.com/millrace/millrace/internal/vec"
)

// sessionTVF attaches sessions to rows. Where a session ends is known only when it
// is over, so that the rows wait for it; they are kept under their session's number,
// and emitted together.
type sessionTVF struct {
	spec  WindowAggregateSpec
	at    sessions
	rows  *serialTable
	fired []int32
}

// NewSessionTVF makes the operator; keys are the PARTITION BY columns, by which the
// input is distributed, and the size of the windows is the gap. The input only
// inserts. Output as that of NewWindowTVF.
func NewSessionTVF(spec WindowTVFSpec, keys []int) Operator {
	return &sessionTVF{spec: WindowAggregateSpec{Input: spec.Input, Windows: spec.Windows, Keys: keys, TimeType: spec.TimeType}}
}

func (o *sessionTVF) Open(ctx *Context) error {
	o.at.open(ctx, &o.spec, nil)
	o.at.merge = o.merge
	n := len(o.spec.Input)
	in := append(slices.Clone(o.spec.Input), countType) // and the session's number
	key := append(slices.Clone(o.spec.Keys), n)
	o.rows = serialSpec{spills: true}.open(ctx.State, "rows", in, key, len(o.spec.Keys), countTo(len(key)))
	return nil
}

// of lists the rows of a session.
func (o *sessionTVF) of(id int32) []int32 {
	var ids []int32
	key := gatherKeys(o.at.table, len(o.spec.Keys)+1, []int32{id})
	for row := o.rows.table.FirstOf(key, 0); row >= 0; row = o.rows.table.Next(row) {
		ids = append(ids, row)
	}
	return ids
}

// merge gives the rows of a session the number of another.
func (o *sessionTVF) merge(into, from int32) error {
	ids := o.of(from)
	if len(ids) == 0 {
		return nil
	}
	cols := o.rows.gather(ids)
	number := cols[len(cols)-1].I64
	for i := range number {
		number[i] = o.at.numbers()[into]
	}
	for _, id := range ids {
		o.rows.table.Delete(id)
	}
	o.rows.add(&vec.Batch{N: len(ids), Cols: cols}, countUp(nil, len(ids)))
	return nil
}

func (o *sessionTVF) Process(_ int, b *vec.Batch, _ Emit) error {
	if err := o.at.assign(b); err != nil {
		return err
	}
	number := vec.New(countType, b.N, 0)
	numbers := o.at.numbers()
	for i, r := range o.at.rows {
		number.I64[r] = numbers[o.at.ids[i]]
	}
	o.rows.add(b.With(append(slices.Clone(b.Cols), number)), o.at.rows)
	return nil
}

func (o *sessionTVF) Advance(wm int64, out Emit) (int64, error) {
	o.at.refresh()
	upTo := o.at.upTo(wm)
	o.fired = o.at.due(upTo, o.fired[:0])
	var rows []int32
	var starts, ends []int64
	for _, id := range o.fired {
		for _, row := range o.of(id) {
			rows, starts, ends = append(rows, row), append(starts, o.at.start.I64[id]), append(ends, o.at.end(id))
		}
	}
	from := 0
	err := inPieces(rows, func(ids []int32) error {
		to := from + len(ids)
		cols := o.rows.gather(ids)
		cols = append(cols[:len(cols)-1], o.at.grid.windowColumns(allProperties, o.spec.TimeType, starts[from:to], ends[from:to])...)
		from = to
		return out(&vec.Batch{N: len(ids), Cols: cols})
	})
	for _, row := range rows {
		o.rows.table.Delete(row)
	}
	for _, id := range o.fired {
		o.at.table.Delete(id)
	}
	o.at.advance(upTo)
	return wm, err
}

// NextAlarm is when the next session of processing time may be over.
func (o *sessionTVF) NextAlarm() (int64, bool) { return o.at.nextAlarm() }
