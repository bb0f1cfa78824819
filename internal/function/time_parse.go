package function

import (
	"bytes"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	ts3, ltz3 := types.TTimestamp(3), types.TTimestampLTZ(3)
	register(
		timeFn("TO_TIMESTAMP", "TO_TIMESTAMP(a [, pattern])", "The TIMESTAMP(3) that is written in a, by default as yyyy-MM-dd HH:mm:ss[.SSS] or yyyy-MM-dd; NULL if it cannot be read."+patternNote,
			[]Example{{"TO_TIMESTAMP('2024-01-02 03:04:05.678')", "2024-01-02 03:04:05.678"}, {"TO_TIMESTAMP('2024-01-02')", "2024-01-02 00:00:00.000"}, {"TO_TIMESTAMP('2024-01-02T03:04:05')", "NULL"},
				{"TO_TIMESTAMP('02/01/2024 03h', 'dd/MM/yyyy HH''h''')", "2024-01-02 03:00:00.000"}, {"TO_TIMESTAMP('nothing')", "NULL"}},
			nullable(overload{text: "(STRING)", params: []param{pString}, fixed: ts3, kernel: func(*call) Kernel { return rowsOf(toTimestamp) }}),
			nullable(overload{text: "(STRING, STRING)", params: []param{pString, pString}, fixed: ts3, fallible: toTimestampBy})),
		timeFn("TO_TIMESTAMP_LTZ", "TO_TIMESTAMP_LTZ(n [, precision]), TO_TIMESTAMP_LTZ(a [, pattern [, zone]])",
			"The TIMESTAMP_LTZ(3) of n seconds (precision 0) or milliseconds (precision 3, the default) after 1970-01-01 00:00:00 UTC, or that is written in a; NULL if it cannot be read or is out of range.",
			[]Example{{"TO_TIMESTAMP_LTZ(100, 0)", "1970-01-01 00:01:40.000"}, {"TO_TIMESTAMP_LTZ(1500, 3)", "1970-01-01 00:00:01.500"},
				{"TO_TIMESTAMP_LTZ('2024-01-01 00:00:00', 'yyyy-MM-dd HH:mm:ss', 'Asia/Shanghai')", "2023-12-31 16:00:00.000"}},
			nullable(epochOverload("(BIGINT [, INT])", pLong)), nullable(epochOverload("(DECIMAL [, INT])", pDecimal)), nullable(epochOverload("(DOUBLE [, INT])", pDouble)),
			nullable(overload{text: "(STRING [, STRING [, STRING]])", params: []param{pString, pString, pString}, opt: 2, fixed: ltz3, fallible: toLTZ})),
		timeFn("TO_DATE", "TO_DATE(a [, pattern])", "The date that is written in a, by default as yyyy-MM-dd; NULL if it cannot be read."+patternNote,
			[]Example{{"TO_DATE('2024-1-2')", "2024-01-02"}, {"TO_DATE('2024-01-02 10:00:00')", "2024-01-02"}, {"TO_DATE('02.01.2024', 'dd.MM.yyyy')", "2024-01-02"}, {"TO_DATE('x')", "NULL"}},
			nullable(overload{text: "(STRING)", params: []param{pString}, fixed: types.TDate, kernel: func(*call) Kernel { return rowsOf(toDate) }}),
			nullable(overload{text: "(STRING, STRING)", params: []param{pString, pString}, fixed: types.TDate, fallible: toDateBy})),
	)
}

func toTimestamp(_ *vec.EvalContext, args []*vec.Vector, r int, out *vec.Vector) error {
	text := args[0].Bytes(r)
	v, err := types.ParseTimestamp(text, types.Milli)
	// What CAST takes besides is not taken here: T and Z, digits left out.
	if err != nil || bytes.IndexByte(text, 'T') >= 0 || text[len(text)-1] == 'Z' || len(text) < 10 || text[4] != '-' || text[7] != '-' {
		out.SetNull(r)
	}
	out.I64[r] = v
	return nil
}

func toTimestampBy(c *call) (Kernel, error) {
	get, err := newPatterns(c, 1, false)
	if err != nil {
		return nil, err
	}
	return rowsOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, out *vec.Vector) error {
		p, err := get(args, r)
		if err != nil {
			return err
		}
		v, ok := p.local(args[0].Bytes(r))
		if !ok {
			out.SetNull(r)
		}
		out.I64[r] = v
		return nil
	}), nil
}

