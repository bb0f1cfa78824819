package lower

import (
	"github.com/millrace/millrace/internal/engine/operator"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/types"
)

func (b *builder) over(n *plan.Over) (operator.Operator, error) {
	in := plan.Types(n.Input)
	spec := operator.OverSpec{
		Input: in, Partition: n.Partition, TimeCol: n.Time, ProcTime: in[n.Time].Attr == types.ProcTime,
		Rows: n.Frame.Rows, Preceding: n.Frame.Preceding, TTL: b.env.StateTTL,
	}
	for _, c := range n.Calls {
		call, err := overCall(n, c, in)
		if err != nil {
			return nil, err
		}
		spec.Calls = append(spec.Calls, call)
	}
	return operator.NewOver(spec), nil
}

func overCall(n *plan.Over, c plan.AggCall, in []types.Type) (operator.AggCall, error) {
	out := operator.AggCall{Args: c.Args, Filter: c.Filter}
	switch c.Name {
	case "ROW_NUMBER":
		out.Fn = operator.NewRowNumber()
	case "RANK", "DENSE_RANK":
		out.Fn, out.Args = operator.NewRank(in[n.Time], c.Name == "DENSE_RANK"), []int{n.Time}
	case "LAG":
		out.Fn = operator.NewLag(in[c.Args[0]], c.Offset)
	default:
		list, err := calls([]plan.AggCall{c}, in)
		if err != nil {
			return out, err
		}
		return list[0], nil
	}
	return out, nil
}
