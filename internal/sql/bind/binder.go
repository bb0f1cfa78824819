// Package bind turns syntax trees into logical plans: it resolves names, derives
// Flink's types, puts in the casts that SQL leaves out, and refuses what makes no
// sense, with the place in the text.
package bind

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/internal/sql/catalog"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// Binder binds statements against a catalog.
type Binder struct {
	Catalog *catalog.Catalog
	// Location is table.local-time-zone; nil means UTC.
	Location *time.Location
	// Notes are what the user should know though it is no error.
	Notes []string

	// session is where names are looked up: the catalog and database of the
	// session, or those of a view's maker.
	session [2]string
	ctes    []cte
	// ttls are the STATE_TTL hints of the SELECT that is being bound.
	ttls *stateTTLs
	// views are being expanded, to find one that contains itself.
	views []catalog.Path
	// used is where the outermost of these is used: places in their own texts mean
	// nothing to who reads the query.
	used parser.Pos
}

// place is where something is to be looked for in the query's text.
func (b *Binder) place(at parser.Pos) parser.Pos {
	if len(b.views) > 0 {
		return b.used
	}
	return at
}

// cte is a WITH query; each use binds it again, in the scope of its definition.
type cte struct {
	name    string
	columns []parser.Ident
	query   *parser.Query
	before  int // so many of Binder.ctes are visible to it
}

// New makes a binder for one statement.
func New(c *catalog.Catalog, location *time.Location) *Binder {
	if location == nil {
		location = time.UTC
	}
	b := &Binder{Catalog: c, Location: location}
	b.session[0], b.session[1] = c.Current()
	return b
}

func errorAt(at parser.Pos, format string, args ...any) error {
	return &parser.Error{Pos: at, Msg: fmt.Sprintf(format, args...)}
}

// wrap gives an error that has no place the place of a node.
func wrap(at parser.Pos, err error) error {
	if _, ok := err.(*parser.Error); ok {
		return err
	}
	return errorAt(at, "%s", err)
}

// unsupported is what is said of things that Flink has and millrace has not; what
// ends with the verb: "LATERAL is". instead says what there is, if anything.
func unsupported(at parser.Pos, what string, instead ...string) error {
	return errorAt(at, "%s not supported yet%s", what, strings.Join(append([]string{""}, instead...), "; "))
}

// commonType is the type to which values of several types are cast, if all can be.
func commonType(ts []types.Type) (types.Type, bool) {
	t, ok := types.LeastRestrictive(ts)
	for _, from := range ts {
		ok = ok && (from.Root == types.Null || from.Same(t) || types.ExplicitCast(from, t))
	}
	return t.Plain(), ok
}

// typesOf are the types of expressions, without time attributes.
func typesOf(exprs []rex.Expr) []types.Type {
	out := make([]types.Type, len(exprs))
	for i, e := range exprs {
		out[i] = e.Type().Plain()
	}
	return out
}

func (b *Binder) note(format string, args ...any) {
	b.Notes = append(b.Notes, fmt.Sprintf(format, args...))
}

// path completes the name of an object.
func (b *Binder) path(n parser.ObjectName) (catalog.Path, error) {
	parts := make([]string, len(n.Parts))
	for i, p := range n.Parts {
		parts[i] = p.Name
	}
	p, err := catalog.QualifyIn(b.session[0], b.session[1], parts)
	if err != nil {
		return p, wrap(n.Pos(), err)
	}
	return p, nil
}

// object finds a table or view, or says which was probably meant.
func (b *Binder) object(n parser.ObjectName) (any, error) {
	p, err := b.path(n)
	if err != nil {
		return nil, err
	}
	if o := b.Catalog.Lookup(p); o != nil {
		return o, nil
	}
	names, err := b.Catalog.Tables(p[0], p[1])
	if err != nil {
		return nil, wrap(n.Pos(), err)
	}
	for i := len(b.ctes) - 1; i >= 0; i-- {
		names = append(names, b.ctes[i].name)
	}
	return nil, errorAt(n.Pos(), "table '%s' not found%s", dotted(n.Parts), didYouMean(p[2], names))
}

func dotted(parts []parser.Ident) string {
	names := make([]string, len(parts))
	for i, p := range parts {
		names[i] = p.Name
	}
	return strings.Join(names, ".")
}

func didYouMean(name string, candidates []string) string {
	if n := catalog.Nearest(name, candidates); n != "" {
		return "; did you mean '" + n + "'?"
	}
	return ""
}

// relation is a bound table expression or query: its plan, and how its columns
// can be named.
type relation struct {
	node  plan.Node
	scope *scope
}

// named makes a relation whose columns are known under one table name.
func named(node plan.Node, table string) *relation {
	return &relation{node: node, scope: scopeOf(table, node.Fields())}
}

// count is a number of things: "1 column", "2 columns".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// renamed gives a node's columns other names, if there are any.
func renamed(node plan.Node, columns []parser.Ident, at parser.Pos, what string) (plan.Node, error) {
	if len(columns) == 0 {
		return node, nil
	}
	fields := node.Fields()
	if len(columns) != len(fields) {
		return nil, errorAt(at, "%s names %s, but its query has %d", what, count(len(columns), "column"), len(fields))
	}
	names := make([]string, len(columns))
	for i, c := range columns {
		for _, earlier := range names[:i] {
			if earlier == c.Name {
				return nil, errorAt(c.Pos(), "column '%s' is named twice", c.Name)
			}
		}
		names[i] = c.Name
	}
	return &plan.LogicalProject{Input: node, Exprs: plan.Columns(node), Names: names}, nil
}

// resultName is the name of a column that has none.
func resultName(i int) string { return fmt.Sprintf("EXPR$%d", i) }

// typeList are types as errors name them, each once.
func typeList(ts []types.Type) string {
	var out []string
	for _, t := range ts {
		if s := typeText(t); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return strings.Join(out, ", ")
}

// typeText is a type as errors name it.
func typeText(t types.Type) string { return t.Plain().Nullable().String() }
