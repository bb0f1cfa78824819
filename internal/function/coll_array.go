package function

import (
	"slices"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	register(
		collFn("ARRAY_CONTAINS", "ARRAY_CONTAINS(array, a)", "Whether a is in the array; NULL can be looked for, too.",
			[]Example{{"ARRAY_CONTAINS(ARRAY[1, 2], 2)", "TRUE"}, {"ARRAY_CONTAINS(ARRAY[1, NULL], CAST(NULL AS INT))", "TRUE"}, {"ARRAY_CONTAINS(ARRAY[1], 2)", "FALSE"}},
			overload{text: "(ARRAY, a)", params: []param{pArray, pAny}, unify: arrayAndElement, nullCall: true,
				result: func(c *call) (types.Type, error) { return types.TBool.WithNull(!c.args[0].NotNull), nil },
				kernel: func(*call) Kernel {
					return rowsOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, out *vec.Vector) error {
						if args[0].IsNull(r) {
							out.SetNull(r)
							return nil
						}
						kid, from, to := elems(args[0], r)
						out.Bool[r] = indexOf(kid, from, to, args[1], r) >= 0
						return nil
					})
				}}),
		collFn("ARRAY_POSITION", "ARRAY_POSITION(array, a)", "Where a first is in the array; 0 if it is not.", []Example{{"ARRAY_POSITION(ARRAY[5, 6], 6)", "2"}, {"ARRAY_POSITION(ARRAY[5], 7)", "0"}},
			overload{text: "(ARRAY, a)", params: []param{pArray, pAny}, unify: arrayAndElement, fixed: types.TInt, kernel: func(*call) Kernel {
				return rowsOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, out *vec.Vector) error {
					kid, from, to := elems(args[0], r)
					out.I32[r] = int32(max(0, indexOf(kid, from, to, args[1], r)-from+1))
					return nil
				})
			}}),
		collFn("ARRAY_DISTINCT", "ARRAY_DISTINCT(array)", "The array without repetitions.", []Example{{"ARRAY_DISTINCT(ARRAY[1, 2, 1, NULL, NULL])", "[1, 2, NULL]"}},
			giveArray("(ARRAY)", nil, unionOf, pArray)),
		collFn("ARRAY_REVERSE", "ARRAY_REVERSE(array)", "The array from last to first.", []Example{{"ARRAY_REVERSE(ARRAY[1, 2, 3])", "[3, 2, 1]"}},
			giveArray("(ARRAY)", nil, func(args []*vec.Vector, r int, b *vec.Builder) error {
				kid, from, to := elems(args[0], r)
				for e := to - 1; e >= from; e-- {
					b.Kid(0).Append(kid, e)
				}
				b.Close()
				return nil
			}, pArray)),
		collFn("ARRAY_SLICE", "ARRAY_SLICE(array, start [, end])", "The elements from start to end, both included; they count from 1, from the end if negative.",
			[]Example{{"ARRAY_SLICE(ARRAY[1, 2, 3, 4], 2, 3)", "[2, 3]"}, {"ARRAY_SLICE(ARRAY[1, 2, 3, 4], -2)", "[3, 4]"}, {"ARRAY_SLICE(ARRAY[1, 2], 2, 1)", "[]"}},
			giveArray("(ARRAY, INT)", nil, sliceOf, pArray, pLong), giveArray("(ARRAY, INT, INT)", nil, sliceOf, pArray, pLong, pLong)),
		collFn("ARRAY_SORT", "ARRAY_SORT(array [, ascending [, nulls first]])", "The array in order, ascending unless told otherwise; NULLs come first if ascending, else last, unless told otherwise.",
			[]Example{{"ARRAY_SORT(ARRAY[2, NULL, 1])", "[NULL, 1, 2]"}, {"ARRAY_SORT(ARRAY[2, NULL, 1], FALSE)", "[2, 1, NULL]"}, {"ARRAY_SORT(ARRAY[2, NULL, 1], FALSE, TRUE)", "[NULL, 2, 1]"}},
			giveArray("(ARRAY)", nil, sortOf, pArray), giveArray("(ARRAY, BOOLEAN)", nil, sortOf, pArray, pBool), giveArray("(ARRAY, BOOLEAN, BOOLEAN)", nil, sortOf, pArray, pBool, pBool)),
		extremeOf("ARRAY_MAX", "The greatest element; NULL of an empty array.", []Example{{"ARRAY_MAX(ARRAY[1, 3, NULL])", "3"}}, 1),
		extremeOf("ARRAY_MIN", "The least element; NULL of an empty array.", []Example{{"ARRAY_MIN(ARRAY[2, 1, NULL])", "1"}}, -1),
		collFn("ARRAY_JOIN", "ARRAY_JOIN(array, separator [, null])", "The strings with the separator between them; NULLs are left out or replaced.",
			[]Example{{"ARRAY_JOIN(ARRAY['a', NULL, 'b'], ',')", "a,b"}, {"ARRAY_JOIN(ARRAY['a', NULL, 'b'], ',', '-')", "a,-,b"}},
			giveText("(ARRAY<STRING>, STRING [, STRING])", 1, joinOf, family(types.TArray(types.TString), func(t types.Type) bool { return t.Root == types.Array && t.Elem.IsString() }), pString, pString)),
	)
}

