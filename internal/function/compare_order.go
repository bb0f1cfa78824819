package function

import (
	"bytes"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	register(
		comparison("=", "Whether a equals b.", []Example{{"1 = 1.0", "TRUE"}, {"'a' = 'b'", "FALSE"}, {"1 = CAST(NULL AS INT)", "NULL"},
			{"DATE '2024-01-01' = '2024-01-01'", "TRUE"}, {"ARRAY[1, 2] = ARRAY[1, 2]", "TRUE"}}),
		comparison("<>", "Whether a differs from b.", []Example{{"1 <> 2", "TRUE"}, {"TRUE <> TRUE", "FALSE"}}),
		comparison("<", "Whether a is less than b. Strings are compared by their UTF-8 bytes, BOOLEANs with FALSE first.",
			[]Example{{"1 < 2", "TRUE"}, {"'b' < 'a'", "FALSE"}, {"FALSE < TRUE", "TRUE"}}),
		comparison("<=", "Whether a is at most b.", []Example{{"2 <= 2", "TRUE"}, {"TIME '10:00:00' <= TIME '09:00:00'", "FALSE"}}),
		comparison(">", "Whether a is greater than b.", []Example{{"1.5 > 1", "TRUE"}}),
		comparison(">=", "Whether a is at least b.", []Example{{"1 >= 2", "FALSE"}}),
		distinct("IS DISTINCT FROM", true, "Whether a and b differ, two NULLs being alike.",
			[]Example{{"1 IS DISTINCT FROM NULL", "TRUE"}, {"CAST(NULL AS INT) IS DISTINCT FROM CAST(NULL AS INT)", "FALSE"}}),
		distinct("IS NOT DISTINCT FROM", false, "Whether a and b are the same, two NULLs being alike.",
			[]Example{{"1 IS NOT DISTINCT FROM 1", "TRUE"}, {"1 IS NOT DISTINCT FROM NULL", "FALSE"}}),
	)
}

func comparison(op, doc string, examples []Example) *Scalar {
	return &Scalar{Name: op, Group: "comparison", Signature: "a " + op + " b", Doc: doc + " NULL if one of them is NULL.",
		Examples: examples, Bind: overloads(op, comparisons(op)...)}
}

// comparisons are the overloads of a comparison; they cannot fail.
func comparisons(op string) []overload {
	list := []overload{
		{text: "(number, number)", params: []param{pNumeric, pNumeric}, unify: unifyNumbers, total: true,
			kernel: func(c *call) Kernel { return compareNumbers(op, c) }},
		{text: "(STRING, STRING)", params: []param{pString, pString},
			kernel: func(c *call) Kernel { return compareStrings(op, c) }},
		{text: "(BYTES, BYTES)", params: []param{pBytes, pBytes},
			kernel: func(*call) Kernel { return compareBytes(op) }},
		{text: "(BOOLEAN, BOOLEAN)", params: []param{pBool, pBool}, total: true,
			kernel: func(*call) Kernel {
				return map2(func(a, b bool) bool { return holds(op, truth(a)-truth(b)) })
			}},
		{text: "(time, time)", params: []param{pTemporal, pTemporal}, unify: unifyTimes, total: true,
			kernel: func(c *call) Kernel {
				if c.args[0].Physical() == types.PhysInt32 {
					return ordered[int32](op)
				}
				return ordered[int64](op)
			}},
	}
	if op == "=" || op == "<>" {
		list = append(list, overload{text: "(a, a)", params: []param{pAny, pAny}, unify: unifyNested,
			kernel: func(*call) Kernel { return compareNested(op) }})
	}
	for i := range list {
		list[i].fixed = types.TBool
	}
	return list
}

var pTemporal = family(types.TTimestamp(3), func(t types.Type) bool {
	return t.Root >= types.Date && t.Root <= types.IntervalDayTime || t.IsString()
})

// unifyTimes makes two times comparable. A string beside a time is read as that
// time, so that `ts > '2024-01-01 00:00:00'` is what it looks like.
func unifyTimes(ts []types.Type) bool {
	for i := range ts {
		if ts[i].IsString() {
			ts[i] = ts[1-i].Plain()
			return !ts[i].IsString() && !ts[i].IsInterval()
		}
	}
	if ts[0].IsInterval() {
		return ts[0].Root == ts[1].Root
	}
	return toLeast(ts)
}

