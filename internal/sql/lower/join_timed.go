package lower

import (
	"github.com/millrace/millrace/internal/engine/operator"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/types"
)

func (b *builder) windowJoin(n *plan.WindowJoin) (operator.Operator, error) {
	residual, err := compileOne(n.Residual)
	if err != nil {
		return nil, err
	}
	spec := operator.WindowJoinSpec{
		Kind: joinKinds[n.Kind], Left: plan.Types(n.Left), Right: plan.Types(n.Right),
		LeftKeys: n.LeftKeys, RightKeys: n.RightKeys, NullSafe: n.NullSafe, Residual: residual,
		LeftEnd: n.LeftWindow.End, RightEnd: n.RightWindow.End,
	}
	if n.LeftWindow.TimeType.Root == types.TimestampLTZ {
		spec.Location = b.env.Location
	}
	return operator.NewWindowJoin(spec), nil
}

func intervalJoin(n *plan.IntervalJoin) (operator.Operator, error) {
	residual, err := compileOne(n.Residual)
	if err != nil {
		return nil, err
	}
	iv := n.Interval
	return operator.NewIntervalJoin(operator.IntervalJoinSpec{
		Kind: joinKinds[n.Kind], Left: plan.Types(n.Left), Right: plan.Types(n.Right),
		LeftKeys: n.LeftKeys, RightKeys: n.RightKeys, NullSafe: n.NullSafe, Residual: residual,
		LeftTime: iv.Left, RightTime: iv.Right, ProcTime: !iv.RowTime, Lower: iv.Lower, Upper: iv.Upper,
	}), nil
}
