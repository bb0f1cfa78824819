package function

import (
	"math"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	register(
		double("SQRT", "The square root; NaN of a negative number.", math.Sqrt, Example{"SQRT(9)", "3.0"}),
		double("LN", "The natural logarithm.", math.Log, Example{"LN(1)", "0.0"}),
		double("LOG10", "The logarithm to the base 10.", math.Log10, Example{"LOG10(1000)", "3.0"}),
		double("LOG2", "The logarithm to the base 2.", func(x float64) float64 { return math.Log(x) / math.Log(2) }, Example{"LOG2(8)", "3.0"}),
		double("EXP", "e to the power of x.", math.Exp, Example{"EXP(0)", "1.0"}),
		double("SIN", "The sine.", math.Sin, Example{"SIN(0)", "0.0"}),
		double("COS", "The cosine.", math.Cos, Example{"COS(0)", "1.0"}),
		double("TAN", "The tangent.", math.Tan, Example{"TAN(0)", "0.0"}),
		double("COT", "The cotangent.", func(x float64) float64 { return 1 / math.Tan(x) }, Example{"COT(0)", "Infinity"}),
		double("ASIN", "The arc sine.", math.Asin, Example{"ASIN(0)", "0.0"}),
		double("ACOS", "The arc cosine.", math.Acos, Example{"ACOS(1)", "0.0"}),
		double("ATAN", "The arc tangent.", math.Atan, Example{"ATAN(0)", "0.0"}),
		double("SINH", "The hyperbolic sine.", math.Sinh, Example{"SINH(0)", "0.0"}),
		double("COSH", "The hyperbolic cosine.", math.Cosh, Example{"COSH(0)", "1.0"}),
		double("TANH", "The hyperbolic tangent.", math.Tanh, Example{"TANH(0)", "0.0"}),
		double("DEGREES", "Radians as degrees.", func(x float64) float64 { return x * (180 / math.Pi) }, Example{"DEGREES(PI())", "180.0"}),
		double("RADIANS", "Degrees as radians.", func(x float64) float64 { return x / 180 * math.Pi }, Example{"RADIANS(180)", "3.141592653589793"}),
		double2("POWER", "x, y", "x to the power of y.", math.Pow, Example{"POWER(2, 10)", "1024.0"}),
		double2("ATAN2", "y, x", "The angle of the point (x, y).", math.Atan2, Example{"ATAN2(0, 1)", "0.0"}),
		&Scalar{Name: "LOG", Group: "arithmetic", Signature: "LOG([base,] x)", Doc: "The logarithm to a base; without one, the natural logarithm.",
			Examples: []Example{{"LOG(1)", "0.0"}, {"LOG(2, 8)", "3.0"}},
			Bind: overloads("LOG",
				overload{text: "(DOUBLE)", params: []param{pDouble}, fixed: types.TDouble, total: true, kernel: func(*call) Kernel { return map1(math.Log) }},
				overload{text: "(DOUBLE, DOUBLE)", params: []param{pDouble, pDouble}, fixed: types.TDouble, total: true, kernel: func(*call) Kernel {
					return map2(func(base, x float64) float64 { return math.Log(x) / math.Log(base) })
				}})},
		constantFn("PI", math.Pi, "3.141592653589793"),
		constantFn("E", math.E, "2.718281828459045"),
	)
}

func double(name, doc string, f func(float64) float64, ex Example) *Scalar {
	return &Scalar{Name: name, Group: "arithmetic", Signature: name + "(x)", Doc: doc, Examples: []Example{ex},
		Bind: overloads(name, overload{text: "(DOUBLE)", params: []param{pDouble}, fixed: types.TDouble, total: true,
			kernel: func(*call) Kernel { return map1(f) }})}
}

func double2(name, params, doc string, f func(x, y float64) float64, ex Example) *Scalar {
	return &Scalar{Name: name, Group: "arithmetic", Signature: name + "(" + params + ")", Doc: doc, Examples: []Example{ex},
		Bind: overloads(name, overload{text: "(DOUBLE, DOUBLE)", params: []param{pDouble, pDouble}, fixed: types.TDouble, total: true,
			kernel: func(*call) Kernel { return map2(f) }})}
}

func constantFn(name string, x float64, want string) *Scalar {
	fill := func(_ *vec.EvalContext, _ []*vec.Vector, _ []int32, _ int, out *vec.Vector) error {
		for i := range out.F64 {
			out.F64[i] = x
		}
		return nil
	}
	return &Scalar{Name: name, Group: "arithmetic", Signature: name + "()", Doc: "The number " + name + ".", Examples: []Example{{name + "()", want}},
		Bind: overloads(name, overload{text: "()", fixed: types.TDouble, total: true, kernel: func(*call) Kernel { return fill }})}
}
