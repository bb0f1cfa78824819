package bind

import (
	"strings"

	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// groupWindows are Flink's old window functions of GROUP BY, and what each takes
// behind the time attribute.
var groupWindows = map[string][]string{
	"TUMBLE":  {"SIZE"},
	"HOP":     {"SLIDE", "SIZE"},
	"SESSION": {"GAP"},
}

// windowParts are the functions of the window that a group is of: TUMBLE_START.
var windowParts = []string{"_START", "_END", "_ROWTIME", "_PROCTIME"}

// windowPart takes the name of such a function apart.
func windowPart(name string) (window, part string, ok bool) {
	for _, p := range windowParts {
		if w, has := strings.CutSuffix(name, p); has && groupWindows[w] != nil {
			return w, p, true
		}
	}
	return "", "", false
}

// groupWindow is the window of a GROUP BY TUMBLE(ts, …). It becomes a window
// function below the aggregation, whose columns are groups; the names of the
// SELECT's scope do not see them.
type groupWindow struct {
	name   string
	time   int
	window plan.Window
	at     int // where the window's columns begin
	fields []types.Field
}

// isGroupWindow says whether a group is a window.
func isGroupWindow(e parser.Expr) (*parser.FuncCall, bool) {
	c, ok := e.(*parser.FuncCall)
	if !ok || c.Over != nil || len(c.Name.Parts) != 1 {
		return nil, false
	}
	return c, groupWindows[strings.ToUpper(c.Name.Parts[0].Name)] != nil
}

// bindGroupWindow puts the window function on the FROM, and groups by its columns.
func (k *block) bindGroupWindow(c *parser.FuncCall) error {
	x := k.b.exprs(k.rel.scope, "GROUP BY")
	if k.window != nil {
		return errorAt(c.Pos(), "a GROUP BY can have one window")
	}
	w, err := x.groupWindow(c, strings.ToUpper(c.Name.Parts[0].Name))
	if err != nil {
		return err
	}
	node := &plan.LogicalWindow{Input: k.rel.node, Window: w.window, Time: w.time, Grouped: true, At: c.Pos()}
	k.rel.node = node
	w.fields = node.Fields()
	w.at = len(w.fields) - 3
	k.window = w
	for i := range 3 {
		k.aggs.groups = append(k.aggs.groups, rex.Col(w.at+i, w.fields[w.at+i].Type))
	}
	return nil
}

// groupWindow binds the arguments of a window in GROUP BY, or of a function of it.
func (x *exprs) groupWindow(c *parser.FuncCall, name string) (*groupWindow, error) {
	want := groupWindows[name]
	usage := name + "(time attribute, " + strings.ToLower(strings.Join(want, ", ")) + ")"
	if len(c.Args) != len(want)+1 {
		return nil, errorAt(c.Pos(), "%s takes %s: %s", dotted(c.Name.Parts), count(len(want)+1, "argument"), usage)
	}
	w := &groupWindow{name: name}
	e, err := x.bind(c.Args[0])
	if err != nil {
		return nil, err
	}
	col, ok := e.(*rex.Column)
	if !ok || col.T.Attr == types.NoTime {
		return nil, errorAt(c.Args[0].Pos(), "Window aggregate can only be defined over a time attribute column, but %s encountered.", typeText(e.Type()))
	}
	w.time = col.Index
	w.window.Kind = map[string]plan.WindowKind{"TUMBLE": plan.Tumble, "HOP": plan.Hop, "SESSION": plan.Session}[name]
	for i, what := range want {
		ms, err := x.millis(c.Args[i+1], "the "+what+" of "+name)
		if err != nil {
			return nil, err
		}
		if ms <= 0 {
			return nil, errorAt(c.Args[i+1].Pos(), "the %s of %s must be positive", what, name)
		}
		if what == "SLIDE" {
			w.window.Step = ms
		} else {
			w.window.Size = ms
		}
	}
	if w.window.Kind == plan.Tumble {
		w.window.Step = w.window.Size
	}
	return w, nil
}

// windowPart binds TUMBLE_START(ts, …) and its like.
func (x *exprs) windowPart(c *parser.FuncCall, name, part string) (rex.Expr, error) {
	w, err := x.groupWindow(c, name)
	if err != nil {
		return nil, err
	}
	g := x.window
	if g == nil || g.name != w.name || g.time != w.time || g.window != w.window {
		return nil, errorAt(c.Pos(), "Call to auxiliary group function '%s' must have matching call to group function '%s' in GROUP BY clause", name+part, name)
	}
	attr := g.fields[g.at+2].Type.Attr
	switch part {
	case "_START":
		return x.windowColumn(c, 0), nil
	case "_END":
		return x.windowColumn(c, 1), nil
	case "_ROWTIME":
		if attr != types.RowTime {
			return nil, errorAt(c.Pos(), "A proctime window cannot provide a rowtime attribute.")
		}
		return x.windowColumn(c, 2), nil
	}
	out, err := x.call(c.Pos(), "PROCTIME")
	if err != nil {
		return nil, err
	}
	return proctime(out), nil
}

func (x *exprs) windowColumn(c *parser.FuncCall, i int) rex.Expr {
	col := rex.Col(x.window.at+i, x.window.fields[x.window.at+i].Type)
	x.refs[col] = &parser.ColumnRef{At: c.At, Parts: c.Name.Parts}
	return col
}
