package vec

import (
	"strconv"

	"github.com/millrace/millrace/internal/types"
)

// Value is value i as a Go value, for tests and printing: nil, bool, int64,
// float64, string, []byte, []any for ARRAY and ROW, []Entry for MAP and MULTISET.
// DECIMAL, times and intervals are their text.
func Value(v *Vector, i int) any {
	if v.IsNull(i) {
		return nil
	}
	switch v.Type.Root {
	case types.Boolean:
		return v.Bool[i]
	case types.TinyInt, types.SmallInt, types.Integer, types.BigInt:
		return v.Int(i)
	case types.Float:
		return float64(v.F32[i])
	case types.Double:
		return v.F64[i]
	case types.Char, types.Varchar:
		return v.Str(i)
	case types.Binary, types.Varbinary:
		return append([]byte{}, v.Bytes(i)...)
	case types.Array:
		out := []any{}
		for e := v.Off[i]; e < v.Off[i+1]; e++ {
			out = append(out, Value(v.Kids[0], int(e)))
		}
		return out
	case types.Map, types.Multiset:
		out := []Entry{}
		for e := v.Off[i]; e < v.Off[i+1]; e++ {
			out = append(out, Entry{Value(v.Kids[0], int(e)), Value(v.Kids[1], int(e))})
		}
		return out
	case types.Row:
		out := []any{}
		for _, k := range v.Kids {
			out = append(out, Value(k, i))
		}
		return out
	}
	return string(AppendText(nil, v, i))
}

// Int is value i of any type that is kept as a whole number.
func (v *Vector) Int(i int) int64 {
	switch {
	case v.I64 != nil:
		return v.I64[i]
	case v.I32 != nil:
		return int64(v.I32[i])
	case v.I16 != nil:
		return int64(v.I16[i])
	}
	return int64(v.I8[i])
}

// AppendText appends value i as Flink's CAST(… AS STRING) writes it: TRUE, 1.0E10,
// [1, 2], {a=1}, (1, x); bytes as they are. NULL is NULL. TIMESTAMP_LTZ is written
// in UTC: who prints it for a person moves it to his time zone before.
func AppendText(dst []byte, v *Vector, i int) []byte {
	if v.IsNull(i) {
		return append(dst, "NULL"...)
	}
	t := v.Type
	switch t.Root {
	case types.Boolean:
		if v.Bool[i] {
			return append(dst, "TRUE"...)
		}
		return append(dst, "FALSE"...)
	case types.TinyInt, types.SmallInt, types.Integer, types.BigInt:
		return strconv.AppendInt(dst, v.Int(i), 10)
	case types.Float:
		return types.AppendFloat(dst, float64(v.F32[i]), 32)
	case types.Double:
		return types.AppendFloat(dst, v.F64[i], 64)
	case types.Decimal:
		return types.AppendDec(dst, v.Dec[i], t.Scale)
	case types.Date:
		return types.AppendDate(dst, v.I32[i])
	case types.Time:
		return types.AppendTime(dst, v.I32[i], t.Precision)
	case types.Timestamp, types.TimestampLTZ:
		return types.AppendTimestamp(dst, v.I64[i], t)
	case types.IntervalYearMonth, types.IntervalDayTime:
		return types.AppendInterval(dst, v.I64[i], t)
	case types.Array:
		dst = append(dst, '[')
		for e := v.Off[i]; e < v.Off[i+1]; e++ {
			dst = AppendText(appendComma(dst, e > v.Off[i]), v.Kids[0], int(e))
		}
		return append(dst, ']')
	case types.Map, types.Multiset:
		dst = append(dst, '{')
		for e := v.Off[i]; e < v.Off[i+1]; e++ {
			dst = AppendText(appendComma(dst, e > v.Off[i]), v.Kids[0], int(e))
			dst = AppendText(append(dst, '='), v.Kids[1], int(e))
		}
		return append(dst, '}')
	case types.Row:
		dst = append(dst, '(')
		for f, k := range v.Kids {
			dst = AppendText(appendComma(dst, f > 0), k, i)
		}
		return append(dst, ')')
	}
	return append(dst, v.Bytes(i)...)
}

func appendComma(dst []byte, comma bool) []byte {
	if comma {
		return append(dst, ',', ' ')
	}
	return dst
}
