package optimize

import (
	"slices"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
)

// useFields tells sources which fields of their ROW columns a statement uses.
//
// Effect: of a table with one wide ROW for each kind of event, a format decodes
// only what queries look at.
//
// Safe: a field is left out only if every use of its column, in all plans that share
// the source, is the access to another field. What an operator other than a projection
// or a filter gets is used whole.
func useFields(roots []plan.Node, src *sources) {
	t := tracer{scans: map[string]map[int]fieldUse{}}
	for _, r := range roots {
		t.node(r, allOf(r))
	}
	for key, columns := range t.scans {
		p, ok := src.byKey[key].source.(connector.FieldPruner)
		if !ok {
			continue
		}
		for c, u := range columns {
			if !u.whole {
				slices.Sort(u.fields)
				p.UseFields(c, slices.Compact(u.fields))
			}
		}
	}
}

// fieldUse is what of a column is used: all of it, or some fields.
type fieldUse struct {
	whole  bool
	fields []int
}

func (u fieldUse) or(v fieldUse) fieldUse {
	return fieldUse{u.whole || v.whole, append(slices.Clone(u.fields), v.fields...)}
}

func allOf(n plan.Node) []fieldUse {
	out := make([]fieldUse, len(n.Fields()))
	for i := range out {
		out[i].whole = true
	}
	return out
}

// tracer follows columns down to the scans, by their keys and the table's columns.
type tracer struct{ scans map[string]map[int]fieldUse }

func (t *tracer) node(n plan.Node, use []fieldUse) {
	switch n := n.(type) {
	case *plan.LogicalProject:
		below := make([]fieldUse, len(n.Input.Fields()))
		for i, e := range n.Exprs {
			if c, ok := e.(*rex.Column); ok {
				below[c.Index] = below[c.Index].or(use[i])
				continue
			}
			collectFields(e, below)
		}
		t.node(n.Input, below)
	case *plan.LogicalFilter:
		below := slices.Clone(use)
		collectFields(n.Cond, below)
		t.node(n.Input, below)
	case *plan.LogicalWatermark:
		below := slices.Clone(use)
		collectFields(n.Expr, below)
		below[n.Column].whole = true
		t.node(n.Input, below)
	case *plan.Scan:
		t.scan(n, use)
	default:
		for _, in := range n.Inputs() {
			t.node(in, allOf(in))
		}
	}
}

func (t *tracer) scan(n *plan.Scan, use []fieldUse) {
	key := physicalKey(n)
	if t.scans[key] == nil {
		t.scans[key] = map[int]fieldUse{}
	}
	for i, c := range n.Columns {
		t.scans[key][c] = t.scans[key][c].or(use[i])
	}
}

// collectFields adds what an expression uses.
func collectFields(e rex.Expr, use []fieldUse) {
	rex.Walk(e, func(e rex.Expr) bool {
		switch e := e.(type) {
		case *rex.Field:
			if c, ok := e.X.(*rex.Column); ok {
				use[c.Index].fields = append(use[c.Index].fields, e.Index)
				return false
			}
		case *rex.Column:
			use[e.Index].whole = true
		}
		return true
	})
}