// local reads a text as a local time in milliseconds. What does not fit the
// pattern is tried as 1999-9-10 05:20:10 or 1999-9-10, as in Flink.
func (p *pattern) local(text []byte) (int64, bool) {
	if days, nanos, _, ok := p.parse(text); ok {
		return int64(days)*dayMillis + nanos/1e6, true
	}
	text = bytes.TrimSpace(text)
	if bytes.IndexByte(text, 'T') >= 0 || bytes.Count(text, []byte{':'}) == 1 {
		return 0, false
	}
	v, err := types.ParseTimestamp(text, types.Milli)
	return v, err == nil
}

// The years that TO_TIMESTAMP_LTZ knows, 0000 to 9999.
const (
	minEpochMillis = -62167219200000
	maxEpochMillis = 253402300799999
)

func epochOverload(text string, p param) overload {
	return overload{text: text, params: []param{p, pLong}, opt: 1, fixed: types.TTimestampLTZ(3), kernel: func(c *call) Kernel {
		t := c.args[0]
		return rowsOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, out *vec.Vector) error {
			precision := int64(3)
			if len(args) == 2 {
				precision = args[1].I64[r]
			}
			if precision != 0 && precision != 3 {
				return vec.RowErrorf(r, "TO_TIMESTAMP_LTZ: the precision is 0 for seconds or 3 for milliseconds, not %d", precision)
			}
			ms, ok := epochMillis(t, args[0], r, precision == 0)
			if !ok || ms < minEpochMillis || ms > maxEpochMillis {
				out.SetNull(r)
				return nil
			}
			out.I64[r] = ms
			return nil
		})
	}}
}

func epochMillis(t types.Type, v *vec.Vector, r int, seconds bool) (ms int64, ok bool) {
	const most = maxEpochMillis / 1000
	switch {
	case t.Root == types.Double:
		x := v.F64[r]
		if seconds {
			x *= 1000
		}
		return saturate(x, minEpochMillis-1, maxEpochMillis+1), true
	case t.Root == types.Decimal:
		ms, ok = v.Dec[r].Int64(t.Scale)
	default:
		ms, ok = v.I64[r], true
	}
	if seconds {
		if ms > most || ms < -most {
			return 0, false
		}
		ms *= 1000
	}
	return ms, ok
}

func toLTZ(c *call) (Kernel, error) {
	get, err := newPatterns(c, 1, false)
	if err != nil {
		return nil, err
	}
	var z zone
	return rowsOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, out *vec.Vector) error {
		p, err := get(args, r)
		if err != nil {
			return err
		}
		if len(args) == 3 {
			z.use(javaZone(args[2].Str(r)))
		}
		var v int64
		var ok bool
		if len(args) == 1 {
			v, err = types.ParseTimestamp(args[0].Bytes(r), types.Milli)
			ok = err == nil
		} else {
			v, ok = p.local(args[0].Bytes(r))
		}
		if !ok {
			out.SetNull(r)
			return nil
		}
		out.I64[r] = z.toInstant(v, types.Milli)
		return nil
	}), nil
}

func toDate(_ *vec.EvalContext, args []*vec.Vector, r int, out *vec.Vector) error {
	text := args[0].Bytes(r)
	if i := bytes.IndexByte(text, ' '); i > 0 {
		text = text[:i]
	}
	// Month and day may be missing.
	for n := bytes.Count(text, []byte{'-'}); n < 2; n++ {
		text = append(text[:len(text):len(text)], "-1"...)
	}
	d, err := types.ParseDate(text)
	if err != nil {
		out.SetNull(r)
	}
	out.I32[r] = d
	return nil
}

func toDateBy(c *call) (Kernel, error) {
	get, err := newPatterns(c, 1, true)
	if err != nil {
		return nil, err
	}
	return rowsOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, out *vec.Vector) error {
		p, err := get(args, r)
		if err != nil {
			return err
		}
		d, _, _, ok := p.parse(args[0].Bytes(r))
		if !ok {
			out.SetNull(r)
		}
		out.I32[r] = d
		return nil
	}), nil
}
