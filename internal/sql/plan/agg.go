package plan

import (
	"strconv"
	"strings"

	"github.com/millrace/millrace/internal/function"
	"github.com/millrace/millrace/internal/types"
)

// AggCall is one aggregate of an aggregation. Args and Filter are columns of the
// aggregation's input, which a projection below it has made and cast.
type AggCall struct {
	Name     string
	Fn       *function.AggregateFn
	Args     []int
	Filter   int // -1: no FILTER
	Distinct bool
	Offset   int // of LAG
	T        types.Type
	Out      string // the name of the result's column
}

// text is the call with names for its columns: COUNT(DISTINCT c) FILTER $f4.
func (a *AggCall) text(name func(int) string, star, suffix string) string {
	args := make([]string, len(a.Args))
	for i, c := range a.Args {
		args[i] = name(c)
	}
	list := strings.Join(args, ", ")
	if a.Name == "LAG" {
		list += ", " + strconv.Itoa(a.Offset)
	}
	if len(args) == 0 && a.Fn != nil {
		list = star
	}
	if a.Distinct {
		list = "DISTINCT " + list
	}
	s := a.Name + suffix + "(" + list + ")"
	if a.Filter >= 0 {
		s += " FILTER " + name(a.Filter)
	}
	return s
}

// columns are all input columns that the call uses.
func (a *AggCall) columns() []int {
	out := append([]int{}, a.Args...)
	if a.Filter >= 0 {
		out = append(out, a.Filter)
	}
	return out
}

// Remap gives the call's columns other numbers.
func (a AggCall) Remap(to func(int) int) AggCall {
	args := make([]int, len(a.Args))
	for i, c := range a.Args {
		args[i] = to(c)
	}
	a.Args = args
	if a.Filter >= 0 {
		a.Filter = to(a.Filter)
	}
	return a
}

// overFields are the columns of an OVER: those of its input, then the results.
func overFields(in []types.Field, calls []AggCall) []types.Field {
	out := append([]types.Field{}, in...)
	for _, c := range calls {
		out = append(out, types.Field{Name: c.Out, Type: c.T})
	}
	return out
}

// AggColumns are the input columns that an aggregation uses: its groups, then
// the columns of its calls.
func AggColumns(groups []int, calls []AggCall) []int {
	out := append([]int{}, groups...)
	for i := range calls {
		out = append(out, calls[i].columns()...)
	}
	return out
}

// aggFields are the columns of an aggregation: the groups, then the results. A
// group loses its time attribute unless keep says otherwise.
func aggFields(in []types.Field, groups []int, calls []AggCall) []types.Field {
	out := make([]types.Field, 0, len(groups)+len(calls))
	for _, g := range groups {
		out = append(out, in[g])
	}
	for _, c := range calls {
		out = append(out, types.Field{Name: c.Out, Type: c.T})
	}
	return out
}

func dollar(i int) string { return "$" + strconv.Itoa(i) }

func list(items []string) string { return "[" + strings.Join(items, ", ") + "]" }

func pick(all []string, columns []int) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = all[c]
	}
	return out
}
