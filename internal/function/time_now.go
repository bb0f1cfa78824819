package function

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	ltz := types.TTimestampLTZ(3)
	instant := func(ctx *vec.EvalContext, _ *zone) int64 { return ctx.Now.UnixMilli() }
	local := func(ctx *vec.EvalContext, z *zone) int64 { return z.toLocal(ctx.Now.UnixMilli(), types.Milli) }
	const step = " All rows of a step see the same time."
	registerVolatile(
		clock("CURRENT_TIMESTAMP", "The time, as TIMESTAMP_LTZ(3)."+step, ltz, instant, Example{"CURRENT_TIMESTAMP", "2024-05-06 07:08:09.123"}, "NOW"),
		clock("CURRENT_ROW_TIMESTAMP", "The time, as TIMESTAMP_LTZ(3)."+step, ltz, instant, Example{"CURRENT_ROW_TIMESTAMP()", "2024-05-06 07:08:09.123"}),
		clock("LOCALTIMESTAMP", "The local time, as TIMESTAMP(3)."+step, types.TTimestamp(3), local, Example{"LOCALTIMESTAMP", "2024-05-06 07:08:09.123"}),
		clock("CURRENT_DATE", "The local date."+step, types.TDate, func(ctx *vec.EvalContext, z *zone) int64 {
			return floorDiv(local(ctx, z), dayMillis)
		}, Example{"CURRENT_DATE", "2024-05-06"}),
		clock("CURRENT_TIME", "The local time of day, as TIME(0)."+step, types.TTime, func(ctx *vec.EvalContext, z *zone) int64 {
			ms := floorMod(local(ctx, z), dayMillis)
			return ms - ms%1000
		}, Example{"CURRENT_TIME", "07:08:09"}, "LOCALTIME"),
		proctime(),
	)
}

// clock makes a function of the step's time.
func clock(name, doc string, t types.Type, read func(ctx *vec.EvalContext, z *zone) int64, ex Example, aliases ...string) *Scalar {
	kernel := func(ctx *vec.EvalContext, _ []*vec.Vector, _ []int32, n int, out *vec.Vector) error {
		v := read(ctx, &zone{loc: ctx.Location})
		for i := range n {
			setWhole(out, i, v)
		}
		return nil
	}
	return &Scalar{Name: name, Aliases: aliases, Group: "temporal", Signature: ex.SQL, Doc: doc, Examples: []Example{ex}, Dynamic: true,
		Bind: overloads(name, overload{text: "()", params: []param{pInt}, opt: 1, fixed: t, kernel: func(*call) Kernel { return kernel }})}
}

// proctime is PROCTIME(): the time, as the time attribute of processing.
func proctime() *Scalar {
	f := clock("PROCTIME", "The time, as a processing time attribute.", types.TTimestampLTZ(3),
		func(ctx *vec.EvalContext, _ *zone) int64 { return ctx.Now.UnixMilli() }, Example{"PROCTIME()", "2024-05-06 07:08:09.123"})
	bind := f.Bind
	f.Bind = func(args []types.Type, lits []*Literal) (Bound, error) {
		b, err := bind(args, lits)
		b.Result.Attr = types.ProcTime
		return b, err
	}
	return f
}
