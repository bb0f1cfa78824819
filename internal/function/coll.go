package function

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func collFn(name, signature, doc string, examples []Example, list ...overload) *Scalar {
	return &Scalar{Name: name, Group: "collection", Signature: signature, Doc: doc, Examples: examples, Bind: overloads(name, list...)}
}

// nestedOf makes a kernel that gives arrays, maps or rows. f ends with b.Close
// or b.AppendNull.
func nestedOf(f func(args []*vec.Vector, r int, b *vec.Builder) error) Kernel {
	return func(_ *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
		b := vec.NewBuilder(out.Type, n)
		err := each(sel, n, func(r int32) error {
			for b.Len() < int(r) {
				b.AppendZero()
			}
			if err := f(args, int(r), b); err != nil {
				return rowError(int(r), err)
			}
			return nil
		})
		for b.Len() < n {
			b.AppendZero()
		}
		*out = *b.Finish()
		return err
	}
}

// giveArray is an overload whose result has the type of its first argument.
func giveArray(text string, unify func([]types.Type) bool, f func(args []*vec.Vector, r int, b *vec.Builder) error, params ...param) overload {
	return overload{text: text, params: params, unify: unify, result: sameAs(0), kernel: func(*call) Kernel { return nestedOf(f) }}
}

// arrayAndElement makes the second argument an element of the array that the
// first is.
func arrayAndElement(ts []types.Type) bool {
	if ts[0].Root != types.Array {
		return false
	}
	t, ok := types.CommonType([]types.Type{*ts[0].Elem, ts[1]})
	if !ok {
		return false
	}
	t = t.Plain()
	ts[0], ts[1] = types.TArray(t), t
	return true
}

// sameArrays makes all arguments arrays of one element type.
func sameArrays(ts []types.Type) bool {
	for _, t := range ts {
		if t.Root != types.Array {
			return false
		}
	}
	return toCommon(ts)
}

// elems are the rows of v's child that value r consists of.
func elems(v *vec.Vector, r int) (kid *vec.Vector, from, to int) {
	return v.Kids[0], int(v.Off[r]), int(v.Off[r+1])
}

// indexOf is the place of value x[r] in kid[from:to], NULL being found too; -1
// if it is not there.
func indexOf(kid *vec.Vector, from, to int, x *vec.Vector, r int) int {
	for e := from; e < to; e++ {
		if vec.Compare(kid, e, x, r) == 0 {
			return e
		}
	}
	return -1
}
