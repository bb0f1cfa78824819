package function

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	register(
		collFn("ARRAY_APPEND", "ARRAY_APPEND(array, a)", "The array with a behind it.", []Example{{"ARRAY_APPEND(ARRAY[1], 2)", "[1, 2]"}, {"ARRAY_APPEND(ARRAY[1], CAST(NULL AS INT))", "[1, NULL]"}},
			growing(true)),
		collFn("ARRAY_PREPEND", "ARRAY_PREPEND(array, a)", "The array with a before it.", []Example{{"ARRAY_PREPEND(ARRAY[1], 2)", "[2, 1]"}},
			growing(false)),
		collFn("ARRAY_REMOVE", "ARRAY_REMOVE(array, a)", "The array without the elements that are a.", []Example{{"ARRAY_REMOVE(ARRAY[1, 2, 1], 1)", "[2]"}, {"ARRAY_REMOVE(ARRAY[1, NULL], CAST(NULL AS INT))", "[1]"}},
			arrayEdit(func(args []*vec.Vector, r int, b *vec.Builder) {
				kid, from, to := elems(args[0], r)
				for e := from; e < to; e++ {
					if vec.Compare(kid, e, args[1], r) != 0 {
						b.Kid(0).Append(kid, e)
					}
				}
			}, sameAs(0))),
		collFn("ARRAY_CONCAT", "ARRAY_CONCAT(array, …)", "The arrays one after the other.", []Example{{"ARRAY_CONCAT(ARRAY[1], ARRAY[2, 1])", "[1, 2, 1]"}},
			overload{text: "(ARRAY, …)", params: []param{pArray}, rest: pArray, unify: sameArrays, result: sameAs(0), kernel: func(*call) Kernel { return nestedOf(concatOf) }}),
		collFn("ARRAY_UNION", "ARRAY_UNION(array, array)", "What is in one of the arrays, without repetitions.", []Example{{"ARRAY_UNION(ARRAY[1, 2], ARRAY[2, 3])", "[1, 2, 3]"}},
			giveArray("(ARRAY, ARRAY)", sameArrays, unionOf, pArray, pArray)),
		collFn("ARRAY_EXCEPT", "ARRAY_EXCEPT(a, b)", "What is in a and not in b, without repetitions.", []Example{{"ARRAY_EXCEPT(ARRAY[1, 2, 1, 3], ARRAY[2])", "[1, 3]"}},
			giveArray("(ARRAY, ARRAY)", sameArrays, filterOf(false), pArray, pArray)),
		collFn("ARRAY_INTERSECT", "ARRAY_INTERSECT(a, b)", "What is in both arrays, without repetitions.", []Example{{"ARRAY_INTERSECT(ARRAY[1, 2, 2], ARRAY[2, 4])", "[2]"}},
			giveArray("(ARRAY, ARRAY)", sameArrays, filterOf(true), pArray, pArray)),
	)
}

// arrayEdit is an overload for an array and an element that may be NULL.
func arrayEdit(edit func(args []*vec.Vector, r int, b *vec.Builder), result func(*call) (types.Type, error)) overload {
	return overload{text: "(ARRAY, a)", params: []param{pArray, pAny}, unify: arrayAndElement, nullCall: true,
		result: func(c *call) (types.Type, error) {
			t, err := result(c)
			return t.WithNull(!c.args[0].NotNull), err
		},
		kernel: func(*call) Kernel {
			return nestedOf(func(args []*vec.Vector, r int, b *vec.Builder) error {
				if args[0].IsNull(r) {
					b.AppendNull()
					return nil
				}
				edit(args, r, b)
				b.Close()
				return nil
			})
		}}
}

func growing(behind bool) overload {
	return arrayEdit(func(args []*vec.Vector, r int, b *vec.Builder) {
		if !behind {
			b.Kid(0).Append(args[1], r)
		}
		appendElems(args[0], r, b)
		if behind {
			b.Kid(0).Append(args[1], r)
		}
	}, func(c *call) (types.Type, error) {
		elem := *c.args[0].Elem
		return types.TArray(elem.WithNull(!elem.NotNull || !c.args[1].NotNull)), nil
	})
}

func appendElems(v *vec.Vector, r int, b *vec.Builder) {
	kid, from, to := elems(v, r)
	for e := from; e < to; e++ {
		b.Kid(0).Append(kid, e)
	}
}

func concatOf(args []*vec.Vector, r int, b *vec.Builder) error {
	for _, a := range args {
		appendElems(a, r, b)
	}
	b.Close()
	return nil
}

// unionOf appends what no array before, and no element before, has.
func unionOf(args []*vec.Vector, r int, b *vec.Builder) error {
	for i, a := range args {
		kid, from, to := elems(a, r)
	next:
		for e := from; e < to; e++ {
			if indexOf(kid, from, e, kid, e) >= 0 {
				continue
			}
			for _, before := range args[:i] {
				bk, bf, bt := elems(before, r)
				if indexOf(bk, bf, bt, kid, e) >= 0 {
					continue next
				}
			}
			b.Kid(0).Append(kid, e)
		}
	}
	b.Close()
	return nil
}

// filterOf keeps the elements of the first array that are (in) or are not in the
// second.
func filterOf(in bool) func(args []*vec.Vector, r int, b *vec.Builder) error {
	return func(args []*vec.Vector, r int, b *vec.Builder) error {
		kid, from, to := elems(args[0], r)
		other, of, ot := elems(args[1], r)
		for e := from; e < to; e++ {
			if indexOf(kid, from, e, kid, e) < 0 && (indexOf(other, of, ot, kid, e) >= 0) == in {
				b.Kid(0).Append(kid, e)
			}
		}
		b.Close()
		return nil
	}
}
