package function

import (
	"fmt"
	"math"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	register(
		&Scalar{Name: "FLOOR", Group: "arithmetic", Signature: "FLOOR(x), FLOOR(t TO unit)",
			Doc:      "The greatest whole number not above x, or the time rounded down to a unit; weeks begin on Sunday.",
			Examples: []Example{{"FLOOR(-1.5)", "-2"}, {"FLOOR(1.7e0)", "1.0"}, {"FLOOR(TIME '12:44:31' TO MINUTE)", "12:44:00"}, {"FLOOR(TIMESTAMP '2018-03-20 07:11:22.7' TO MONTH)", "2018-03-01 00:00:00.0"}, {"FLOOR(DATE '2024-05-08' TO WEEK)", "2024-05-05"}},
			Bind:     overloads("FLOOR", wholeOf(false), timeTo(false))},
		&Scalar{Name: "CEIL", Aliases: []string{"CEILING"}, Group: "arithmetic", Signature: "CEIL(x), CEIL(t TO unit)",
			Doc:      "The least whole number not below x, or the time rounded up to a unit; weeks begin on Sunday.",
			Examples: []Example{{"CEIL(1.2)", "2"}, {"CEILING(-1.2e0)", "-1.0"}, {"CEIL(TIME '12:44:31' TO MINUTE)", "12:45:00"}, {"CEIL(DATE '2024-04-01' TO QUARTER)", "2024-04-01"}, {"CEIL(TIMESTAMP '2024-04-01 00:00:01' TO YEAR)", "2025-01-01 00:00:00"}},
			Bind:     overloads("CEIL", wholeOf(true), timeTo(true))},
	)
}

// wholeOf is FLOOR or CEIL of a number, in its own type; a decimal loses its
// scale.
func wholeOf(up bool) overload {
	o := sameNumber(func(t types.Type) Kernel {
		switch t.Physical() {
		case types.PhysFloat32:
			return map1(func(x float32) float32 { return float32(wholeFloat(float64(x), up)) })
		case types.PhysFloat64:
			return map1(func(x float64) float64 { return wholeFloat(x, up) })
		case types.PhysDec:
			return wholeDec(t, up)
		}
		return castKernel(t, t)
	})
	o.result = func(c *call) (types.Type, error) {
		if t := c.args[0]; t.Root == types.Decimal {
			return types.TDecimal(t.Precision, 0), nil
		}
		return c.args[0], nil
	}
	return o
}

func wholeFloat(x float64, up bool) float64 {
	if up {
		return math.Ceil(x)
	}
	return math.Floor(x)
}

func wholeDec(t types.Type, up bool) Kernel {
	unit := types.Pow10(t.Scale)
	return map1(func(d types.Dec) types.Dec {
		rest, _ := d.Mod(unit, 0, 0)
		d, _ = d.Sub(rest)
		if up && rest.Sign() > 0 {
			d, _ = d.Add(unit)
		} else if !up && rest.Sign() < 0 {
			d, _ = d.Sub(unit)
		}
		d, _ = d.Rescale(t.Scale, 0)
		return d
	})
}

// timeTo is FLOOR or CEIL of a time to a unit.
func timeTo(up bool) overload {
	p := family(types.TTimestamp(3), func(t types.Type) bool { return t.Root >= types.Date && t.Root <= types.TimestampLTZ })
	return overload{text: "(time TO unit)", params: []param{p, pSymbol}, result: sameAs(0),
		fallible: func(c *call) (Kernel, error) {
			name, _ := c.text(1)
			return roundTime(c.args[0], name, up)
		}}
}

// span is a unit of time: a number of seconds (with its fractions), of days or
// of months.
type span struct {
	millis int64 // HOUR and less
	days   int64 // DAY, WEEK
	months int64 // MONTH and more
	first  int64 // for months: the year that the count begins in
}

var spans = map[string]span{
	"MILLENNIUM": {months: 12000, first: 1}, "CENTURY": {months: 1200, first: 1}, "DECADE": {months: 120}, "YEAR": {months: 12}, "QUARTER": {months: 3}, "MONTH": {months: 1},
	"WEEK": {days: 7}, "DAY": {days: 1}, "HOUR": {millis: 3600e3}, "MINUTE": {millis: 60e3}, "SECOND": {millis: 1e3}, "MILLISECOND": {millis: 1},
}

// floorDay is the first day of the unit that d lies in; next is that of the one
// after.
func (s span) floorDay(d int32) int32 {
	if s.days > 0 {
		// Day 0 was a Thursday; weeks begin on Sunday.
		return d - int32(floorMod(int64(d)+4, 7)%s.days)
	}
	y, m, _ := types.CivilDate(d)
	count := (int64(y)-s.first)*12 + int64(m-1)
	count -= floorMod(count, s.months)
	return types.DaysFrom(int(floorDiv(count, 12)+s.first), int(floorMod(count, 12))+1, 1)
}

func (s span) next(d int32) int32 {
	if s.days > 0 {
		return d + int32(s.days)
	}
	return addMonths(d, s.months)
}

func roundTime(t types.Type, name string, up bool) (Kernel, error) {
	s, ok := spans[name]
	if !ok || t.Root == types.Time && s.millis == 0 || t.Root == types.Date && s.millis != 0 {
		return nil, fmt.Errorf("a %s is not rounded to %s", shortName(t), name)
	}
	switch t.Root {
	case types.Date:
		return map1(func(d int32) int32 {
			f := s.floorDay(d)
			if up && f < d {
				return s.next(f)
			}
			return f
		}), nil
	case types.Time:
		return map1(func(ms int32) int32 { return int32(roundTo(int64(ms), s.millis, up)) }), nil
	}
	return roundTimestamp(t, s, up), nil
}

func roundTo(v, unit int64, up bool) int64 {
	f := v - floorMod(v, unit)
	if up && f < v {
		return f + unit
	}
	return f
}

func roundTimestamp(t types.Type, s span, up bool) Kernel {
	u := t.Unit()
	perDay := 86400 * u.PerSecond()
	return func(ctx *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
		z := zone{loc: ctx.Location}
		return each(sel, n, func(r int32) error {
			v := args[0].I64[r]
			if t.Root == types.TimestampLTZ {
				v = z.toLocal(v, u)
			}
			if s.millis > 0 {
				v = roundTo(v, s.millis*(u.PerSecond()/1000), up)
			} else {
				f := s.floorDay(int32(floorDiv(v, perDay)))
				if up && int64(f)*perDay < v {
					f = s.next(f)
				}
				v = int64(f) * perDay
			}
			if t.Root == types.TimestampLTZ {
				v = z.toInstant(v, u)
			}
			out.I64[r] = v
			return nil
		})
	}
}
