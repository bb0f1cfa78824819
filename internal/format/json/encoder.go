package json

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"

	"github.com/millrace/millrace/internal/format"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// encoder writes rows as Flink's json format does, byte for byte, but for TIME, which
// keeps its milliseconds here:
//
//	BOOLEAN, numbers    as they are; NaN and infinities as strings
//	DECIMAL             1.50; 2.7E-8 unless encode.decimal-as-plain-number
//	DATE, TIME          "2026-01-31", "23:59:59"
//	TIMESTAMP           "2026-01-31 23:59:59.6", without zeros at the end
//	TIMESTAMP_LTZ       the same in UTC, with a Z
//	bytes               base64
//	MAP, MULTISET, ROW  objects; see format.Config.Entries for other keys than strings
type encoder struct {
	nullKeys  string // FAIL, DROP, LITERAL
	nullKey   string
	plain     bool
	skipNulls bool
	sep       byte // between date and time
	fields    []outField
}

// outField is a column or a field of a ROW, its name quoted with a colon.
type outField struct {
	name   string
	path   string
	fields []outField // of a ROW
	elem   *outField  // of ARRAY, MAP and MULTISET
	entry  []outField // of a MAP that is an array of entries: key and value
}

func newEncoder(cfg format.Config) (format.Encoder, error) {
	set, err := Factory.Settings(cfg.Options)
	if err != nil {
		return nil, err
	}
	e := &encoder{
		nullKeys:  set.String(optNullKeyMode),
		nullKey:   set.String(optNullKeyText),
		plain:     set.Bool(optPlainDecimal),
		skipNulls: set.Bool(optIgnoreNulls),
		sep:       separator(set),
	}
	for _, c := range cfg.Projected() {
		// The same types can be written as read.
		if _, err := (compiler{e.sep, cfg.Entries}).compile(c.Type, c.Name); err != nil {
			return nil, err
		}
		e.fields = append(e.fields, newOutField(c.Name, "", c.Type))
	}
	return e, nil
}

func newOutField(name, parent string, t types.Type) outField {
	f := outField{name: string(append(appendQuoted(nil, []byte(name)), ':')), path: fieldPath(parent, name)}
	for _, c := range t.Fields {
		f.fields = append(f.fields, newOutField(c.Name, f.path, c.Type))
	}
	if t.Root == types.Map || t.Root == types.Multiset {
		if k, v := mapTypes(t); !k.IsString() {
			f.entry = []outField{newOutField("key", f.path, k), newOutField("value", f.path, v)}
			return f
		}
	}
	if t.Elem != nil {
		elem := newOutField(name, parent, *t.Elem)
		f.elem = &elem
	}
	return f
}

// Encode appends the object of a row.
func (e *encoder) Encode(dst []byte, cols []*vec.Vector, row int) ([]byte, error) {
	return e.row(dst, e.fields, cols, row)
}

func (e *encoder) row(dst []byte, fields []outField, cols []*vec.Vector, row int) ([]byte, error) {
	dst = append(dst, '{')
	var err error
	for i, first := 0, true; i < len(fields); i++ {
		if e.skipNulls && cols[i].IsNull(row) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, fields[i].name...)
		if dst, err = e.value(dst, &fields[i], cols[i], row); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func (e *encoder) value(dst []byte, f *outField, v *vec.Vector, i int) ([]byte, error) {
	if v.IsNull(i) {
		return append(dst, "null"...), nil
	}
	t := v.Type
	switch t.Root {
	case types.Boolean:
		return strconv.AppendBool(dst, v.Bool[i]), nil
	case types.TinyInt, types.SmallInt, types.Integer, types.BigInt, types.IntervalYearMonth, types.IntervalDayTime:
		return strconv.AppendInt(dst, v.Int(i), 10), nil
	case types.Float:
		return appendFloat(dst, float64(v.F32[i]), 32), nil
	case types.Double:
		return appendFloat(dst, v.F64[i], 64), nil
	case types.Decimal:
		if e.plain {
			return types.AppendDec(dst, v.Dec[i], t.Scale), nil
		}
		return types.AppendDecJava(dst, v.Dec[i], t.Scale), nil
	case types.Char, types.Varchar:
		return appendQuoted(dst, v.Bytes(i)), nil
	case types.Binary, types.Varbinary:
		return append(base64.StdEncoding.AppendEncode(append(dst, '"'), v.Bytes(i)), '"'), nil
	case types.Date, types.Time, types.Timestamp, types.TimestampLTZ:
		return e.time(dst, v, i), nil
	case types.Array:
		return e.array(dst, f, v, i)
	case types.Map, types.Multiset:
		return e.dict(dst, f, v, i)
	case types.Row:
		return e.row(dst, f.fields, v.Kids, i)
	}
	return append(dst, "null"...), nil
}

// appendFloat writes what is no number of JSON as a string.
func appendFloat(dst []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(types.AppendFloat(append(dst, '"'), f, bits), '"')
	}
	return types.AppendFloat(dst, f, bits)
}

func (e *encoder) time(dst []byte, v *vec.Vector, i int) []byte {
	dst = append(dst, '"')
	switch t := v.Type; t.Root {
	case types.Date:
		dst = types.AppendDate(dst, v.I32[i])
	case types.Time:
		dst = types.AppendTime(dst, v.I32[i], 0)
		dst = types.AppendShortFraction(dst, int64(v.I32[i]%1000)*1e6)
	default:
		var nano int64
		dst, nano = types.AppendDateTime(dst, v.I64[i], t.Unit(), e.sep)
		dst = types.AppendShortFraction(dst, nano)
		if t.Root == types.TimestampLTZ {
			dst = append(dst, 'Z')
		}
	}
	return append(dst, '"')
}

func (e *encoder) array(dst []byte, f *outField, v *vec.Vector, i int) ([]byte, error) {
	dst = append(dst, '[')
	var err error
	for k := v.Off[i]; k < v.Off[i+1]; k++ {
		if k > v.Off[i] {
			dst = append(dst, ',')
		}
		if dst, err = e.value(dst, f.elem, v.Kids[0], int(k)); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func (e *encoder) dict(dst []byte, f *outField, v *vec.Vector, i int) ([]byte, error) {
	if f.entry != nil {
		return e.entries(dst, f.entry, v, i)
	}
	elem := f.elem
	dst = append(dst, '{')
	for k, first := v.Off[i], true; k < v.Off[i+1]; k++ {
		null := v.Kids[0].IsNull(int(k))
		if null && e.nullKeys == "DROP" {
			continue
		}
		if null && e.nullKeys == "FAIL" {
			return dst, fmt.Errorf("column %s: a map with a NULL key cannot be written as JSON; 'json.%s' can be DROP or LITERAL", f.path, optNullKeyMode)
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		if null {
			dst = appendQuoted(dst, []byte(e.nullKey))
		} else {
			dst = appendQuoted(dst, v.Kids[0].Bytes(int(k)))
		}
		dst = append(dst, ':')
		var err error
		if dst, err = e.value(dst, elem, v.Kids[1], int(k)); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func (e *encoder) entries(dst []byte, entry []outField, v *vec.Vector, i int) ([]byte, error) {
	dst = append(dst, '[')
	for k := v.Off[i]; k < v.Off[i+1]; k++ {
		if k > v.Off[i] {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = e.row(dst, entry, v.Kids, int(k)); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}
