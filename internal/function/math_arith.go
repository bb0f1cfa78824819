package function

import (
	"errors"
	"math"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

var errDivision = errors.New("division by zero")

func init() {
	register(
		&Scalar{Name: "+", Group: "arithmetic", Signature: "a + b, + a",
			Doc: "The sum. Whole numbers wrap round on overflow, as in Flink; a DECIMAL that does not fit its type is NULL. " +
				"A date, time or timestamp and an interval give a date, time or timestamp.",
			Examples: []Example{{"1 + 2", "3"}, {"1.5 + 2.25", "3.75"}, {"2147483647 + 1", "-2147483648"}, {"1 + 1e0", "2.0"},
				{"DATE '2024-01-31' + INTERVAL '1' MONTH", "2024-02-29"},
				{"TIMESTAMP '2024-01-01 00:00:00' + INTERVAL '90' MINUTE", "2024-01-01 01:30:00"},
				{"1 + CAST(NULL AS INT)", "NULL"}},
			Bind: overloads("+", append(arithmetic('+'), plusTemporal()...)...)},
		&Scalar{Name: "-", Group: "arithmetic", Signature: "a - b, - a",
			Doc: "The difference, or the negation. The difference of two timestamps, dates or times is an interval, " +
				"which Flink has only as TIMESTAMPDIFF.",
			Examples: []Example{{"3 - 5", "-2"}, {"- (3)", "-3"}, {"1.5 - 2", "-0.5"},
				{"TIMESTAMP '2024-01-01 00:00:10' - INTERVAL '4' SECOND", "2024-01-01 00:00:06"}},
			Bind: overloads("-", append(arithmetic('-'), minusTemporal()...)...)},
		&Scalar{Name: "*", Group: "arithmetic", Signature: "a * b", Doc: "The product.",
			Examples: []Example{{"3 * 4", "12"}, {"1.5 * 1.5", "2.25"}, {"INTERVAL '1' DAY * 3", "+3 00:00:00.000"}},
			Bind:     overloads("*", append(arithmetic('*'), timesInterval()...)...)},
		&Scalar{Name: "/", Group: "arithmetic", Signature: "a / b",
			Doc: "The quotient; of whole numbers, a whole number cut towards zero. Dividing by zero is an error, but for " +
				"FLOAT and DOUBLE, which give infinity or NaN.",
			Examples: []Example{{"7 / 2", "3"}, {"-7 / 2", "-3"}, {"7.0 / 2", "3.500000000000"}, {"1e0 / 0", "Infinity"},
				{"1 / 0", "error: division by zero"}},
			Bind: overloads("/", arithmetic('/')...)},
		&Scalar{Name: "%", Aliases: []string{"MOD"}, Group: "arithmetic", Signature: "a % b, MOD(a, b)",
			Doc:      "The remainder, with the sign of a and, for whole numbers, the type of b.",
			Examples: []Example{{"7 % 3", "1"}, {"MOD(-7, 3)", "-1"}, {"MOD(7.5, 2)", "1.5"}, {"MOD(1, 0)", "error: division by zero"}},
			Bind:     overloads("%", arithmetic('%')...)},
	)
}

// arithmetic are the overloads on numbers.
func arithmetic(op byte) []overload {
	list := []overload{
		{text: "(number, number)", params: []param{pNumeric, pNumeric}, unify: unifyNumbers,
			result: func(c *call) (types.Type, error) { return arithType(op, c), nil },
			total:  op != '/' && op != '%',
			kernel: func(c *call) Kernel { return arithKernel(op, c) }},
	}
	if op == '/' || op == '%' {
		// Floats never fail to divide, so they may run over all rows.
		floats := list[0]
		floats.params = []param{pNumeric, pNumeric}
		floats.unify = func(ts []types.Type) bool { return unifyNumbers(ts) && ts[0].IsApprox() }
		floats.total = true
		list = []overload{floats, list[0]}
		list[0].text, list[1].text = "(DOUBLE, DOUBLE)", "(number, number)"
	}
	switch op {
	case '+':
		list = append(list, overload{text: "(number)", params: []param{pNumeric}, result: sameAs(0),
			build: func(_ *call, args []vec.Expr) vec.Expr { return args[0] }})
	case '-':
		list = append(list, overload{text: "(number)", params: []param{pNumeric}, result: sameAs(0), total: true,
			kernel: func(c *call) Kernel { return negate(c.result) }},
			overload{text: "(interval)", params: []param{family(types.TNull, types.Type.IsInterval)}, result: sameAs(0), total: true,
				kernel: func(*call) Kernel { return negWhole[int64] }})
	}
	return list
}

// unifyNumbers makes two numbers the same type, but leaves two exact ones of
// which one is a DECIMAL as decimals of their own precisions.
func unifyNumbers(ts []types.Type) bool {
	if ts[0].IsApprox() || ts[1].IsApprox() || ts[0].IsInteger() && ts[1].IsInteger() {
		return toCommon(ts)
	}
	for i := range ts {
		d, ok := types.AsDecimal(ts[i])
		if !ok {
			return false
		}
		ts[i] = d
	}
	return true
}

func arithType(op byte, c *call) types.Type {
	a, b := c.args[0], c.args[1]
	if a.Root != types.Decimal {
		// MOD gives the divisor's type: a BIGINT by the constant 123 is an INT.
		if d := c.given[1]; op == '%' && a.IsInteger() && d.IsInteger() {
			return d.Plain()
		}
		return a
	}
	ai, bi := a.Precision-a.Scale, b.Precision-b.Scale
	switch op {
	case '*':
		c.mayNull = a.Precision+b.Precision > 38
		return types.MulType(a, b)
	case '/':
		c.mayNull = ai+b.Scale+max(6, a.Scale+b.Precision+1) > 38
		return types.DivType(a, b)
	case '%':
		c.mayNull = min(ai, bi)+max(a.Scale, b.Scale) > 38
		return types.ModType(a, b)
	}
	c.mayNull = max(ai, bi)+1+max(a.Scale, b.Scale) > 38
	return types.AddType(a, b)
}

func arithKernel(op byte, c *call) Kernel {
	if op == '%' && c.args[0].Physical() != c.result.Physical() {
		return modNarrow(c)
	}
	switch c.args[0].Physical() {
	case types.PhysInt8:
		return wholeArith[int8](op)
	case types.PhysInt16:
		return wholeArith[int16](op)
	case types.PhysInt32:
		return wholeArith[int32](op)
	case types.PhysInt64:
		return wholeArith[int64](op)
	case types.PhysFloat32:
		return floatArith[float32](op)
	case types.PhysFloat64:
		return floatArith[float64](op)
	}
	return decArith(op, c)
}

func wholeArith[T whole](op byte) Kernel {
	switch op {
	case '/':
		return divWhole[T]
	case '%':
		return modWhole[T]
	}
	return numberArith[T](op)
}

func floatArith[T float32 | float64](op byte) Kernel {
	switch op {
	case '/':
		return divFloat[T]
	case '%':
		return map2(func(a, b T) T { return T(math.Mod(float64(a), float64(b))) })
	}
	return numberArith[T](op)
}

func numberArith[T number](op byte) Kernel {
	switch op {
	case '+':
		return addNumber[T]
	case '-':
		return subNumber[T]
	}
	return mulNumber[T]
}

// The kernels below are written out rather than made by map2, because the
// compiler turns the loops into a few instructions a row.

func addNumber[T number](_ *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
	a, b, dst := (*slice[T](args[0]))[:n], (*slice[T](args[1]))[:n], (*slice[T](out))[:n]
	if sel == nil {
		for i, x := range a {
			dst[i] = x + b[i]
		}
	}
	for _, r := range sel {
		dst[r] = a[r] + b[r]
	}
	return nil
}

func subNumber[T number](_ *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
	a, b, dst := (*slice[T](args[0]))[:n], (*slice[T](args[1]))[:n], (*slice[T](out))[:n]
	if sel == nil {
		for i, x := range a {
			dst[i] = x - b[i]
		}
	}
	for _, r := range sel {
		dst[r] = a[r] - b[r]
	}
	return nil
}

func mulNumber[T number](_ *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
	a, b, dst := (*slice[T](args[0]))[:n], (*slice[T](args[1]))[:n], (*slice[T](out))[:n]
	if sel == nil {
		for i, x := range a {
			dst[i] = x * b[i]
		}
	}
	for _, r := range sel {
		dst[r] = a[r] * b[r]
	}
	return nil
}

func divFloat[T float32 | float64](_ *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
	a, b, dst := (*slice[T](args[0]))[:n], (*slice[T](args[1]))[:n], (*slice[T](out))[:n]
	if sel == nil {
		for i, x := range a {
			dst[i] = x / b[i]
		}
	}
	for _, r := range sel {
		dst[r] = a[r] / b[r]
	}
	return nil
}

func divWhole[T whole](_ *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
	a, b, dst := (*slice[T](args[0]))[:n], (*slice[T](args[1]))[:n], (*slice[T](out))[:n]
	if sel == nil {
		for i, y := range b {
			if y == 0 {
				return rowError(i, errDivision)
			}
			dst[i] = a[i] / y
		}
	}
	for _, r := range sel {
		if b[r] == 0 {
			return rowError(int(r), errDivision)
		}
		dst[r] = a[r] / b[r]
	}
	return nil
}

func modWhole[T whole](_ *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
	a, b, dst := (*slice[T](args[0]))[:n], (*slice[T](args[1]))[:n], (*slice[T](out))[:n]
	if sel == nil {
		for i, y := range b {
			if y == 0 {
				return rowError(i, errDivision)
			}
			dst[i] = a[i] % y
		}
	}
	for _, r := range sel {
		if b[r] == 0 {
			return rowError(int(r), errDivision)
		}
		dst[r] = a[r] % b[r]
	}
	return nil
}

// modNarrow is the remainder by a divisor of a smaller type than the dividend,
// which gives the smaller type.
func modNarrow(c *call) Kernel {
	mod := wholeArith[int64]
	narrow := castKernel(c.args[0], c.result)
	if c.args[0].Physical() == types.PhysInt32 {
		mod = wholeArith[int32]
	} else if c.args[0].Physical() == types.PhysInt16 {
		mod = wholeArith[int16]
	}
	k := mod('%')
	return func(ctx *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
		wide := vec.New(c.args[0], n, 0)
		if err := k(ctx, args, sel, n, wide); err != nil {
			return err
		}
		return narrow(ctx, []*vec.Vector{wide}, sel, n, out)
	}
}

func negate(t types.Type) Kernel {
	switch t.Physical() {
	case types.PhysInt8:
		return negWhole[int8]
	case types.PhysInt16:
		return negWhole[int16]
	case types.PhysInt32:
		return negWhole[int32]
	case types.PhysInt64:
		return negWhole[int64]
	case types.PhysFloat32:
		return negWhole[float32]
	case types.PhysFloat64:
		return negWhole[float64]
	}
	return map1(types.Dec.Neg)
}

func negWhole[T number](_ *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
	a, dst := (*slice[T](args[0]))[:n], (*slice[T](out))[:n]
	if sel == nil {
		for i, x := range a {
			dst[i] = -x
		}
	}
	for _, r := range sel {
		dst[r] = -a[r]
	}
	return nil
}
