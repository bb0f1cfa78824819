package function

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// castTime converts between dates, times and timestamps. It goes by way of the
// local timestamp: what is no TIMESTAMP_LTZ has no zone to begin with.
func castTime(from, to types.Type) Kernel {
	if from.Physical() == types.PhysInt64 && (from.IsInterval() || to.IsInterval()) {
		return convert[int64, int64]
	}
	if from.Root == types.Time && to.Root == types.Time || from.Root == types.Date && to.Root == types.Date {
		unit := int32(1)
		if to.Root == types.Time {
			unit = timeUnit(to)
		}
		return map1(func(x int32) int32 { return x - x%unit })
	}
	fu, tu := from.Unit(), to.Unit()
	fromLTZ, toLTZ := from.Root == types.TimestampLTZ, to.Root == types.TimestampLTZ
	shift := fromLTZ != toLTZ
	perDay := func(u types.Unit) int64 { return 86400 * u.PerSecond() }
	return func(ctx *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
		z := zone{loc: ctx.Location}
		in := args[0]
		return each(sel, n, func(r int32) error {
			var v int64
			u := fu
			switch from.Root {
			case types.Date:
				v, u = int64(in.I32[r])*perDay(tu), tu
			case types.Time:
				v, u = int64(in.I32[r])*(tu.PerSecond()/1000), tu
			default:
				v = in.I64[r]
			}
			if shift && fromLTZ {
				v = z.toLocal(v, u)
			}
			switch to.Root {
			case types.Date:
				out.I32[r] = int32(floorDiv(v, perDay(u)))
				return nil
			case types.Time:
				ms := int32(floorMod(v, perDay(u)) / (u.PerSecond() / 1000))
				out.I32[r] = ms - ms%timeUnit(to)
				return nil
			}
			if shift && toLTZ {
				v = z.toInstant(v, u)
			}
			v, ok := types.Convert(v, u, tu)
			if !ok {
				return vec.RowErrorf(int(r), "CAST: %s goes from 1677 to 2262", shortName(to))
			}
			out.I64[r] = types.Truncate(v, to)
			return nil
		})
	}
}

// timeUnit is how many milliseconds a TIME of this precision counts in; TIME alone
// is TIME(0) and has whole seconds.
func timeUnit(t types.Type) int32 {
	unit := int32(1)
	for p := t.Precision; p < 3; p++ {
		unit *= 10
	}
	return unit
}