// unifyNested is for what no other overload takes: a number beside a time has a
// least restrictive type, and yet no answer that anyone could expect.
func unifyNested(ts []types.Type) bool {
	if !toLeast(ts) {
		return false
	}
	_, time := pTemporal(ts[0])
	return !time
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// holds says whether op is true of two values whose order is c.
func holds(op string, c int) bool {
	switch op {
	case "=":
		return c == 0
	case "<>":
		return c != 0
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}

func compareNumbers(op string, c *call) Kernel {
	switch c.args[0].Physical() {
	case types.PhysInt8:
		return ordered[int8](op)
	case types.PhysInt16:
		return ordered[int16](op)
	case types.PhysInt32:
		return ordered[int32](op)
	case types.PhysInt64:
		return ordered[int64](op)
	case types.PhysFloat32:
		return ordered[float32](op)
	case types.PhysFloat64:
		return ordered[float64](op)
	}
	as, bs := c.args[0].Scale, c.args[1].Scale
	if as == bs {
		return map2(func(a, b types.Dec) bool { return holds(op, a.Cmp(b)) })
	}
	return map2(func(a, b types.Dec) bool { return holds(op, types.CmpScaled(a, as, b, bs)) })
}

// ordered is a comparison by Go's operators: for floats also Java's, under which
// NaN equals nothing.
func ordered[T number](op string) Kernel {
	switch op {
	case "=":
		return equal[T]
	case "<>":
		return unequal[T]
	case "<":
		return less[T]
	case "<=":
		return atMost[T]
	case ">":
		return swapped(less[T])
	}
	return swapped(atMost[T])
}

func swapped(k Kernel) Kernel {
	return func(ctx *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
		two := [2]*vec.Vector{args[1], args[0]}
		return k(ctx, two[:], sel, n, out)
	}
}

func equal[T number](_ *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
	a, b, dst := (*slice[T](args[0]))[:n], (*slice[T](args[1]))[:n], out.Bool[:n]
	if sel == nil {
		for i, x := range a {
			dst[i] = x == b[i]
		}
	}
	for _, r := range sel {
		dst[r] = a[r] == b[r]
	}
	return nil
}

func unequal[T number](_ *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
	a, b, dst := (*slice[T](args[0]))[:n], (*slice[T](args[1]))[:n], out.Bool[:n]
	if sel == nil {
		for i, x := range a {
			dst[i] = x != b[i]
		}
	}
	for _, r := range sel {
		dst[r] = a[r] != b[r]
	}
	return nil
}

func less[T number](_ *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
	a, b, dst := (*slice[T](args[0]))[:n], (*slice[T](args[1]))[:n], out.Bool[:n]
	if sel == nil {
		for i, x := range a {
			dst[i] = x < b[i]
		}
	}
	for _, r := range sel {
		dst[r] = a[r] < b[r]
	}
	return nil
}

func atMost[T number](_ *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
	a, b, dst := (*slice[T](args[0]))[:n], (*slice[T](args[1]))[:n], out.Bool[:n]
	if sel == nil {
		for i, x := range a {
			dst[i] = x <= b[i]
		}
	}
	for _, r := range sel {
		dst[r] = a[r] <= b[r]
	}
	return nil
}

// compareStrings knows the case of a column and a constant, which needs no
// vector of constants and can look at the length first.
func compareStrings(op string, c *call) Kernel {
	side := 0
	lit, ok := c.text(1)
	if !ok {
		side = 1
		lit, ok = c.text(0)
	}
	if !ok || op != "=" && op != "<>" {
		return compareBytes(op)
	}
	want := op == "="
	return func(_ *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
		v := args[side]
		if sel == nil {
			for r := range n {
				out.Bool[r] = (string(v.Bytes(r)) == lit) == want
			}
		}
		for _, r := range sel {
			out.Bool[r] = (string(v.Bytes(int(r))) == lit) == want
		}
		return nil
	}
}

func compareBytes(op string) Kernel {
	test := func(a, b []byte) bool { return holds(op, bytes.Compare(a, b)) }
	switch op {
	case "=":
		test = bytes.Equal
	case "<>":
		test = func(a, b []byte) bool { return !bytes.Equal(a, b) }
	}
	return func(_ *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
		a, b := args[0], args[1]
		if sel == nil {
			for r := range n {
				out.Bool[r] = test(a.Bytes(r), b.Bytes(r))
			}
		}
		for _, r := range sel {
			out.Bool[r] = test(a.Bytes(int(r)), b.Bytes(int(r)))
		}
		return nil
	}
}

func compareNested(op string) Kernel {
	return func(_ *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
		return each(sel, n, func(r int32) error {
			out.Bool[r] = holds(op, vec.Compare(args[0], int(r), args[1], int(r)))
			return nil
		})
	}
}

// distinct makes IS [NOT] DISTINCT FROM of the comparison <>.
func distinct(name string, want bool, doc string, examples []Example) *Scalar {
	list := comparisons("<>")
	for i := range list {
		ne := list[i].kernel
		list[i].fixed = types.TBool.Required()
		list[i].nullCall = true
		list[i].kernel = func(c *call) Kernel { return distinctKernel(ne(c), want) }
	}
	return &Scalar{Name: name, Group: "comparison", Signature: "a " + name + " b", Doc: doc, Examples: examples,
		Bind: overloads(name, list...)}
}

func distinctKernel(ne Kernel, want bool) Kernel {
	return func(ctx *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
		a, b := args[0], args[1]
		if a.Type.Root == types.Null || b.Type.Root == types.Null {
			return each(sel, n, func(r int32) error {
				out.Bool[r] = (a.IsNull(int(r)) != b.IsNull(int(r))) == want
				return nil
			})
		}
		if err := ne(ctx, args, sel, n, out); err != nil {
			return err
		}
		return each(sel, n, func(r int32) error {
			an, bn := a.IsNull(int(r)), b.IsNull(int(r))
			if an || bn {
				out.Bool[r] = an != bn
			}
			out.Bool[r] = out.Bool[r] == want
			return nil
		})
	}
}
