package function

import (
	"errors"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// errNoRetract is what the aggregates that cannot retract say when they are asked
// to nevertheless.
var errNoRetract = errors.New("this aggregate cannot take rows back; it is recomputed")

// forward is the part of aggregates that only ever add.
type forward struct{}

func (forward) Retractable() bool { return false }
func (forward) Retract([]*vec.Column, []int32, []*vec.Vector, []int32) error {
	return errNoRetract
}

// columnOf is the slice of a column's values, as slice is of a vector's.
func columnOf[T fixed](c *vec.Column) []T {
	var zero T
	var p any
	switch any(zero).(type) {
	case bool:
		p = &c.Bool
	case int8:
		p = &c.I8
	case int16:
		p = &c.I16
	case int32:
		p = &c.I32
	case int64:
		p = &c.I64
	case float32:
		p = &c.F32
	case float64:
		p = &c.F64
	case types.Dec:
		p = &c.Dec
	}
	return *p.(*[]T)
}

// tCount is the type of a cell that counts.
var tCount = types.TBigInt.Required()

// bindAgg makes a Bind for an aggregate with the given parameters, of which the
// last opt may be left out.
func bindAgg(name, text string, opt int, make func(args []types.Type) vec.Aggregate, params ...param) func([]types.Type, bool) (vec.Aggregate, []types.Type, error) {
	o := overload{text: text, params: params, opt: opt}
	return func(args []types.Type, _ bool) (vec.Aggregate, []types.Type, error) {
		cast, ok := o.match(args)
		if !ok {
			return nil, nil, mismatch(name, args, []overload{o})
		}
		return make(cast), cast, nil
	}
}

// pValue accepts any value; a bare NULL is a string.
func pValue(t types.Type) (types.Type, bool) {
	if t.Root == types.Null {
		return types.TString, true
	}
	return t, t.Root != types.Symbol && t.Root != types.Descriptor
}
