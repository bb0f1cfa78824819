package bind

import (
	"slices"
	"strings"

	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// scope says which names mean which columns of a row.
type scope struct {
	columns []column
	// outer is the scope of the query around a sub-query.
	outer *scope
}

// column is a column of a scope; its index is that in the row.
type column struct {
	table string // "" if it belongs to no table
	name  string
	typ   types.Type
	// merged: the column was equated by USING or NATURAL with one of the other
	// side and can be named only with its table.
	merged bool
	// with is the other side's column where the unqualified name means whichever
	// of the two is not NULL (FULL JOIN USING); else -1.
	with int
}

func scopeOf(table string, fields []types.Field) *scope {
	s := &scope{columns: make([]column, len(fields))}
	for i, f := range fields {
		s.columns[i] = column{table: table, name: f.Name, typ: f.Type, with: -1}
	}
	return s
}

// joined is the scope of a join: the columns of both sides, with the join's
// types.
func joined(l, r *scope, fields []types.Field) *scope {
	s := &scope{columns: append(slices.Clone(l.columns), r.columns...)}
	for i := range s.columns {
		s.columns[i].typ = fields[i].Type
		if i >= len(l.columns) && s.columns[i].with >= 0 {
			s.columns[i].with += len(l.columns)
		}
	}
	return s
}

// find lists the columns that a name can mean.
func (s *scope) find(table, name string) []int {
	var out []int
	for i := range s.columns {
		c := &s.columns[i]
		if c.name == name && (table == "" && !c.merged || table != "" && c.table == table) {
			out = append(out, i)
		}
	}
	return out
}

func (s *scope) hasTable(table string) bool {
	return slices.ContainsFunc(s.columns, func(c column) bool { return c.table == table })
}

// tables are the table names of a scope, in order.
func (s *scope) tables() []string {
	var out []string
	for i := range s.columns {
		if t := s.columns[i].table; t != "" && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

func (s *scope) names(table string) []string {
	var out []string
	for i := range s.columns {
		if c := &s.columns[i]; table == "" || c.table == table {
			out = append(out, c.name)
		}
	}
	return out
}

// ref is the expression for column i when it is named with or without a table.
func (s *scope) ref(i int, qualified bool) (rex.Expr, error) {
	c := &s.columns[i]
	if c.with < 0 || qualified {
		return rex.Col(i, c.typ), nil
	}
	return rex.CallTo("COALESCE", rex.Col(i, c.typ), rex.Col(c.with, s.columns[c.with].typ))
}

// resolve finds what a dotted name means: a column, a column with its table, and
// behind either the fields of a row.
func (s *scope) resolve(ref *parser.ColumnRef) (rex.Expr, error) {
	parts := ref.Parts
	if len(parts) > 1 && s.hasTable(parts[0].Name) {
		return s.resolveIn(parts[0].Name, ref)
	}
	found := s.find("", parts[0].Name)
	switch len(found) {
	case 0:
		return nil, s.notFound(ref)
	case 1:
		e, err := s.ref(found[0], false)
		if err != nil {
			return nil, wrap(ref.Pos(), err)
		}
		return fields(e, parts[1:])
	}
	return nil, errorAt(ref.Pos(), "column '%s' is ambiguous: it is in %s", parts[0].Name, strings.Join(s.owners(found), " and "))
}

func (s *scope) resolveIn(table string, ref *parser.ColumnRef) (rex.Expr, error) {
	name := ref.Parts[1]
	found := s.find(table, name.Name)
	switch len(found) {
	case 0:
		return nil, errorAt(name.Pos(), "column '%s' not found in table %s%s", name.Name, table, didYouMean(name.Name, s.names(table)))
	case 1:
		e, err := s.ref(found[0], true)
		if err != nil {
			return nil, wrap(ref.Pos(), err)
		}
		return fields(e, ref.Parts[2:])
	}
	return nil, errorAt(ref.Pos(), "column '%s' is ambiguous: table %s has it %d times", name.Name, table, len(found))
}

// fields goes into a row.
func fields(e rex.Expr, parts []parser.Ident) (rex.Expr, error) {
	for _, p := range parts {
		t := e.Type()
		if t.Root != types.Row {
			return nil, errorAt(p.Pos(), "'%s' cannot be a field of a value that is %s", p.Name, typeText(t))
		}
		at := slices.IndexFunc(t.Fields, func(f types.Field) bool { return f.Name == p.Name })
		if at < 0 {
			names := make([]string, len(t.Fields))
			for i, f := range t.Fields {
				names[i] = f.Name
			}
			return nil, errorAt(p.Pos(), "field '%s' not found in %s%s", p.Name, typeText(t), didYouMean(p.Name, names))
		}
		ft := t.Fields[at].Type
		e = &rex.Field{X: e, Index: at, T: ft.WithNull(!ft.NotNull || !t.NotNull)}
	}
	return e, nil
}

func (s *scope) owners(found []int) []string {
	var out []string
	for _, i := range found {
		t := s.columns[i].table
		if t == "" {
			t = "a sub-query"
		}
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

func (s *scope) notFound(ref *parser.ColumnRef) error {
	name := ref.Parts[0]
	tables := s.tables()
	for o := s.outer; o != nil && len(ref.Parts) > 1; o = o.outer {
		if o.hasTable(name.Name) {
			return unsupported(name.Pos(), "a sub-query that uses table '"+name.Name+"' of the query around it is")
		}
	}
	if len(ref.Parts) > 1 && len(s.find("", name.Name)) == 0 {
		return errorAt(name.Pos(), "table or column '%s' not found%s", name.Name, didYouMean(name.Name, append(tables, s.names("")...)))
	}
	where := ""
	switch len(tables) {
	case 0:
	case 1:
		where = " in table " + tables[0]
	default:
		where = " in any of the tables " + strings.Join(tables, ", ")
	}
	for o := s.outer; o != nil; o = o.outer {
		if len(o.find("", name.Name)) > 0 {
			return unsupported(name.Pos(), "a sub-query that uses column '"+name.Name+"' of the query around it is")
		}
	}
	return errorAt(name.Pos(), "column '%s' not found%s%s", name.Name, where, didYouMean(name.Name, s.names("")))
}
