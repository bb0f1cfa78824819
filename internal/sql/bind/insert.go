package bind

import (
	"fmt"
	"strings"

	"github.com/millrace/millrace/internal/sql/catalog"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// Insert binds an INSERT: its query, cast to the columns of the table.
func (b *Binder) Insert(s *parser.Insert) (*plan.LogicalSink, error) {
	o, err := b.object(s.Table)
	if err != nil {
		return nil, err
	}
	t, ok := o.(*catalog.Table)
	switch {
	case !ok:
		return nil, errorAt(s.Table.Pos(), "'%s' is a view: rows cannot be inserted", dotted(s.Table.Parts))
	case s.Partition != nil:
		return nil, unsupported(s.Partition.Pos(), "PARTITION in INSERT is")
	case s.Overwrite:
		return nil, unsupported(s.Pos(), "INSERT OVERWRITE is")
	case s.OnConflict == "ERROR":
		return nil, unsupported(s.Pos(), "ON CONFLICT DO ERROR is")
	}
	for _, h := range s.Hints {
		if h.Name == "OPTIONS" {
			if err = checkOptions(h); err != nil {
				return nil, err
			}
			if t, err = b.withOptions(t, h.Options); err != nil {
				return nil, err
			}
		}
	}
	if t.Factory.NewSink == nil {
		return nil, errorAt(s.Table.Pos(), "table '%s' cannot be written: connector '%s' is a source only", t.Path, t.Connector.Options["connector"])
	}
	return b.InsertInto(t, s)
}

// InsertInto binds the query of an INSERT into a table that is known.
func (b *Binder) InsertInto(t *catalog.Table, s *parser.Insert) (*plan.LogicalSink, error) {
	targets, err := insertTargets(t, s)
	if err != nil {
		return nil, err
	}
	query, err := b.Query(s.Query)
	if err != nil {
		return nil, err
	}
	n := len(targets)
	if got := len(query.Fields()); got != n {
		return nil, errorAt(s.Query.Pos(), "table '%s' takes %s%s, but the query gives %d", t.Path.Name(), count(n, "column"), columnHint(t, targets), got)
	}
	input, err := castInto(t, s, query, targets)
	if err != nil {
		return nil, err
	}
	sink := &plan.LogicalSink{Input: input, Table: t, OnConflict: s.OnConflict, At: s.Table.Pos()}
	if len(s.Columns) > 0 {
		sink.Targets = targets
	}
	return sink, nil
}

func columnHint(t *catalog.Table, targets []int) string {
	s := ""
	for i, c := range targets {
		if i > 0 {
			s += ", "
		}
		s += t.Columns[t.SinkColumns()[c]].Name
	}
	return " (" + s + ")"
}

// insertTargets are the columns that an INSERT gives, as indexes among those that
// the table takes.
func insertTargets(t *catalog.Table, s *parser.Insert) ([]int, error) {
	all := t.SinkColumns()
	if len(s.Columns) == 0 {
		out := make([]int, len(all))
		for i := range out {
			out[i] = i
		}
		return out, nil
	}
	var out []int
	given := map[int]bool{}
	for _, c := range s.Columns {
		at, err := insertTarget(t, all, c)
		if err != nil {
			return nil, err
		}
		if given[at] {
			return nil, errorAt(c.Pos(), "column '%s' is named twice", c.Name)
		}
		given[at] = true
		out = append(out, at)
	}
	for i, c := range all {
		if !given[i] && t.Columns[c].Type.NotNull {
			return nil, errorAt(s.Columns[0].Pos(), "column '%s' of table '%s' is NOT NULL and has no default: it must be among the columns of the INSERT", t.Columns[c].Name, t.Path.Name())
		}
	}
	return out, nil
}

func insertTarget(t *catalog.Table, all []int, c parser.Ident) (int, error) {
	var candidates []string
	for i, k := range all {
		if t.Columns[k].Name == c.Name {
			return i, nil
		}
		candidates = append(candidates, t.Columns[k].Name)
	}
	for i := range t.Columns {
		if t.Columns[i].Name == c.Name {
			return 0, errorAt(c.Pos(), "column '%s' is computed: it cannot be written", c.Name)
		}
	}
	return 0, errorAt(c.Pos(), "column '%s' not found in table %s%s", c.Name, t.Path.Name(), didYouMean(c.Name, candidates))
}

// castInto casts the query's columns to the table's, and fills up those that are
// not given with NULL.
func castInto(t *catalog.Table, s *parser.Insert, query plan.Node, targets []int) (plan.Node, error) {
	all := t.SinkColumns()
	fields := query.Fields()
	exprs := make([]rex.Expr, len(all))
	columns := make([]string, len(all))
	changed := len(targets) != len(all)
	for i, c := range all {
		columns[i] = t.Columns[c].Name
		exprs[i] = rex.Null(t.Connector.Columns[t.Columns[c].Position].Type)
	}
	for i, target := range targets {
		c := &t.Columns[all[target]]
		from := fields[i]
		if !assignable(from.Type, c.Type) {
			return nil, errorAt(itemPos(s.Query, i), "column '%s' of table '%s' is %s, but the query's column '%s' is %s: write CAST(%s AS %s)",
				c.Name, t.Path.Name(), typeText(c.Type), from.Name, typeText(from.Type), castHint(s.Query, i, from.Name), typeText(c.Type))
		}
		e, err := rex.CastTo(rex.Col(i, from.Type), t.Connector.Columns[c.Position].Type, false)
		if err != nil {
			return nil, wrap(itemPos(s.Query, i), err)
		}
		e = rex.Place(e, itemPos(s.Query, i))
		_, same := e.(*rex.Column)
		changed = changed || !same || target != i
		exprs[target] = e
	}
	if !changed {
		return query, nil
	}
	return &plan.LogicalProject{Input: query, Exprs: exprs, Names: columns}, nil
}

func assignable(from, to types.Type) bool {
	return from.Root == types.Null || from.Same(to.Plain()) || types.ImplicitCast(from.Plain(), to.Plain())
}

// castHint is what to write into a CAST: the expression, if it is short.
func castHint(q *parser.Query, i int, name string) string {
	if e := itemExpr(q, i); e != nil {
		name = e.String()
	}
	if len(name) > 40 || strings.HasPrefix(name, "EXPR$") {
		return "…"
	}
	return name
}

// itemPos is where output column i of a query was written, as far as that is a
// place.
func itemPos(q *parser.Query, i int) parser.Pos {
	if e := itemExpr(q, i); e != nil {
		return e.Pos()
	}
	return q.Pos()
}

// itemExpr is the expression of output column i; nil if it is written nowhere.
func itemExpr(q *parser.Query, i int) parser.Expr {
	switch body := q.Body.(type) {
	case *parser.Select:
		for k, item := range body.Items {
			if _, star := item.Expr.(*parser.Star); star {
				return nil
			}
			if k == i {
				return item.Expr
			}
		}
	case *parser.Values:
		if i < len(body.Rows[0].Elems) {
			return body.Rows[0].Elems[i]
		}
	}
	return nil
}

// typeNode is a type as syntax, for tables whose columns come from a query.
func typeNode(t types.Type) (*parser.TypeName, error) {
	e, err := parser.ParseExpr("CAST(NULL AS " + t.Nullable().SQL() + ")")
	if err != nil {
		return nil, fmt.Errorf("type %s cannot be a column's: %w", t.SQL(), err)
	}
	n := e.(*parser.CastExpr).Type
	n.NotNull = t.NotNull
	return n, nil
}
