package function

import (
	"fmt"
	"strings"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// BindCast makes CAST(x AS to), or TRY_CAST, which gives NULL where CAST fails.
// The result is NOT NULL if the argument is and no value can be lost.
//
// As in Flink: whole numbers wrap round, floating-point ones saturate on the way
// to whole ones, a DECIMAL that does not fit its new type is NULL; text that
// cannot be read is an error.
func BindCast(from, to types.Type, try bool) (Bound, error) {
	from = from.Plain()
	name := "CAST"
	if try {
		name = "TRY_CAST"
	}
	if err := castAllowed(name, from, to); err != nil {
		return Bound{}, err
	}
	lossy := to.Root == types.Decimal && from.IsNumeric() && !alwaysFits(from, to)
	result := to.Plain().WithNull(!from.NotNull || try || lossy || from.Root == types.Null)
	k := castKernel(from, to)
	if try {
		k = tryKernel(from, to)
	}
	b := Bound{Args: []types.Type{from}, Result: result, Kernel: k, volatile: dependsOnZone(from, to)}
	b.total = from.IsNumeric() && to.IsNumeric() && to.Root != types.Decimal && from.Root != types.Decimal
	b.fresh = func() Kernel {
		if try {
			return tryKernel(from, to)
		}
		return castKernel(from, to)
	}
	if from.Same(to) {
		b.Build = func(args []vec.Expr) vec.Expr { return args[0] }
	}
	return b, nil
}

func castAllowed(name string, from, to types.Type) error {
	numeric := func(a, b types.Type) bool { return a.IsNumeric() && b.IsTimestamp() }
	switch {
	case numeric(from, to):
		return fmt.Errorf("%s: a number says nothing of its unit; use TO_TIMESTAMP_LTZ(x, 0) for seconds or TO_TIMESTAMP_LTZ(x, 3) for milliseconds", name)
	case numeric(to, from):
		return fmt.Errorf("%s: a timestamp has no number; use UNIX_TIMESTAMP(CAST(x AS STRING)) for seconds", name)
	case !types.ExplicitCast(from, to.Nullable()):
		return fmt.Errorf("%s: a %s cannot become %s", name, shortName(from), article(to))
	}
	return nil
}

// alwaysFits says whether every value of a number type fits a decimal type.
func alwaysFits(from, to types.Type) bool {
	d, ok := types.AsDecimal(from)
	return ok && d.Precision-d.Scale+rounds(d, to) <= to.Precision-to.Scale
}

// rounds is 1 if rounding may add a digit.
func rounds(from, to types.Type) int {
	if from.Scale > to.Scale {
		return 1
	}
	return 0
}

// dependsOnZone says whether a cast looks at table.local-time-zone.
func dependsOnZone(from, to types.Type) bool {
	return (from.Root == types.TimestampLTZ) != (to.Root == types.TimestampLTZ)
}

// article is a type with its article, as errors say it: an INT, a DATE.
func article(t types.Type) string {
	s := shortName(t)
	if strings.ContainsRune("AEIO", rune(s[0])) {
		return "an " + s
	}
	return "a " + s
}

// castKernel converts between two types of which ExplicitCast is true.
func castKernel(from, to types.Type) Kernel {
	switch {
	case from.Root == types.Null:
		return func(_ *vec.EvalContext, _ []*vec.Vector, _ []int32, n int, out *vec.Vector) error {
			*out = *vec.NewNulls(to, n)
			return nil
		}
	case nested(to):
		return castNested(from, to, false)
	case to.IsString():
		return castToString(from, to)
	case to.IsBytes():
		return castToBytes(to)
	case to.Root == types.Boolean:
		return castToBool(from)
	case from.IsInterval() && to.IsNumeric():
		return castNumber(types.TBigInt, to)
	case from.IsNumeric() && to.IsInterval():
		return castNumber(from, types.TBigInt)
	case to.IsNumeric() && (from.IsNumeric() || from.Root == types.Boolean):
		return castNumber(from, to)
	case from.IsString() || from.IsBytes():
		return castParse(to)
	}
	return castTime(from, to)
}

// tryKernel is castKernel with NULL in place of errors.
func tryKernel(from, to types.Type) Kernel {
	if nested(to) && from.Root != types.Null {
		return castNested(from, to, true)
	}
	k := castKernel(from, to)
	if !from.IsString() && !from.IsBytes() || to.Physical() == types.PhysBytes {
		return k // cannot fail
	}
	return func(ctx *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
		var one [1]int32
		return each(sel, n, func(r int32) error {
			one[0] = r
			if err := k(ctx, args, one[:], n, out); err != nil {
				out.SetNull(int(r))
			}
			return nil
		})
	}
}

// castToBool: zero is FALSE, and the words that Flink knows.
func castToBool(from types.Type) Kernel {
	switch from.Physical() {
	case types.PhysInt8:
		return map1(nonZero[int8])
	case types.PhysInt16:
		return map1(nonZero[int16])
	case types.PhysInt32:
		return map1(nonZero[int32])
	case types.PhysInt64:
		return map1(nonZero[int64])
	case types.PhysFloat32:
		return map1(nonZero[float32])
	case types.PhysFloat64:
		return map1(nonZero[float64])
	case types.PhysDec:
		return map1(nonZero[types.Dec])
	case types.PhysBool:
		return map1(func(x bool) bool { return x })
	}
	return castParse(types.TBool)
}

func nonZero[T comparable](x T) bool {
	var zero T
	return x != zero
}
