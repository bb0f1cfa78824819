package bind

import (
	"github.com/millrace/millrace/internal/function"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// streamRanks are the window functions there are besides aggregates; the others of
// SQL need to know rows that are still to come.
var streamRanks = map[string]bool{"ROW_NUMBER": true, "RANK": true, "DENSE_RANK": true, "LAG": true}

// over binds a window function.
func (x *exprs) over(e *parser.FuncCall, name string, isAgg bool) (rex.Expr, error) {
	switch {
	case ranks[name] && !isAgg && !streamRanks[name]:
		return nil, errorAt(e.Pos(), "%s Function is not supported in stream mode.", name)
	case !ranks[name] && !isAgg:
		return nil, errorAt(e.Pos(), "function '%s' cannot have an OVER clause", name)
	case !x.overs:
		return nil, errorAt(e.Pos(), "OVER cannot stand in %s", x.clause)
	case e.NullTreatment != "":
		return nil, unsupported(e.Pos(), e.NullTreatment+" is")
	}
	spec, err := x.windowSpec(e.Over)
	if err != nil {
		return nil, err
	}
	o := &rex.Over{Name: name, At: e.Pos(), Frame: rex.Frame{Preceding: -1}}
	if streamRanks[name] {
		err = x.overRank(o, e, spec)
	} else {
		err = x.overAggregate(o, e, spec)
	}
	if err != nil {
		return nil, err
	}
	if o.Partition, err = x.all(spec.PartitionBy); err != nil {
		return nil, err
	}
	for _, item := range spec.OrderBy {
		k, err := x.bind(item.Expr)
		if err != nil {
			return nil, err
		}
		o.Order = append(o.Order, rex.Order{X: k, Desc: item.Desc, NullsFirst: nullsFirst(item)})
	}
	if len(o.Order) == 0 && o.Fn == nil {
		return nil, errorAt(e.Over.Pos(), "%s needs an ORDER BY in its OVER clause", name)
	}
	return o, nil
}

// overRank binds ROW_NUMBER, RANK, DENSE_RANK and LAG.
func (x *exprs) overRank(o *rex.Over, e *parser.FuncCall, spec *parser.WindowSpec) error {
	if spec.Frame != nil {
		return errorAt(spec.Frame.Pos(), "%s cannot have a frame (ROWS or RANGE)", o.Name)
	}
	o.Frame.Rows, o.T = true, types.TBigInt.Required()
	if o.Name != "LAG" {
		if len(e.Args) > 0 {
			return errorAt(e.Pos(), "%s takes no arguments", o.Name)
		}
		return nil
	}
	if len(e.Args) < 1 || len(e.Args) > 3 {
		return errorAt(e.Pos(), "LAG takes 1 to 3 arguments: LAG(value [, offset [, default]])")
	}
	v, err := x.bind(e.Args[0])
	if err != nil {
		return err
	}
	o.T, o.Items, o.Offset = v.Type().Plain().Nullable(), []rex.Expr{v}, 1
	if len(e.Args) > 1 {
		n, err := x.constantRows(e.Args[1], "the offset of LAG")
		if err != nil {
			return err
		}
		o.Offset = int(n)
	}
	if len(e.Args) > 2 {
		d, err := x.bind(e.Args[2])
		if err == nil {
			d, err = rex.CastTo(d, o.T, false)
		}
		if err != nil {
			return wrap(e.Args[2].Pos(), err)
		}
		o.Items = append(o.Items, d)
	}
	return nil
}

// maxOffset bounds LAG, which keeps so many values in each partition.
const maxOffset = 10_000

func (x *exprs) constantRows(e parser.Expr, what string) (int64, error) {
	v, err := x.bind(e)
	if err != nil {
		return 0, err
	}
	if l, ok := rex.Fold(v); ok && l.T.IsInteger() && l.Value != nil {
		if n := l.Value.(int64); n >= 0 && (n <= maxOffset || what != "the offset of LAG") {
			return n, nil
		}
	}
	return 0, errorAt(e.Pos(), "%s must be a constant whole number that is not negative and not too large", what)
}

// overAggregate binds an aggregate function with its frame.
func (x *exprs) overAggregate(o *rex.Over, e *parser.FuncCall, spec *parser.WindowSpec) error {
	fn, _ := function.LookupAggregate(o.Name)
	if len(e.WithinGroup) > 0 || len(e.OrderBy) > 0 {
		return unsupported(e.Pos(), "ORDER BY inside of an aggregate function is")
	}
	call := aggCall{fn: fn, distinct: e.Distinct, at: e.Pos()}
	if err := x.aggArgs(&call, e); err != nil {
		return err
	}
	o.Fn, o.Items, o.Distinct, o.T = fn, call.args, call.distinct, call.t
	if e.Filter != nil {
		cond, err := x.boolean(e.Filter, "FILTER")
		if err != nil {
			return err
		}
		if o.Filter, err = x.call(e.Filter.Pos(), "IS TRUE", cond); err != nil {
			return err
		}
	}
	if spec.Frame == nil {
		return nil
	}
	return x.frame(&o.Frame, spec.Frame)
}

// frame binds ROWS or RANGE, which end with the current row.
func (x *exprs) frame(to *rex.Frame, f *parser.Frame) error {
	to.Rows = f.Rows
	if f.End != nil && f.End.Kind != parser.BoundCurrentRow {
		return errorAt(f.End.Pos(), "OVER RANGE FOLLOWING windows are not supported yet.")
	}
	var err error
	switch f.Start.Kind {
	case parser.BoundUnboundedPreceding:
		return nil
	case parser.BoundCurrentRow:
		to.Preceding = 0
	case parser.BoundPreceding:
		if f.Rows {
			to.Preceding, err = x.constantRows(f.Start.Offset, "the bound of ROWS")
		} else {
			to.Preceding, err = x.millis(f.Start.Offset, "the bound of RANGE")
		}
		if err == nil && to.Preceding < 0 {
			err = errorAt(f.Start.Pos(), "the bound of a frame must not be negative")
		}
	default:
		return errorAt(f.Start.Pos(), "OVER RANGE FOLLOWING windows are not supported yet.")
	}
	return err
}
