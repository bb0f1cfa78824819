package function

import (
	"errors"
	"fmt"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	register(
		collFn("ARRAY", "ARRAY[a, …]", "An array of the values.", []Example{{"ARRAY[1, 2, NULL]", "[1, 2, NULL]"}},
			overload{text: "(a, …)", rest: pAny, unify: toLeast, nullCall: true,
				result: func(c *call) (types.Type, error) {
					if len(c.args) == 0 {
						return types.TArray(types.TNull).Required(), nil
					}
					return types.TArray(c.args[0].WithNull(anyNullable(c.args))).Required(), nil
				},
				kernel: func(*call) Kernel { return nestedOf(arrayOf) }}),
		collFn("MAP", "MAP[key, value, …]", "A map of the keys and values; a later value of the same key wins.", []Example{{"MAP['a', 1, 'b', 2]", "{a=1, b=2}"}, {"MAP['a', 1, 'a', 2]", "{a=2}"}},
			overload{text: "(key, value, …)", params: []param{pAny, pAny}, rest: pAny, unify: unifyPairs, nullCall: true,
				result: func(c *call) (types.Type, error) {
					keys, values := pairs(c.args)
					return types.TMap(keys[0].WithNull(anyNullable(keys)), values[0].WithNull(anyNullable(values))).Required(), nil
				},
				kernel: func(*call) Kernel { return nestedOf(mapOf) }}),
		collFn("ROW", "ROW(a, …)", "A row of the values.", []Example{{"ROW(1, 'x')", "(1, x)"}},
			overload{text: "(any, …)", rest: pAny, nullCall: true,
				result: func(c *call) (types.Type, error) {
					fields := make([]types.Field, len(c.args))
					for i, t := range c.args {
						fields[i] = types.Field{Name: fmt.Sprintf("EXPR$%d", i), Type: t}
					}
					return types.TRow(fields...).Required(), nil
				},
				// A row's children are the columns themselves.
				kernel: func(*call) Kernel {
					return func(_ *vec.EvalContext, args []*vec.Vector, _ []int32, _ int, out *vec.Vector) error {
						out.Kids = append([]*vec.Vector(nil), args...)
						return nil
					}
				}}),
		collFn("ITEM", "array[index], map[key]", "The element at an index, which counts from 1, or the value of a key; NULL if there is none.",
			[]Example{{"ARRAY['a', 'b'][2]", "b"}, {"ARRAY[1][5]", "NULL"}, {"MAP['k', 7]['k']", "7"}, {"MAP['k', 7]['x']", "NULL"},
				{"ARRAY[1][0]", "error: an array's index counts from 1, not 0"}},
			overload{text: "(ARRAY, INT)", params: []param{pArray, pLong}, maybeNull: true,
				result: func(c *call) (types.Type, error) { return *c.args[0].Elem, nil },
				kernel: func(*call) Kernel { return gatherOf(arrayAt) }},
			overload{text: "(MAP, key)", params: []param{pMap, pAny}, maybeNull: true,
				unify: func(ts []types.Type) bool {
					if ts[0].Root != types.Map || !castsTo(ts[1], ts[0].Key.Nullable()) {
						return false
					}
					ts[1] = *ts[0].Key
					return true
				},
				result: func(c *call) (types.Type, error) { return *c.args[0].Elem, nil },
				kernel: func(*call) Kernel { return gatherOf(mapAt) }}),
		collFn("ELEMENT", "ELEMENT(array)", "The only element of an array; NULL if it is empty, an error if there are more.",
			[]Example{{"ELEMENT(ARRAY[5])", "5"}, {"ELEMENT(ARRAY[5, 6])", "error: ELEMENT: the array has more than one element"}},
			overload{text: "(ARRAY)", params: []param{pArray}, maybeNull: true,
				result: func(c *call) (types.Type, error) { return *c.args[0].Elem, nil },
				kernel: func(*call) Kernel { return gatherOf(onlyElement) }}),
		collFn("CARDINALITY", "CARDINALITY(a)", "The number of elements of an array or multiset, or of entries of a map.",
			[]Example{{"CARDINALITY(ARRAY[1, 2])", "2"}, {"CARDINALITY(MAP['a', 1])", "1"}},
			giveInt("(ARRAY)", 0, length, pArray), giveInt("(MAP)", 0, length, pMap),
			giveInt("(MULTISET)", 0, func(args []*vec.Vector, r int) int {
				n := 0
				for e := args[0].Off[r]; e < args[0].Off[r+1]; e++ {
					n += int(args[0].Kids[1].I32[e])
				}
				return n
			}, family(types.TNull, func(t types.Type) bool { return t.Root == types.Multiset }))),
	)
}

func length(args []*vec.Vector, r int) int { return int(args[0].Off[r+1] - args[0].Off[r]) }

func arrayOf(args []*vec.Vector, r int, b *vec.Builder) error {
	for _, a := range args {
		b.Kid(0).Append(a, r)
	}
	b.Close()
	return nil
}

func pairs[T any](s []T) (first, second []T) {
	for i := 0; i+1 < len(s); i += 2 {
		first, second = append(first, s[i]), append(second, s[i+1])
	}
	return first, second
}

func unifyPairs(ts []types.Type) bool {
	keys, values := pairs(ts)
	if len(ts)%2 != 0 || !toLeast(keys) || !toLeast(values) {
		return false
	}
	for i := range keys {
		ts[2*i], ts[2*i+1] = keys[i], values[i]
	}
	return true
}

func mapOf(args []*vec.Vector, r int, b *vec.Builder) error {
	keys, values := pairs(args)
	for i, k := range keys {
		// Of equal keys the first keeps its place and the last gives the value.
		last, first := i, true
		for j := range keys {
			if vec.Compare(keys[j], r, k, r) == 0 {
				last, first = j, first && j >= i
			}
		}
		if first {
			b.Kid(0).Append(k, r)
			b.Kid(1).Append(values[last], r)
		}
	}
	b.Close()
	return nil
}

// gatherOf makes a kernel of a function that says which row of the argument's
// child (the last one: elements, or a map's values) is the result; -1 is NULL.
func gatherOf(f func(args []*vec.Vector, r int) (int, error)) Kernel {
	return func(_ *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
		rows := make([]int32, n)
		for i := range rows {
			rows[i] = -1
		}
		err := each(sel, n, func(r int32) error {
			e, err := f(args, int(r))
			if err != nil {
				return rowError(int(r), err)
			}
			rows[r] = int32(e)
			return nil
		})
		if err != nil {
			return err
		}
		t := out.Type
		kids := args[0].Kids
		*out = *vec.Copy(kids[len(kids)-1], rows)
		out.Type = t
		return nil
	}
}

func arrayAt(args []*vec.Vector, r int) (int, error) {
	i := args[1].I64[r]
	_, from, to := elems(args[0], r)
	switch {
	case i < 1:
		return 0, fmt.Errorf("an array's index counts from 1, not %d", i)
	case i > int64(to-from):
		return -1, nil
	}
	return from + int(i) - 1, nil
}

func mapAt(args []*vec.Vector, r int) (int, error) {
	keys, from, to := elems(args[0], r)
	return indexOf(keys, from, to, args[1], r), nil
}

func onlyElement(args []*vec.Vector, r int) (int, error) {
	switch _, from, to := elems(args[0], r); to - from {
	case 0:
		return -1, nil
	case 1:
		return from, nil
	}
	return 0, errors.New("ELEMENT: the array has more than one element")
}
