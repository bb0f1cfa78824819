package lower

import (
	"github.com/millrace/millrace/internal/engine/operator"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/types"
)

func (b *builder) windowRank(n *plan.WindowRank) operator.Operator {
	spec := operator.WindowTopNSpec{
		Input: plan.Types(n.Input), Partition: n.Partition, End: n.Window.End, Order: sortKeys(n.Order),
		First: n.Start, Last: n.End, RankNumber: n.Number, Youngest: n.Last(),
	}
	if n.Window.TimeType.Root == types.TimestampLTZ {
		spec.Location = b.env.Location
	}
	return operator.NewWindowTopN(spec)
}
