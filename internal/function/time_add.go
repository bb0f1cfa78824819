package function

import (
	"fmt"
	"strings"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	register(
		timeFn("TIMESTAMPADD", "TIMESTAMPADD(unit, n, t)", "t moved by n units: YEAR, QUARTER, MONTH, WEEK, DAY, HOUR, MINUTE, SECOND or MILLISECOND. A DATE moved by less than a day becomes a TIMESTAMP.",
			[]Example{{"TIMESTAMPADD(WEEK, 1, DATE '2003-01-02')", "2003-01-09"}, {"TIMESTAMPADD(MONTH, 1, TIMESTAMP '2024-01-31 10:00:00')", "2024-02-29 10:00:00"},
				{"TIMESTAMPADD(HOUR, 1, DATE '2024-01-01')", "2024-01-01 01:00:00"}},
			overload{text: "(unit, INT, time)", params: []param{pSymbol, pLong, pPoint}, result: addedType, fallible: timestampAdd}),
		timeFn("TIMESTAMPDIFF", "TIMESTAMPDIFF(unit, a, b)", "How many whole units lie from a to b; negative if b is before a.",
			[]Example{{"TIMESTAMPDIFF(DAY, TIMESTAMP '2003-01-02 10:00:00', TIMESTAMP '2003-01-03 10:00:00')", "1"}, {"TIMESTAMPDIFF(MONTH, DATE '2024-01-31', DATE '2024-02-29')", "1"},
				{"TIMESTAMPDIFF(SECOND, TIMESTAMP '2024-01-01 00:00:10', TIMESTAMP '2024-01-01 00:00:00')", "-10"}},
			overload{text: "(unit, time, time)", params: []param{pSymbol, pPoint, pPoint}, fixed: types.TInt,
				unify: func(ts []types.Type) bool {
					if ts[1].Root == types.Date && ts[2].Root == types.Date {
						ts[1] = types.TTimestamp(0)
					}
					return ts[1].Root != types.Time && ts[2].Root != types.Time && toCommonTime(ts[1:])
				},
				fallible: timestampDiff}),
		timeFn("OVERLAPS", "(a, b) OVERLAPS (c, d)", "Whether two stretches of time, each from a time to a time or for an interval, have a moment in common.",
			[]Example{{"(TIME '2:55:00', INTERVAL '1' HOUR) OVERLAPS (TIME '3:30:00', INTERVAL '2' HOUR)", "TRUE"}, {"(TIME '9:00:00', TIME '10:00:00') OVERLAPS (TIME '10:15:00', INTERVAL '3' HOUR)", "FALSE"}},
			overload{text: "((time, time), (time, time))", params: []param{pRow2, pRow2}, fixed: types.TBool, nullCall: true,
				build: func(_ *call, args []vec.Expr) vec.Expr { return overlaps(args[0], args[1]) }}),
	)
}

var (
	pPoint = family(types.TTimestamp(3), func(t types.Type) bool { return t.Root >= types.Date && t.Root <= types.TimestampLTZ })
	pRow2  = family(types.TNull, func(t types.Type) bool { return t.Root == types.Row && len(t.Fields) == 2 })
)

// toCommonTime is toCommon, with a date beside a timestamp as a timestamp.
func toCommonTime(ts []types.Type) bool {
	for i, t := range ts {
		if o := ts[1-i]; t.Root == types.Date && o.IsTimestamp() {
			ts[i] = o
		}
	}
	return toCommon(ts)
}

// addedType is the type of TIMESTAMPADD: that of the time, but a DATE moved by
// less than a day becomes a TIMESTAMP.
func addedType(c *call) (types.Type, error) {
	name, _ := c.text(0)
	s, err := unitSpan(name)
	if err != nil || c.args[2].Root != types.Date || s.millis == 0 {
		return c.args[2], err
	}
	if s.millis < 1000 {
		return types.TTimestamp(3), nil
	}
	return types.TTimestamp(0), nil
}

// unitSpan finds a unit, also by its ODBC name.
func unitSpan(name string) (span, error) {
	s, ok := spans[strings.TrimPrefix(name, "SQL_TSI_")]
	if !ok {
		return s, fmt.Errorf("%s is no unit here; take YEAR, QUARTER, MONTH, WEEK, DAY, HOUR, MINUTE, SECOND or MILLISECOND", name)
	}
	return s, nil
}

func timestampAdd(c *call) (Kernel, error) {
	name, _ := c.text(0)
	s, err := unitSpan(name)
	if err != nil {
		return nil, err
	}
	interval := s.millis + s.days*dayMillis
	by := types.Type{Root: types.IntervalDayTime}
	if s.months > 0 {
		interval, by = s.months, types.Type{Root: types.IntervalYearMonth}
	}
	t := c.result
	toTimestamp := c.args[2].Root == types.Date && s.millis > 0
	shift, err := overloads("+", shifts(1)...)([]types.Type{t, by}, nil)
	if err != nil {
		return nil, err
	}
	return func(ctx *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
		moved := vec.New(types.TBigInt, n, 0)
		for i, x := range args[1].I64[:n] {
			moved.I64[i] = x * interval
		}
		in := args[2]
		if toTimestamp {
			in = vec.New(t, n, 0)
			if err := castTime(types.TDate, t)(ctx, args[2:], sel, n, in); err != nil {
				return err
			}
		}
		return shift.Kernel(ctx, []*vec.Vector{in, moved}, sel, n, out)
	}, nil
}

func timestampDiff(c *call) (Kernel, error) {
	name, _ := c.text(0)
	s, err := unitSpan(name)
	if err != nil {
		return nil, err
	}
	per := c.args[1].Unit().PerSecond()
	unit := (s.millis + s.days*dayMillis) * (per / 1000)
	return rowsOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, out *vec.Vector) error {
		a, b := args[1].I64[r], args[2].I64[r]
		if s.months > 0 {
			out.I32[r] = int32(monthsBetween(a, b, per*86400) / s.months)
		} else {
			out.I32[r] = int32((b - a) / unit)
		}
		return nil
	}), nil
}

// monthsBetween is how many whole months lie from a to b.
func monthsBetween(a, b, perDay int64) int64 {
	if b < a {
		return -monthsBetween(b, a, perDay)
	}
	from, to := int32(floorDiv(a, perDay)), int32(floorDiv(b, perDay))
	fy, fm, _ := types.CivilDate(from)
	ty, tm, _ := types.CivilDate(to)
	n := int64(ty-fy)*12 + int64(tm-fm)
	if reached := addMonths(from, n); reached > to || reached == to && floorMod(b, perDay) < floorMod(a, perDay) {
		n--
	}
	return n
}

// overlaps compares the two stretches, each put in order first.
func overlaps(a, b vec.Expr) vec.Expr {
	var err error
	must := func(name string, args ...vec.Expr) vec.Expr {
		if err != nil {
			return args[0]
		}
		var e vec.Expr
		e, err = Call(name, args...)
		return e
	}
	ends := func(row vec.Expr) (from, to vec.Expr) {
		from, to = NewField(row, 0), NewField(row, 1)
		if to.Type().IsInterval() {
			to = must("+", from, to)
		}
		return must("LEAST", from, to), must("GREATEST", from, to)
	}
	af, at := ends(a)
	bf, bt := ends(b)
	e := must("AND", must(">=", at, bf), must(">=", bt, af))
	if err != nil {
		return &failed{typ: types.TBool, err: err}
	}
	return e
}
