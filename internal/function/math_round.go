package function

import (
	"math"
	"strconv"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	register(
		&Scalar{Name: "ABS", Group: "arithmetic", Signature: "ABS(x)", Doc: "The absolute value. That of the least whole number is itself, as in Java.",
			Examples: []Example{{"ABS(-5)", "5"}, {"ABS(-1.25)", "1.25"}}, Bind: overloads("ABS", sameNumber(absKernel))},
		&Scalar{Name: "SIGN", Group: "arithmetic", Signature: "SIGN(x)", Doc: "-1, 0 or 1, in the type of x.",
			Examples: []Example{{"SIGN(-5)", "-1"}, {"SIGN(2.50)", "1.00"}, {"SIGN(0e0)", "0.0"}}, Bind: overloads("SIGN", sameNumber(signKernel))},
		&Scalar{Name: "ROUND", Group: "arithmetic", Signature: "ROUND(x [, digits])",
			Doc:      "x rounded to so many digits after the point (0), halves away from zero; digits below 0 round before the point.",
			Examples: []Example{{"ROUND(2.5)", "3"}, {"ROUND(-1.255, 2)", "-1.26"}, {"ROUND(1250, -2)", "1300"}, {"ROUND(0.285e0, 2)", "0.29"}},
			Bind:     overloads("ROUND", rounding(true))},
		&Scalar{Name: "TRUNCATE", Group: "arithmetic", Signature: "TRUNCATE(x [, digits])",
			Doc:      "x cut to so many digits after the point (0); digits below 0 cut before the point.",
			Examples: []Example{{"TRUNCATE(42.324, 2)", "42.32"}, {"TRUNCATE(-42.9)", "-42"}, {"TRUNCATE(1299, -2)", "1200"}, {"TRUNCATE(42.324e0, 1)", "42.3"}},
			Bind:     overloads("TRUNCATE", rounding(false))},
	)
}

// sameNumber is an overload from any number to its own type.
func sameNumber(kernel func(t types.Type) Kernel) overload {
	return overload{text: "(number)", params: []param{pNumeric}, result: sameAs(0), total: true,
		kernel: func(c *call) Kernel { return kernel(c.args[0]) }}
}

func absKernel(t types.Type) Kernel {
	switch t.Physical() {
	case types.PhysInt8:
		return map1(absWhole[int8])
	case types.PhysInt16:
		return map1(absWhole[int16])
	case types.PhysInt32:
		return map1(absWhole[int32])
	case types.PhysInt64:
		return map1(absWhole[int64])
	case types.PhysFloat32:
		return map1(func(x float32) float32 { return float32(math.Abs(float64(x))) })
	case types.PhysFloat64:
		return map1(math.Abs)
	}
	return map1(types.Dec.Abs)
}

func absWhole[T whole](x T) T {
	if x < 0 {
		return -x
	}
	return x
}

func signKernel(t types.Type) Kernel {
	switch t.Physical() {
	case types.PhysInt8:
		return map1(signOf[int8])
	case types.PhysInt16:
		return map1(signOf[int16])
	case types.PhysInt32:
		return map1(signOf[int32])
	case types.PhysInt64:
		return map1(signOf[int64])
	case types.PhysFloat32:
		return map1(signOf[float32])
	case types.PhysFloat64:
		return map1(signOf[float64])
	}
	one := types.Pow10(t.Scale)
	return map1(func(d types.Dec) types.Dec {
		switch d.Sign() {
		case 0:
			return types.Dec{}
		case -1:
			return one.Neg()
		}
		return one
	})
}

func signOf[T number](x T) T {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return x // zero, negative zero, NaN
}

// rounding is ROUND (half) or TRUNCATE.
func rounding(half bool) overload {
	return overload{text: "(number [, INT])", params: []param{pNumeric, pInt}, opt: 1,
		result: func(c *call) (types.Type, error) {
			t := c.args[0]
			digits, known := roundDigits(c)
			if t.Root != types.Decimal || !known {
				return t, nil
			}
			return roundType(t, digits), nil
		},
		kernel: func(c *call) Kernel { return roundKernel(c, half) }}
}

// roundDigits is the second argument, if it is constant.
func roundDigits(c *call) (int, bool) {
	if len(c.args) == 1 {
		return 0, true
	}
	if l := c.lit(1); l != nil {
		n, ok := l.Value.(int64)
		return int(n), ok
	}
	return 0, false
}

