package function

import (
	"math"
	"time"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

const defaultPattern = "yyyy-MM-dd HH:mm:ss"

const patternNote = " The pattern is Java's: yyyy MM dd HH mm ss SSS, MMM and EEE for names, a for AM and PM, 'text' in quotes."

func init() {
	format := func(text string, params ...param) overload {
		return overload{text: text, params: params, fixed: types.TString, fallible: func(c *call) (Kernel, error) { return dateFormat(c) }}
	}
	register(
		timeFn("DATE_FORMAT", "DATE_FORMAT(t, pattern)", "A date, a timestamp, or a text yyyy-MM-dd HH:mm:ss, written in a pattern; NULL for another text."+patternNote,
			[]Example{{"DATE_FORMAT(TIMESTAMP '2024-03-05 14:07:09.123', 'yyyy/M/d hh:mm:ss.SS a')", "2024/3/5 02:07:09.12 PM"}, {"DATE_FORMAT(DATE '2024-03-05', 'EEE dd MMM yy')", "Tue 05 Mar 24"},
				{"DATE_FORMAT('2024-03-05 14:07:09', 'HH''h''mm')", "14h07"}, {"DATE_FORMAT('x', 'HH')", "NULL"}},
			format("(timestamp, STRING)", pAnyTS, pString),
			format("(DATE, STRING)", func(t types.Type) (types.Type, bool) { return types.TTimestamp(3), t.Root == types.Date }, pString),
			nullable(format("(STRING, STRING)", pString, pString))),
		timeFn("FROM_UNIXTIME", "FROM_UNIXTIME(seconds [, pattern])", "The local time of so many seconds after 1970-01-01 00:00:00 UTC, as text."+patternNote,
			[]Example{{"FROM_UNIXTIME(44)", "1970-01-01 00:00:44"}, {"FROM_UNIXTIME(86400, 'dd.MM.yyyy')", "02.01.1970"}},
			zoned(overload{text: "(BIGINT [, STRING])", params: []param{pLong, pString}, opt: 1, fixed: types.TString, fallible: fromUnixtime})),
		timeFn("CONVERT_TZ", "CONVERT_TZ(a, from, to)", "A text yyyy-MM-dd HH:mm:ss of one zone in another; NULL if it cannot be read.",
			[]Example{{"CONVERT_TZ('1970-01-01 00:00:00', 'UTC', 'America/Los_Angeles')", "1969-12-31 16:00:00"}, {"CONVERT_TZ('2024-01-01 00:00:00', 'GMT+02:00', 'UTC')", "2023-12-31 22:00:00"}},
			nullable(giveText("(STRING, STRING, STRING)", 0, convertTZ, pString, pString, pString))),
	)
	registerZoned(
		timeFn("UNIX_TIMESTAMP", "UNIX_TIMESTAMP([a [, pattern]])", "The seconds from 1970-01-01 00:00:00 UTC to a local time given as text, or to now; -9223372036854775808 if the text cannot be read.",
			[]Example{{"UNIX_TIMESTAMP()", "1714979289"}, {"UNIX_TIMESTAMP('1970-01-02 00:00:01')", "86401"}, {"UNIX_TIMESTAMP('1970-01-01 08:00:01.001 +0800', 'yyyy-MM-dd HH:mm:ss.SSS X')", "1"}, {"UNIX_TIMESTAMP('x')", "-9223372036854775808"}},
			overload{text: "()", fixed: types.TBigInt.Required(), nullCall: true, kernel: func(*call) Kernel {
				return rowsOf(func(ctx *vec.EvalContext, _ []*vec.Vector, r int, out *vec.Vector) error {
					out.I64[r] = ctx.Now.Unix()
					return nil
				})
			}},
			overload{text: "(STRING [, STRING])", params: []param{pString, pString}, opt: 1, fixed: types.TBigInt, fallible: unixTimestamp}),
	)
}

// zoned marks an overload as dependent on the session's zone, so that it is not
// folded into a constant without one.
func zoned(o overload) overload {
	o.zoned = true
	return o
}

// registerZoned adds functions of which all overloads look at the session.
func registerZoned(fns ...*Scalar) {
	registerVolatile(fns...)
	for _, f := range fns {
		f.Dynamic = true
	}
}

// newPatterns takes the pattern of argument i, refusing a constant one that is
// wrong at once; without such an argument it is the default.
func newPatterns(c *call, i int, simple bool) (func(args []*vec.Vector, r int) (*pattern, error), error) {
	cache := &patterns{simple: simple}
	if i >= len(c.args) {
		p, err := cache.get([]byte(defaultPattern))
		return func([]*vec.Vector, int) (*pattern, error) { return p, err }, err
	}
	if text, ok := c.text(i); ok {
		if _, err := cache.get([]byte(text)); err != nil {
			return nil, err
		}
	}
	return func(args []*vec.Vector, r int) (*pattern, error) { return cache.get(args[i].Bytes(r)) }, nil
}

func dateFormat(c *call) (Kernel, error) {
	t := c.args[0]
	get, err := newPatterns(c, 1, t.IsString())
	if err != nil {
		return nil, err
	}
	if t.IsString() {
		return reformat(get), nil
	}
	var z zone
	return textOf(func(ctx *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
		p, err := get(args, r)
		if err != nil {
			return dst, err
		}
		v, m := args[0].I64[r], moment{zone: "UTC"}
		if t.Root == types.TimestampLTZ {
			z.use(ctx.Location)
			m = z.moment(v, t.Unit())
		} else {
			m.setLocal(v, t.Unit())
		}
		return p.format(dst, &m), nil
	}), nil
}

// reformat writes a text of the default pattern in another.
func reformat(get func(args []*vec.Vector, r int) (*pattern, error)) Kernel {
	from, _ := compilePattern(defaultPattern, true)
	return textOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, out *vec.Vector) ([]byte, error) {
		p, err := get(args, r)
		if err != nil {
			return dst, err
		}
		days, nanos, _, ok := from.parse(args[0].Bytes(r))
		if !ok {
			out.SetNull(r)
			return dst, nil
		}
		return p.format(dst, &moment{days: days, nanos: nanos, zone: "UTC"}), nil
	})
}