func sliceOf(args []*vec.Vector, r int, b *vec.Builder) error {
	kid, from, to := elems(args[0], r)
	n := int64(to - from)
	start, end := args[1].I64[r], n
	if len(args) == 3 {
		end = args[2].I64[r]
	}
	if start < 0 {
		start += n + 1
	}
	if end < 0 {
		end += n + 1
	}
	if end == 0 && len(args) == 3 && args[2].I64[r] == 0 {
		end = 1 // 0 is the first element, too
	}
	for e := max(start, 1); e <= min(end, n); e++ {
		b.Kid(0).Append(kid, from+int(e)-1)
	}
	b.Close()
	return nil
}

func sortOf(args []*vec.Vector, r int, b *vec.Builder) error {
	kid, from, to := elems(args[0], r)
	ascending := len(args) < 2 || args[1].Bool[r]
	nullsFirst := ascending
	if len(args) == 3 {
		nullsFirst = args[2].Bool[r]
	}
	order := make([]int, 0, to-from)
	for e := from; e < to; e++ {
		order = append(order, e)
	}
	slices.SortStableFunc(order, func(x, y int) int {
		if xn, yn := kid.IsNull(x), kid.IsNull(y); xn || yn {
			if nullsFirst {
				return truth(yn) - truth(xn)
			}
			return truth(xn) - truth(yn)
		}
		if ascending {
			return vec.Compare(kid, x, kid, y)
		}
		return vec.Compare(kid, y, kid, x)
	})
	for _, e := range order {
		b.Kid(0).Append(kid, e)
	}
	b.Close()
	return nil
}

func extremeOf(name, doc string, examples []Example, sign int) *Scalar {
	return collFn(name, name+"(array)", doc, examples, overload{text: "(ARRAY)", params: []param{pArray}, maybeNull: true,
		result: func(c *call) (types.Type, error) { return *c.args[0].Elem, nil },
		kernel: func(*call) Kernel {
			return gatherOf(func(args []*vec.Vector, r int) (int, error) {
				kid, from, to := elems(args[0], r)
				best := -1
				for e := from; e < to; e++ {
					if !kid.IsNull(e) && (best < 0 || vec.Compare(kid, e, kid, best)*sign > 0) {
						best = e
					}
				}
				return best, nil
			})
		}})
}

func joinOf(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
	kid, from, to := elems(args[0], r)
	any := false
	for e := from; e < to; e++ {
		if kid.IsNull(e) && len(args) < 3 {
			continue
		}
		if any {
			dst = append(dst, args[1].Bytes(r)...)
		}
		any = true
		if kid.IsNull(e) {
			dst = append(dst, args[2].Bytes(r)...)
		} else {
			dst = append(dst, kid.Bytes(e)...)
		}
	}
	return dst, nil
}
