package csv

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/millrace/millrace/internal/format"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// field is a wanted column, or an element of one.
type field struct {
	name  string
	typ   types.Type
	b     *vec.Builder
	times types.TimestampParser
	kids  []*field // the element of an ARRAY, the fields of a ROW
	bits  int      // of a number
}

var widths = map[types.Root]int{
	types.TinyInt: 8, types.SmallInt: 16, types.Integer: 32, types.BigInt: 64,
	types.IntervalYearMonth: 64, types.IntervalDayTime: 64, types.Float: 32, types.Double: 64,
}

func newField(c format.Column) (*field, error) { return compile(c.Name, c.Type, true) }

func compile(name string, t types.Type, top bool) (*field, error) {
	f := &field{name: name, typ: t, bits: widths[t.Root]}
	f.times.Unit = t.Unit()
	kids := []types.Type{}
	switch t.Root {
	case types.Map, types.Multiset, types.Descriptor, types.Symbol:
		return nil, fmt.Errorf("column %s: format csv has no %s", name, t)
	case types.Array:
		kids = append(kids, *t.Elem)
	case types.Row:
		for _, x := range t.Fields {
			kids = append(kids, x.Type)
		}
	}
	if len(kids) > 0 && !top {
		return nil, fmt.Errorf("column %s: format csv has no %s within an array or a row", name, t)
	}
	for _, k := range kids {
		c, err := compile(name, k, false)
		if err != nil {
			return nil, err
		}
		f.kids = append(f.kids, c)
	}
	return f, nil
}

// What is wrong with a field.
var (
	errBase64    = errors.New("bytes are written in base64")
	errTimestamp = errors.New("written as 2026-01-31 23:59:59.999")
	errZone      = errors.New("written as 2026-01-31 23:59:59.999Z")
	errFields    = errors.New("not as many values as the row has fields")
)

// append reads a field's text and appends its value.
func (f *field) append(d *dialect, text []byte) error { return f.appendTo(f.b, d, text) }

func (f *field) appendTo(b *vec.Builder, d *dialect, text []byte) error {
	switch f.typ.Root {
	case types.Char, types.Varchar:
		b.AppendBytes(text)
		return nil
	case types.TinyInt, types.SmallInt, types.Integer, types.BigInt, types.IntervalYearMonth, types.IntervalDayTime:
		x, err := types.ParseInt(trim(text), f.bits)
		if err == nil {
			b.AppendInt(x)
		}
		return err
	case types.Float, types.Double:
		x, err := types.ParseFloat(trim(text), f.bits)
		if err == nil {
			b.AppendFloat(x)
		}
		return err
	case types.Boolean:
		b.AppendBool(bytes.EqualFold(trim(text), []byte("true")))
		return nil
	case types.Null:
		b.AppendNull()
		return nil
	case types.Binary, types.Varbinary:
		return appendBase64(b, text)
	case types.Timestamp, types.TimestampLTZ:
		return f.appendTimestamp(b, trim(text))
	case types.Time:
		ms, err := types.ParseTime(text)
		if err == nil {
			b.AppendInt(types.Truncate(int64(ms), types.TTimestamp(min(f.typ.Precision, 3))))
		}
		return err
	case types.Array:
		return f.appendArray(b, d, text)
	case types.Row:
		return f.appendRow(b, d, text)
	}
	err := b.AppendParsed(trim(text))
	if err == types.ErrOverflow && f.typ.Root == types.Decimal {
		b.AppendNull()
		return nil
	}
	return err
}

// trim takes the white space around a text away, which mostly has none.
func trim(b []byte) []byte {
	if len(b) > 0 && b[0] > ' ' && b[len(b)-1] > ' ' {
		return b
	}
	return bytes.TrimSpace(b)
}

func appendBase64(b *vec.Builder, text []byte) error {
	buf := b.BeginBytes()
	out, err := base64.StdEncoding.AppendDecode(buf, text)
	if err != nil {
		return errBase64
	}
	b.EndBytes(out)
	return nil
}

// appendTimestamp wants all digits, and a Z exactly where the type has a time zone.
func (f *field) appendTimestamp(b *vec.Builder, text []byte) error {
	body := text
	if n := len(text); n > 0 && text[n-1] == 'Z' {
		body = text[:n-1]
	}
	zone := f.typ.Root == types.TimestampLTZ
	if len(body) < len("2026-01-31 23:59:59") || body[10] != ' ' || zone == (len(body) == len(text)) {
		if zone {
			return errZone
		}
		return errTimestamp
	}
	v, err := f.times.Parse(body)
	if f.typ.Precision%3 != 0 {
		v = types.Truncate(v, f.typ)
	}
	if err == nil {
		b.AppendInt64(v)
	}
	return err
}

// appendArray splits a field; a blank one is an empty array.
func (f *field) appendArray(b *vec.Builder, d *dialect, text []byte) error {
	if len(bytes.TrimSpace(text)) == 0 {
		b.Close()
		return nil
	}
	for more := true; more; {
		var part []byte
		part, text, more = bytes.Cut(text, d.array)
		if err := f.kids[0].appendPart(b.Kid(0), d, part); err != nil {
			return err
		}
	}
	b.Close()
	return nil
}

func (f *field) appendRow(b *vec.Builder, d *dialect, text []byte) error {
	more := true
	for i, k := range f.kids {
		if !more {
			return errFields
		}
		var part []byte
		part, text, more = bytes.Cut(text, d.array)
		if err := k.appendPart(b.Kid(i), d, part); err != nil {
			return err
		}
	}
	if more {
		return errFields
	}
	b.Close()
	return nil
}

func (f *field) appendPart(b *vec.Builder, d *dialect, text []byte) error {
	if d.hasNull && bytes.Equal(text, d.null) {
		b.AppendNull()
		return nil
	}
	return f.appendTo(b, d, text)
}
