package operator

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// lateList are the rows of one batch that an operator drops, with their times, or those of
// their windows' ends, and what they were late against.
type lateList struct {
	rows      []int32
	at, limit []int64
}

func (l *lateList) reset() { l.rows, l.at, l.limit = l.rows[:0], l.at[:0], l.limit[:0] }

func (l *lateList) add(r int32, at, limit int64) {
	l.rows, l.at, l.limit = append(l.rows, r), append(l.at, at), append(l.limit, limit)
}

// drop counts the rows, and keeps them if anybody does.
func (l *lateList) drop(ctx *Context, port int, b *vec.Batch, reason string) error {
	return ctx.Late(port, len(l.rows), func() *LateRows {
		return &LateRows{Batch: b, Rows: l.rows, Reason: reason, Time: l.at, Watermark: l.limit}
	})
}

// LateTime is that of the input's time attribute.
func (o *sessionAgg) LateTime() []types.Type {
	if o.spec.Windows.ProcTime {
		return []types.Type{{}}
	}
	return []types.Type{o.spec.Input[o.spec.Windows.TimeCol]}
}

// LateTime is that of the order.
func (o *over) LateTime() []types.Type {
	if o.spec.ProcTime {
		return []types.Type{{}}
	}
	return []types.Type{o.spec.Input[o.spec.TimeCol]}
}

// LateTime is that of the windows' ends.
func (o *windowJoin) LateTime() []types.Type {
	return []types.Type{o.spec.Left[o.spec.LeftEnd], o.spec.Right[o.spec.RightEnd]}
}

// LateTime is that of the windows' ends.
func (o *windowTopN) LateTime() []types.Type { return []types.Type{o.spec.Input[o.spec.End]} }
