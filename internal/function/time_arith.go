package function

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

const dayMillis = 24 * 3600 * 1000

var pInterval = family(types.Type{Root: types.IntervalDayTime}, types.Type.IsInterval)

// plusTemporal are the overloads of + for times and intervals, in both orders.
func plusTemporal() []overload {
	var list []overload
	for _, o := range shifts(1) {
		list = append(list, o)
		list = append(list, flipped(o))
	}
	return append(list, intervalSum("(interval, interval)", addNumber[int64]))
}

// flipped is an overload of two parameters with them in the other order.
func flipped(o overload) overload {
	f := o
	f.text = ""
	f.params = []param{o.params[1], o.params[0]}
	f.result = sameAs(1)
	kernel := o.kernel
	f.kernel = func(c *call) Kernel {
		k := kernel(&call{args: []types.Type{c.args[1], c.args[0]}, result: c.result})
		return func(ctx *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
			return k(ctx, []*vec.Vector{args[1], args[0]}, sel, n, out)
		}
	}
	return f
}

func minusTemporal() []overload {
	millis := types.Type{Root: types.IntervalDayTime, Precision: 2, Scale: 3}
	return append(shifts(-1),
		intervalSum("(interval, interval)", subNumber[int64]),
		overload{text: "(timestamp, timestamp)", params: []param{pAnyTS, pAnyTS}, fixed: millis,
			unify:  func(ts []types.Type) bool { return ts[0].Root == ts[1].Root },
			total:  true,
			kernel: tsDifference},
		overload{text: "(DATE, DATE)", params: []param{pDate, pDate}, fixed: millis, total: true,
			kernel: func(*call) Kernel { return map2(func(a, b int32) int64 { return (int64(a) - int64(b)) * dayMillis }) }},
		overload{text: "(TIME, TIME)", params: []param{pTime, pTime}, fixed: millis, total: true,
			kernel: func(*call) Kernel { return map2(func(a, b int32) int64 { return int64(a) - int64(b) }) }},
	)
}

func tsDifference(c *call) Kernel {
	ua, ub := c.args[0].Unit().PerSecond()/1000, c.args[1].Unit().PerSecond()/1000
	return map2(func(a, b int64) int64 { return floorDiv(a, ua) - floorDiv(b, ub) })
}

func intervalSum(text string, k Kernel) overload {
	return overload{text: text, params: []param{pInterval, pInterval}, total: true,
		unify: func(ts []types.Type) bool { return ts[0].Root == ts[1].Root }, result: sameAs(0),
		kernel: func(*call) Kernel { return k }}
}

// shifts are the overloads that move a time by an interval, forward or back.
func shifts(sign int64) []overload {
	shift := func(text string, t, by param, kernel func(c *call) Kernel) overload {
		return overload{text: text, params: []param{t, by}, result: sameAs(0), total: true, kernel: kernel}
	}
	return []overload{
		shift("(timestamp, interval)", pAnyTS, pMillis, func(c *call) Kernel {
			u := sign * c.args[0].Unit().PerSecond() / 1000
			return map2(func(t, ms int64) int64 { return t + ms*u })
		}),
		shift("(timestamp, interval)", pAnyTS, pMonths, func(c *call) Kernel {
			perDay := c.args[0].Unit().PerSecond() * 86400
			return map2(func(t, m int64) int64 {
				days := floorDiv(t, perDay)
				return int64(addMonths(int32(days), sign*m))*perDay + t - days*perDay
			})
		}),
		shift("(DATE, interval)", pDate, pMillis, func(*call) Kernel {
			return map2(func(d int32, ms int64) int32 { return d + int32(sign*ms/dayMillis) })
		}),
		shift("(DATE, interval)", pDate, pMonths, func(*call) Kernel {
			return map2(func(d int32, m int64) int32 { return addMonths(d, sign*m) })
		}),
		shift("(TIME, interval)", pTime, pMillis, func(*call) Kernel {
			return map2(func(t int32, ms int64) int32 { return int32(floorMod(int64(t)+sign*ms, dayMillis)) })
		}),
		shift("(TIME, interval)", pTime, pMonths, func(*call) Kernel {
			return map2(func(t int32, _ int64) int32 { return t })
		}),
	}
}

// addMonths moves a day by months; a day of the month that does not exist
// becomes the last one that does.
func addMonths(days int32, months int64) int32 {
	y, m, d := types.CivilDate(days)
	total := int64(y)*12 + int64(m-1) + months
	y, m = int(floorDiv(total, 12)), int(floorMod(total, 12))+1
	return types.DaysFrom(y, m, min(d, daysIn(y, m)))
}

func daysIn(y, m int) int {
	switch {
	case m == 2 && (y%4 == 0 && y%100 != 0 || y%400 == 0):
		return 29
	case m == 2:
		return 28
	case m == 4 || m == 6 || m == 9 || m == 11:
		return 30
	}
	return 31
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

func floorMod(a, b int64) int64 { return a - floorDiv(a, b)*b }

// timesInterval are the overloads of * for intervals.
func timesInterval() []overload {
	whole := overload{text: "(interval, BIGINT)", params: []param{pInterval, pLong}, result: sameAs(0), total: true,
		kernel: func(*call) Kernel { return mulNumber[int64] }}
	approx := overload{text: "(interval, DOUBLE)", params: []param{pInterval, pDouble}, result: sameAs(0), total: true,
		kernel: func(*call) Kernel { return map2(func(i int64, f float64) int64 { return int64(float64(i) * f) }) }}
	return []overload{whole, flipped(whole), approx, flipped(approx)}
}