// roundType is the type of a rounded decimal: rounding may add a digit.
func roundType(t types.Type, digits int) types.Type {
	switch {
	case digits >= t.Scale:
		return t
	case digits < 0:
		return types.TDecimal(min(38, 1+t.Precision-t.Scale), 0)
	}
	return types.TDecimal(min(38, 1+t.Precision-t.Scale+digits), digits)
}

func roundKernel(c *call, half bool) Kernel {
	t, rs := c.args[0], c.result.Scale
	one := func(in *vec.Vector, r, digits int, out *vec.Vector) {
		switch t.Physical() {
		case types.PhysInt8:
			out.I8[r] = int8(roundWhole(int64(in.I8[r]), digits, half))
		case types.PhysInt16:
			out.I16[r] = int16(roundWhole(int64(in.I16[r]), digits, half))
		case types.PhysInt32:
			out.I32[r] = int32(roundWhole(int64(in.I32[r]), digits, half))
		case types.PhysInt64:
			out.I64[r] = roundWhole(in.I64[r], digits, half)
		case types.PhysFloat32:
			out.F32[r] = float32(roundFloat(float64(in.F32[r]), digits, 32, half))
		case types.PhysFloat64:
			out.F64[r] = roundFloat(in.F64[r], digits, 64, half)
		default:
			d, ok := roundDec(in.Dec[r], t.Scale, digits, half)
			if ok {
				d, ok = d.Rescale(t.Scale, rs)
			}
			if !ok || !d.Fits(c.result.Precision) {
				out.SetNull(r)
				return
			}
			out.Dec[r] = d
		}
	}
	return rowsOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, out *vec.Vector) error {
		digits := 0
		if len(args) == 2 {
			digits = int(args[1].I32[r])
		}
		one(args[0], r, digits, out)
		return nil
	})
}

func roundWhole(x int64, digits int, half bool) int64 {
	if digits >= 0 {
		return x
	}
	if digits < -18 {
		return 0
	}
	unit := int64(1)
	for range -digits {
		unit *= 10
	}
	rest := x % unit
	x -= rest
	if half && rest >= unit/2 {
		return x + unit
	}
	if half && rest <= -unit/2 {
		return x - unit
	}
	return x
}

// roundDec rounds a decimal of scale s and leaves the scale as it is.
func roundDec(d types.Dec, s, digits int, half bool) (types.Dec, bool) {
	cut := s - digits
	if cut <= 0 {
		return d, true
	}
	if cut > 38 {
		return types.Dec{}, true
	}
	unit := types.Pow10(cut)
	if half {
		q, ok := d.Div(unit, 0)
		if !ok {
			return q, false
		}
		return q.Mul(unit, 0)
	}
	rest, ok := d.Mod(unit, 0, 0)
	if !ok {
		return d, false
	}
	return d.Sub(rest)
}

// roundFloat rounds the shortest decimal text of x, as Java's
// BigDecimal.valueOf does: 0.285 is rounded as 0.285 and not as the binary
// fraction just under it.
func roundFloat(x float64, digits, bits int, half bool) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) || x == 0 {
		return x
	}
	text := strconv.FormatFloat(math.Abs(x), 'e', -1, bits)
	mantissa, exp := splitExp(text)
	// The value is 0.mantissa * 10^(exp+1); keep digits of it.
	keep := exp + 1 + digits
	if keep >= len(mantissa) {
		return x
	}
	up := half && keep >= 0 && mantissa[keep] >= '5'
	if keep < 0 {
		return 0
	}
	n, _ := strconv.ParseUint("0"+mantissa[:keep], 10, 64)
	if up {
		n++
	}
	out, _ := strconv.ParseFloat(strconv.FormatUint(n, 10)+"e"+strconv.Itoa(exp+1-keep), 64)
	return math.Copysign(out, x)
}

// splitExp takes 1.25e+02 apart into the digits 125 and the exponent 2.
func splitExp(text string) (mantissa string, exp int) {
	for i := range text {
		if text[i] == 'e' {
			exp, _ = strconv.Atoi(text[i+1:])
			text = text[:i]
			break
		}
	}
	if len(text) > 1 {
		text = text[:1] + text[2:]
	}
	return text, exp
}