func (m *moment) setLocal(v int64, u types.Unit) {
	per := u.PerSecond()
	days := floorDiv(v, 86400*per)
	m.days, m.nanos = int32(days), (v-days*86400*per)*(1e9/per)
}

// use changes the zone, if it is another one.
func (z *zone) use(loc *time.Location) {
	if z.loc != loc {
		*z = zone{loc: loc}
	}
}

// moment is the local time of an instant.
func (z *zone) moment(v int64, u types.Unit) moment {
	m := moment{zone: "UTC"}
	m.setLocal(z.toLocal(v, u), u)
	sec := floorDiv(v, u.PerSecond())
	m.offset = z.offsetAt(sec)
	if z.loc != nil {
		m.zone, _ = time.Unix(sec, 0).In(z.loc).Zone()
	}
	return m
}

func fromUnixtime(c *call) (Kernel, error) {
	get, err := newPatterns(c, 1, true)
	if err != nil {
		return nil, err
	}
	var z zone
	return textOf(func(ctx *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
		p, err := get(args, r)
		if err != nil {
			return dst, err
		}
		z.use(ctx.Location)
		m := z.moment(args[0].I64[r]*1000, types.Milli)
		return p.format(dst, &m), nil
	}), nil
}

func unixTimestamp(c *call) (Kernel, error) {
	get, err := newPatterns(c, 1, true)
	if err != nil {
		return nil, err
	}
	var z zone
	return rowsOf(func(ctx *vec.EvalContext, args []*vec.Vector, r int, out *vec.Vector) error {
		p, err := get(args, r)
		if err != nil {
			return err
		}
		z.use(ctx.Location)
		ms, ok := p.instant(args[0].Bytes(r), &z)
		if !ok {
			out.I64[r] = math.MinInt64
			return nil
		}
		out.I64[r] = ms / 1000
		return nil
	}), nil
}

// instant reads a text as a time of a zone, unless it names an offset itself.
func (p *pattern) instant(text []byte, z *zone) (millis int64, ok bool) {
	days, nanos, d, ok := p.parse(text)
	if !ok {
		return 0, false
	}
	local := int64(days)*dayMillis + nanos/1e6
	if d.hasOffset {
		return local - d.offset*1000, true
	}
	return z.toInstant(local, types.Milli), true
}

func convertTZ(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, out *vec.Vector) ([]byte, error) {
	p, _ := compilePattern(defaultPattern, true)
	from, to := zone{loc: javaZone(args[1].Str(r))}, zone{loc: javaZone(args[2].Str(r))}
	ms, ok := p.instant(args[0].Bytes(r), &from)
	if !ok {
		out.SetNull(r)
		return dst, nil
	}
	m := to.moment(ms, types.Milli)
	return p.format(dst, &m), nil
}
