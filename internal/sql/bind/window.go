package bind

import (
	"slices"
	"strings"

	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/types"
)

// windowArgs are the names of the arguments of the window functions, in their
// order; OFFSET may be left out.
var windowArgs = map[string][]string{
	"TUMBLE":   {"DATA", "TIMECOL", "SIZE", "OFFSET"},
	"HOP":      {"DATA", "TIMECOL", "SLIDE", "SIZE", "OFFSET"},
	"CUMULATE": {"DATA", "TIMECOL", "STEP", "SIZE", "OFFSET"},
	"SESSION":  {"DATA", "TIMECOL", "GAP"},
}

var windowUsage = map[string]string{
	"TUMBLE":   "TUMBLE(TABLE t, DESCRIPTOR(time), size [, offset])",
	"HOP":      "HOP(TABLE t, DESCRIPTOR(time), slide, size [, offset])",
	"CUMULATE": "CUMULATE(TABLE t, DESCRIPTOR(time), step, size [, offset])",
	"SESSION":  "SESSION(TABLE t [PARTITION BY key, …], DESCRIPTOR(time), gap)",
}

// window binds TUMBLE, HOP, CUMULATE or SESSION.
func (b *Binder) window(c *parser.FuncCall, name string) (plan.Node, error) {
	args, err := windowArguments(c, name)
	if err != nil {
		return nil, err
	}
	input, err := b.windowInput(args["DATA"], name)
	if err != nil {
		return nil, err
	}
	w := &plan.LogicalWindow{Input: input, At: c.Pos()}
	if w.Time, err = timeColumn(args["TIMECOL"], input, name); err != nil {
		return nil, err
	}
	if w.Partition, err = sessionKeys(args["DATA"], input); err != nil {
		return nil, err
	}
	w.Window.Kind = map[string]plan.WindowKind{"TUMBLE": plan.Tumble, "HOP": plan.Hop, "CUMULATE": plan.Cumulate, "SESSION": plan.Session}[name]
	x := b.exprs(&scope{}, name)
	for _, p := range []struct {
		name string
		to   *int64
	}{{"SIZE", &w.Window.Size}, {"SLIDE", &w.Window.Step}, {"STEP", &w.Window.Step}, {"GAP", &w.Window.Size}, {"OFFSET", &w.Window.Offset}} {
		e := args[p.name]
		if e == nil {
			continue
		}
		if *p.to, err = x.millis(e, "the "+p.name+" of "+name); err != nil {
			return nil, err
		}
		if *p.to <= 0 && p.name != "OFFSET" {
			return nil, errorAt(e.Pos(), "the %s of %s must be positive", p.name, name)
		}
	}
	return w, checkWindow(&w.Window, c, name)
}

func checkWindow(w *plan.Window, c *parser.FuncCall, name string) error {
	switch w.Kind {
	case plan.Tumble:
		w.Step = w.Size
		return nil
	case plan.Session:
		return nil
	}
	if w.Size%w.Step != 0 {
		step := map[string]string{"HOP": "slide", "CUMULATE": "step"}[name]
		return errorAt(c.Pos(), "%s needs a size that is an integral multiple of the %s, but got size %d ms and %s %d ms", name, step, w.Size, step, w.Step)
	}
	return nil
}

// windowArguments gives the arguments their names.
func windowArguments(c *parser.FuncCall, name string) (map[string]parser.Expr, error) {
	want := windowArgs[name]
	out := map[string]parser.Expr{}
	for i, a := range c.Args {
		key := ""
		if n, ok := a.(*parser.NamedArg); ok {
			key, a = strings.ToUpper(n.Name.Name), n.Value
			if !contains(want, key) {
				return nil, errorAt(n.Pos(), "%s has no argument %s%s", name, key, didYouMean(key, want))
			}
		} else if i < len(want) {
			key = want[i]
		} else {
			return nil, errorAt(a.Pos(), "too many arguments: %s", windowUsage[name])
		}
		if out[key] != nil {
			return nil, errorAt(a.Pos(), "argument %s of %s is given twice", key, name)
		}
		out[key] = a
	}
	for _, key := range want {
		if out[key] == nil && key != "OFFSET" {
			return nil, errorAt(c.Pos(), "argument %s of %s is missing: %s", key, name, windowUsage[name])
		}
	}
	return out, nil
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func (b *Binder) windowInput(e parser.Expr, name string) (plan.Node, error) {
	if q, ok := e.(*parser.SubqueryExpr); ok {
		return b.query(q.Query, nil)
	}
	t, ok := e.(*parser.TableArg)
	if !ok {
		return nil, errorAt(e.Pos(), "the first argument of %s must be TABLE t: %s", name, windowUsage[name])
	}
	if len(t.PartitionBy) > 0 && name != "SESSION" || len(t.OrderBy) > 0 {
		return nil, errorAt(t.Pos(), "%s takes no PARTITION BY or ORDER BY", name)
	}
	if t.Query != nil {
		return b.query(t.Query, nil)
	}
	r, err := b.tableName(t.Table)
	if err != nil {
		return nil, err
	}
	return &plan.LogicalProject{Input: r.node, Exprs: plan.Columns(r.node), Names: plan.FieldNames(r.node)}, nil
}

// sessionKeys are the columns of PARTITION BY.
func sessionKeys(e parser.Expr, input plan.Node) ([]int, error) {
	t, ok := e.(*parser.TableArg)
	if !ok {
		return nil, nil
	}
	var out []int
	fields := input.Fields()
	for _, p := range t.PartitionBy {
		ref, ok := p.(*parser.ColumnRef)
		if !ok || len(ref.Parts) != 1 {
			return nil, errorAt(p.Pos(), "PARTITION BY of a table argument takes columns")
		}
		name := ref.Parts[0].Name
		at := slices.IndexFunc(fields, func(f types.Field) bool { return f.Name == name })
		if at < 0 {
			return nil, errorAt(p.Pos(), "column '%s' not found%s", name, didYouMean(name, names(fields)))
		}
		out = append(out, at)
	}
	return out, nil
}

// timeColumn is the column of a DESCRIPTOR, which must be a time attribute.
func timeColumn(e parser.Expr, input plan.Node, name string) (int, error) {
	d, ok := e.(*parser.Descriptor)
	if !ok || len(d.Columns) != 1 {
		return 0, errorAt(e.Pos(), "%s needs one column in DESCRIPTOR(…): %s", name, windowUsage[name])
	}
	c := d.Columns[0]
	fields := input.Fields()
	for i, f := range fields {
		if f.Name != c.Name {
			continue
		}
		if f.Type.Attr == types.NoTime {
			return 0, errorAt(c.Pos(), "%s needs a time attribute, but column '%s' is a plain %s: declare WATERMARK FOR it on its table; joins and aggregations lose it", name, c.Name, typeText(f.Type))
		}
		return i, nil
	}
	return 0, errorAt(c.Pos(), "column '%s' not found%s", c.Name, didYouMean(c.Name, names(fields)))
}
