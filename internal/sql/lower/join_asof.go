package lower

import (
	"slices"

	"github.com/millrace/millrace/internal/engine"
	"github.com/millrace/millrace/internal/engine/operator"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/types"
)

func temporalJoin(n *plan.TemporalJoin) (operator.Operator, error) {
	residual, err := compileOne(n.Residual)
	if err != nil {
		return nil, err
	}
	return operator.NewTemporalJoin(operator.TemporalJoinSpec{
		Kind: joinKinds[n.Kind], Left: plan.Types(n.Left), Right: plan.Types(n.Right), LeftKeys: n.LeftKeys, RightKeys: n.RightKeys,
		LeftTime: n.LeftTime, RightTime: n.RightTime, Residual: residual,
	}), nil
}

func lookupJoin(n *plan.LookupJoin) (operator.Operator, error) {
	spec := operator.LookupJoinSpec{Kind: joinKinds[n.Kind], Left: plan.Types(n.Left), Keys: n.LeftKeys}
	for _, f := range n.Right() {
		spec.Right = append(spec.Right, f.Type)
	}
	var err error
	if spec.Filter, err = compileOne(n.Where); err != nil {
		return nil, err
	}
	if spec.Project, err = compileAll(n.Exprs); err != nil {
		return nil, err
	}
	if spec.Residual, err = compileOne(n.Residual); err != nil {
		return nil, err
	}
	table := engine.LookupTable{
		Name: n.Table.Table.Path.Name(), Source: n.Table.Source, Columns: n.Table.Columns, Types: plan.Types(n.Table), Keys: n.RightKeys,
	}
	for i := range table.Types {
		table.Types[i].Attr = types.NoTime
	}
	for _, c := range n.Table.Table.Connector.PrimaryKey {
		if at := slices.Index(n.Table.Columns, c); at >= 0 {
			table.Primary = append(table.Primary, at)
		}
	}
	spec.Open = func(*operator.Context) (operator.Lookup, error) { return engine.NewTableLookup(table), nil }
	return operator.NewLookupJoin(spec), nil
}
