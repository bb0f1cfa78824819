// Package rex holds typed row expressions: what the binder makes of SQL's
// expressions, the optimizer rewrites, and lower compiles into kernels.
//
// An expression is a value that is never changed after it was made; a rewrite
// makes a new one and shares what stays the same. Columns are addressed by their
// index in the input row. Two expressions are the same if their digests are.
package rex

import (
	"strconv"

	"github.com/millrace/millrace/internal/function"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/types"
)

// Expr is an expression over one input row.
type Expr interface {
	Type() types.Type
	// Args are the direct sub-expressions, in the order that WithArgs takes.
	Args() []Expr
	// WithArgs is the expression with other sub-expressions of the same types.
	WithArgs(args []Expr) Expr
}

// Column is a column of the input row.
type Column struct {
	Index int
	T     types.Type
}

// Literal is a constant; Value is as in function.Literal.
type Literal struct {
	T     types.Type
	Value any
	// Unit is the qualifier that an interval was written with, for printing:
	// "SECOND", "DAY TO MINUTE".
	Unit string
}

// Call is a call of a scalar function or operator, its arguments already cast to
// the types that the overload takes.
type Call struct {
	Name  string
	Fn    *function.Scalar
	Bound function.Bound
	Items []Expr
	T     types.Type
	At    parser.Pos // see Place
}

// Cast converts a value. Implicit casts are the same node.
type Cast struct {
	X     Expr
	T     types.Type
	Try   bool
	Bound function.Bound
	At    parser.Pos // see Place
}

// Logic is AND or OR of two or more.
type Logic struct {
	Or    bool
	Items []Expr
	T     types.Type
}

// Case is CASE WHEN … THEN … ELSE … END; Else may be nil.
type Case struct {
	Whens, Thens []Expr
	Else         Expr
	T            types.Type
}

// In is X IN (literals); NOT IN is NOT around it.
type In struct {
	X    Expr
	List []*Literal
	T    types.Type
}

// Field is a field of a ROW.
type Field struct {
	X     Expr
	Index int
	T     types.Type
}

// Order is one key of an ORDER BY.
type Order struct {
	X          Expr
	Desc       bool
	NullsFirst bool
}

// Over is a window function: it is no function of its row alone, and stands only
// in the select list of a logical projection until the optimizer has found out
// which operator computes it.
type Over struct {
	Name string
	// Fn is an aggregate function, of Items; nil for a rank.
	Fn       *function.AggregateFn
	Items    []Expr
	Distinct bool
	Filter   Expr // nil: none
	// Offset is LAG's.
	Offset    int
	Partition []Expr
	Order     []Order
	Frame     Frame
	T         types.Type
	At        parser.Pos
}

// Frame is the rows, or the time, before the current row; it ends there.
type Frame struct {
	Rows bool
	// Preceding is a number of rows, or of milliseconds; below 0: unbounded.
	Preceding int64
}

// String is the frame as plans show it.
func (f Frame) String() string {
	kind, from := "RANGE", "UNBOUNDED"
	if f.Rows {
		kind = "ROWS"
	}
	if f.Preceding >= 0 {
		from = strconv.FormatInt(f.Preceding, 10)
	}
	return kind + " BETWEEN " + from + " PRECEDING AND CURRENT ROW"
}

// Marker stands in an expression for something that its maker replaces before
// the expression leaves him: an aggregate call, a sub-query.
type Marker struct {
	ID int
	T  types.Type
}

func (e *Column) Type() types.Type  { return e.T }
func (e *Literal) Type() types.Type { return e.T }
func (e *Call) Type() types.Type    { return e.T }
func (e *Cast) Type() types.Type    { return e.T }
func (e *Logic) Type() types.Type   { return e.T }
func (e *Case) Type() types.Type    { return e.T }
func (e *In) Type() types.Type      { return e.T }
func (e *Field) Type() types.Type   { return e.T }
func (e *Over) Type() types.Type    { return e.T }
func (e *Marker) Type() types.Type  { return e.T }

func (e *Column) Args() []Expr  { return nil }
func (e *Literal) Args() []Expr { return nil }
func (e *Marker) Args() []Expr  { return nil }
func (e *Call) Args() []Expr    { return e.Items }
func (e *Cast) Args() []Expr    { return []Expr{e.X} }
func (e *Logic) Args() []Expr   { return e.Items }
func (e *In) Args() []Expr      { return []Expr{e.X} }
func (e *Field) Args() []Expr   { return []Expr{e.X} }

// Args of a CASE are its conditions and results by turns, then the ELSE.
func (e *Case) Args() []Expr {
	out := make([]Expr, 0, 2*len(e.Whens)+1)
	for i := range e.Whens {
		out = append(out, e.Whens[i], e.Thens[i])
	}
	if e.Else != nil {
		out = append(out, e.Else)
	}
	return out
}

// Args of an OVER are its arguments, its partition keys, its sort keys, and its
// filter.
func (e *Over) Args() []Expr {
	out := append(append([]Expr{}, e.Items...), e.Partition...)
	for _, o := range e.Order {
		out = append(out, o.X)
	}
	if e.Filter != nil {
		out = append(out, e.Filter)
	}
	return out
}

func (e *Column) WithArgs([]Expr) Expr  { return e }
func (e *Literal) WithArgs([]Expr) Expr { return e }
func (e *Marker) WithArgs([]Expr) Expr  { return e }

func (e *Call) WithArgs(args []Expr) Expr {
	c := *e
	c.Items = args
	return &c
}

func (e *Cast) WithArgs(args []Expr) Expr {
	c := *e
	c.X = args[0]
	return &c
}

func (e *Logic) WithArgs(args []Expr) Expr {
	c := *e
	c.Items = args
	return &c
}

func (e *In) WithArgs(args []Expr) Expr {
	c := *e
	c.X = args[0]
	return &c
}

func (e *Field) WithArgs(args []Expr) Expr {
	c := *e
	c.X = args[0]
	return &c
}

func (e *Case) WithArgs(args []Expr) Expr {
	c := *e
	c.Whens, c.Thens = nil, nil
	for i := range e.Whens {
		c.Whens = append(c.Whens, args[2*i])
		c.Thens = append(c.Thens, args[2*i+1])
	}
	if e.Else != nil {
		c.Else = args[len(args)-1]
	}
	return &c
}

func (e *Over) WithArgs(args []Expr) Expr {
	c := *e
	take := func(n int) []Expr {
		part := args[:n:n]
		args = args[n:]
		return part
	}
	c.Items, c.Partition = take(len(e.Items)), take(len(e.Partition))
	c.Order = append([]Order{}, e.Order...)
	for i, x := range take(len(e.Order)) {
		c.Order[i].X = x
	}
	if e.Filter != nil {
		c.Filter = args[0]
	}
	return &c
}
