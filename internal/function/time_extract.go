package function

import (
	"fmt"
	"strings"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func timeFn(name, signature, doc string, examples []Example, list ...overload) *Scalar {
	return &Scalar{Name: name, Group: "temporal", Signature: signature, Doc: doc, Examples: examples, Bind: overloads(name, list...)}
}

func init() {
	register(timeFn("EXTRACT", "EXTRACT(unit FROM t)",
		"A part of a date, time, timestamp or interval, as BIGINT: MILLENNIUM, CENTURY, DECADE, YEAR, ISOYEAR, QUARTER, MONTH, WEEK (ISO), DOY, DAY, "+
			"DOW (1 is Sunday), ISODOW (1 is Monday), HOUR, MINUTE, SECOND, MILLISECOND, MICROSECOND and NANOSECOND (of the second), EPOCH (seconds). "+
			"Of a TIMESTAMP_LTZ, the local time's.",
		[]Example{{"EXTRACT(DAY FROM DATE '2006-06-05')", "5"}, {"EXTRACT(WEEK FROM DATE '1994-09-27')", "39"}, {"EXTRACT(DOW FROM DATE '1994-09-27')", "3"},
			{"EXTRACT(MILLISECOND FROM TIMESTAMP '2024-01-01 00:00:01.234')", "234"}, {"EXTRACT(HOUR FROM INTERVAL '1 02:03:04' DAY TO SECOND)", "2"},
			{"EXTRACT(EPOCH FROM TIMESTAMP '1970-01-02 00:00:01')", "86401"}, {"EXTRACT(ISOYEAR FROM DATE '2021-01-01')", "2020"}},
		overload{text: "(unit FROM time)", params: []param{pSymbol, pExtract}, fixed: types.TBigInt,
			fallible: func(c *call) (Kernel, error) {
				unit, _ := c.text(0)
				return extractKernel(unit, c.args[1], 1)
			}}))
	for _, f := range []struct{ name, unit, sql, want string }{
		{"YEAR", "YEAR", "YEAR(DATE '1994-09-27')", "1994"}, {"QUARTER", "QUARTER", "QUARTER(DATE '1994-09-27')", "3"},
		{"MONTH", "MONTH", "MONTH(DATE '1994-09-27')", "9"}, {"WEEK", "WEEK", "WEEK(DATE '1994-09-27')", "39"},
		{"DAYOFYEAR", "DOY", "DAYOFYEAR(DATE '1994-09-27')", "270"}, {"DAYOFMONTH", "DAY", "DAYOFMONTH(DATE '1994-09-27')", "27"},
		{"DAYOFWEEK", "DOW", "DAYOFWEEK(DATE '1994-09-27')", "3"}, {"HOUR", "HOUR", "HOUR(TIMESTAMP '1994-09-27 13:14:15')", "13"},
		{"MINUTE", "MINUTE", "MINUTE(TIME '13:14:15')", "14"}, {"SECOND", "SECOND", "SECOND(TIMESTAMP '1994-09-27 13:14:15')", "15"},
	} {
		register(timeFn(f.name, f.name+"(t)", "The same as EXTRACT("+f.unit+" FROM t).", []Example{{f.sql, f.want}},
			overload{text: "(time)", params: []param{pExtract}, fixed: types.TBigInt,
				fallible: func(c *call) (Kernel, error) { return extractKernel(f.unit, c.args[0], 0) }}))
	}
}

var pExtract = family(types.TTimestamp(3), func(t types.Type) bool { return t.Root >= types.Date && t.Root <= types.IntervalDayTime })

// extractKernel extracts a unit from argument arg of type t.
func extractKernel(unit string, t types.Type, arg int) (Kernel, error) {
	part, ok := extractors[unit]
	if !ok || t.IsInterval() && !intervalUnit(t, unit) || t.Root == types.Time && strings.Contains(" MILLENNIUM CENTURY DECADE YEAR ISOYEAR QUARTER MONTH WEEK DOY DAY DOW ISODOW ", " "+unit+" ") {
		return nil, fmt.Errorf("a %s has no %s", shortName(t), unit)
	}
	if t.Root == types.IntervalYearMonth {
		return extractMonths(unit, arg), nil
	}
	per := t.Unit().PerSecond()
	return func(ctx *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
		z := zone{loc: ctx.Location}
		in := args[arg]
		return each(sel, n, func(r int32) error {
			var days, nanos int64 // of the day
			switch t.Root {
			case types.Date:
				days = int64(in.I32[r])
			case types.Time:
				nanos = int64(in.I32[r]) * 1e6
			case types.IntervalDayTime:
				out.I64[r] = extractMillis(unit, in.I64[r])
				return nil
			default:
				v := in.I64[r]
				if t.Root == types.TimestampLTZ {
					v = z.toLocal(v, t.Unit())
				}
				days = floorDiv(v, 86400*per)
				nanos = (v - days*86400*per) * (1e9 / per)
			}
			out.I64[r] = part(int32(days), nanos)
			return nil
		})
	}, nil
}

// extractors give a part of a day and a time of day in nanoseconds.
var extractors = map[string]func(days int32, nanos int64) int64{
	"MILLENNIUM": func(d int32, _ int64) int64 { return (yearOf(d) + 999) / 1000 },
	"CENTURY":    func(d int32, _ int64) int64 { return (yearOf(d) + 99) / 100 },
	"DECADE":     func(d int32, _ int64) int64 { return yearOf(d) / 10 },
	"YEAR":       func(d int32, _ int64) int64 { return yearOf(d) },
	"ISOYEAR":    func(d int32, _ int64) int64 { y, _ := isoWeek(d); return y },
	"QUARTER":    func(d int32, _ int64) int64 { _, m, _ := types.CivilDate(d); return int64(m+2) / 3 },
	"MONTH":      func(d int32, _ int64) int64 { _, m, _ := types.CivilDate(d); return int64(m) },
	"WEEK":       func(d int32, _ int64) int64 { _, w := isoWeek(d); return w },
	"DOY":        func(d int32, _ int64) int64 { return dayOfYear(d) },
	"DAY":        func(d int32, _ int64) int64 { _, _, day := types.CivilDate(d); return int64(day) },
	"DOW":        func(d int32, _ int64) int64 { return floorMod(int64(d)+4, 7) + 1 },
	"ISODOW":     func(d int32, _ int64) int64 { return floorMod(int64(d)+3, 7) + 1 },
	"HOUR":       func(_ int32, n int64) int64 { return n / 3600e9 },
	"MINUTE":     func(_ int32, n int64) int64 { return n / 60e9 % 60 },
	"SECOND":     func(_ int32, n int64) int64 { return n / 1e9 % 60 },
	"MILLISECOND": func(_ int32, n int64) int64 {
		return n / 1e6 % 1000
	},
	"MICROSECOND": func(_ int32, n int64) int64 { return n / 1e3 % 1e6 },
	"NANOSECOND":  func(_ int32, n int64) int64 { return n % 1e9 },
	"EPOCH":       func(d int32, n int64) int64 { return int64(d)*86400 + n/1e9 },
}

func yearOf(d int32) int64 {
	y, _, _ := types.CivilDate(d)
	return int64(y)
}

func dayOfYear(d int32) int64 {
	y, _, _ := types.CivilDate(d)
	return int64(d-types.DaysFrom(y, 1, 1)) + 1
}

// isoWeek is the week of ISO 8601, which belongs to the year of its Thursday.
func isoWeek(d int32) (year, week int64) {
	thursday := d - int32(floorMod(int64(d)+3, 7)) + 3
	return yearOf(thursday), (dayOfYear(thursday)-1)/7 + 1
}

func intervalUnit(t types.Type, unit string) bool {
	if t.Root == types.IntervalYearMonth {
		return unit == "YEAR" || unit == "QUARTER" || unit == "MONTH"
	}
	switch unit {
	case "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND", "EPOCH":
		return true
	}
	return false
}

func extractMonths(unit string, arg int) Kernel {
	return rowsOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, out *vec.Vector) error {
		switch m := args[arg].I64[r]; unit {
		case "YEAR":
			out.I64[r] = m / 12
		case "QUARTER":
			out.I64[r] = m%12/3 + 1
		default:
			out.I64[r] = m % 12
		}
		return nil
	})
}

func extractMillis(unit string, ms int64) int64 {
	switch unit {
	case "DAY":
		return ms / dayMillis
	case "HOUR":
		return ms / 3600e3 % 24
	case "MINUTE":
		return ms / 60e3 % 60
	case "SECOND":
		return ms / 1e3 % 60
	case "MILLISECOND":
		return ms % 1000
	}
	return ms / 1000
}
