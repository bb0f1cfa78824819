package optimize

import (
	"slices"

	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// rowtime is the event time of a node, -1 if it has none.
func rowtime(n plan.Node) int {
	return slices.IndexFunc(n.Fields(), func(f types.Field) bool { return f.Type.Attr == types.RowTime })
}

// convertTemporal joins with a versioned table: one with a primary key and an event
// time.
func convertTemporal(n *plan.LogicalJoin, left, right plan.Node) (plan.Node, error) {
	at := n.AsOf.At
	if err := onlyInserts("TemporalJoin", left, at); err != nil {
		return nil, err
	}
	time := rowtime(right)
	if time < 0 {
		return nil, errorAt(at, "Event-Time Temporal Table Join requires both primary key and row time attribute in versioned table, but no row time attribute can be found.")
	}
	if left.Fields()[n.AsOf.Time].Type.Attr != types.RowTime {
		return nil, errorAt(at, "the time of FOR SYSTEM_TIME AS OF has lost its attribute on its way: joins and aggregations lose it")
	}
	p := &pairing{k: len(left.Fields()), left: side{in: left}, right: side{in: right}}
	for _, c := range rex.Conjuncts(n.Cond) {
		p.add(c)
	}
	keys := uniqueKeys(right)
	if len(keys) == 0 {
		return nil, errorAt(at, "Temporal Table Join requires primary key in versioned table, but no primary key can be found.")
	}
	if !hasSubset(keys, p.rightKeys) || slices.Contains(p.nullSafe, true) {
		return nil, errorAt(at, "Temporal table's primary key [%s] must be included in the equivalence condition of temporal join", keyNames(right, keys[0]))
	}
	j := &plan.TemporalJoin{Sides: p.sides(n.Kind), LeftTime: n.AsOf.Time, RightTime: time}
	return p.withoutExtra(j, n), nil
}

func keyNames(n plan.Node, key []int) string {
	names := plan.FieldNames(n)
	out := ""
	for i, c := range key {
		if i > 0 {
			out += ", "
		}
		out += names[c]
	}
	return out
}

// lookup joins with a table as it is when a row comes: the operator reads the table,
// and computes what the query makes of its columns pair by pair.
func (c *converter) lookup(n *plan.LogicalJoin) (plan.Node, error) {
	in, err := c.node(n.Left)
	if err != nil {
		return nil, err
	}
	j := &plan.LookupJoin{Kind: n.Kind, Exprs: plan.Columns(n.Right), Names: plan.FieldNames(n.Right)}
	for at := n.Right; j.Table == nil; {
		switch t := at.(type) {
		case *plan.LogicalProject:
			j.Exprs = substituteAll(j.Exprs, t.Exprs)
			if j.Where != nil {
				j.Where = rex.Substitute(j.Where, t.Exprs)
			}
			at = t.Input
		case *plan.LogicalFilter:
			j.Where = both(t.Cond, j.Where)
			at = t.Input
		case *plan.LogicalWatermark:
			at = t.Input
		case *plan.Scan:
			scan := *t
			scan.Source = c.sources.byKey[physicalKey(t)].source
			j.Table = &scan
		default:
			return nil, errorAt(n.AsOf.At, "Processing-time temporal join is supported with a table, and a view that filters and projects one, only")
		}
	}
	if emits(j.Table) != types.AppendOnly && len(scanKeys(j.Table)) == 0 {
		return nil, errorAt(n.AsOf.At, "table '%s' changes rows and has no primary key to find them by", j.Table.Table.Path)
	}
	k := len(in.Fields())
	l := &side{in: in}
	var rest []rex.Expr
	for _, cond := range rex.Conjuncts(n.Cond) {
		a, b, nullSafe, ok := equated(cond, k)
		raw, column := b.(*rex.Column)
		if ok && column {
			raw, column = j.Exprs[raw.Index-k].(*rex.Column)
		}
		if !ok || !column || nullSafe {
			rest = append(rest, cond)
			continue
		}
		j.LeftKeys = append(j.LeftKeys, l.column(a))
		j.RightKeys = append(j.RightKeys, raw.Index)
	}
	if len(j.LeftKeys) == 0 {
		return nil, errorAt(n.AsOf.At, "Temporal table join requires an equality condition on fields of table [%s].", j.Table.Table.Path)
	}
	j.Left = l.node()
	added := len(l.extra)
	if len(rest) > 0 {
		p := &pairing{k: k, left: *l}
		j.Residual = p.moved(rest)
	}
	return withoutExtra(j, n, k, added, 0), nil
}
