// Package raw is the format raw: Flink's, a record is the value of the one column.
package raw

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/millrace/millrace/internal/format"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

const (
	optCharset    = "charset"
	optEndianness = "endianness"
)

// Factory is the format's specification.
var Factory = &format.Factory{
	Name:          "raw",
	Summary:       "The bytes of a record are the value of the table's one column.",
	ChangelogMode: types.AppendOnly,
	Options: []format.Option{
		{Name: optCharset, Type: "enum", Default: "UTF-8", Values: []string{"UTF-8"}, Doc: "The encoding of strings."},
		{Name: optEndianness, Type: "enum", Default: "big-endian", Values: []string{"big-endian", "little-endian"}, Doc: "The order of the bytes of a number."},
	},
}

func init() {
	Factory.NewDecoder, Factory.NewEncoder = newDecoder, newEncoder
	format.Register(Factory)
}

// widths are how many bytes the values of a type have; strings have any number.
var widths = map[types.Root]int{
	types.Boolean: 1, types.TinyInt: 1, types.SmallInt: 2, types.Integer: 4, types.BigInt: 8, types.Float: 4, types.Double: 8,
}

// codec reads and writes the values of the column.
type codec struct {
	column format.Column
	width  int // 0: any
	order  interface {
		binary.ByteOrder
		binary.AppendByteOrder
	}
}

func newCodec(cfg format.Config) (c codec, err error) {
	set, err := Factory.Settings(cfg.Options)
	if err != nil {
		return c, err
	}
	if len(cfg.Columns) != 1 {
		var names []string
		for _, col := range cfg.Columns {
			names = append(names, col.Name)
		}
		return c, fmt.Errorf("format raw takes a table of one column, not of %d (%s)", len(cfg.Columns), strings.Join(names, ", "))
	}
	c.column = cfg.Columns[0]
	t := c.column.Type
	if c.width = widths[t.Root]; c.width == 0 && !t.IsString() && !t.IsBytes() {
		return c, fmt.Errorf("column %s: format raw has no %s", c.column.Name, t)
	}
	c.order = binary.BigEndian
	if set.String(optEndianness) == "little-endian" {
		c.order = binary.LittleEndian
	}
	return c, nil
}

type decoder struct {
	codec
	wanted bool // the column is asked for
	b      *vec.Builder
}

func newDecoder(cfg format.Config) (format.Decoder, error) {
	c, err := newCodec(cfg)
	return &decoder{codec: c, wanted: len(cfg.Projected()) > 0}, err
}

// Reset begins a batch.
func (d *decoder) Reset(capRows int) {
	if d.b == nil {
		d.b = vec.NewBuilder(d.column.Type, capRows)
	}
	d.b.Truncate(0)
}

// Decode appends the value of one record; a record that is nil, as a key that is
// not there, is NULL.
func (d *decoder) Decode(record []byte) (int, error) {
	if record == nil {
		d.b.AppendNull()
		return 1, nil
	}
	if d.width > 0 && len(record) != d.width {
		return 0, format.NewParseError(d.column.Name, record, d.column.Type.Nullable().SQL(),
			fmt.Sprintf("it has %d bytes, not %d", len(record), d.width))
	}
	switch d.column.Type.Root {
	case types.Boolean:
		d.b.AppendBool(record[0] != 0)
	case types.TinyInt:
		d.b.AppendInt(int64(int8(record[0])))
	case types.SmallInt:
		d.b.AppendInt(int64(int16(d.order.Uint16(record))))
	case types.Integer:
		d.b.AppendInt(int64(int32(d.order.Uint32(record))))
	case types.BigInt:
		d.b.AppendInt64(int64(d.order.Uint64(record)))
	case types.Float:
		d.b.AppendFloat(float64(math.Float32frombits(d.order.Uint32(record))))
	case types.Double:
		d.b.AppendFloat(math.Float64frombits(d.order.Uint64(record)))
	default:
		d.b.AppendBytes(record)
	}
	return 1, nil
}

// Finish gives the column decoded since Reset.
func (d *decoder) Finish() ([]*vec.Vector, []types.RowKind) {
	v := d.b.Finish()
	if !d.wanted {
		return nil, nil
	}
	return []*vec.Vector{v}, nil
}

// Skipped is 0: the format has no ignore-parse-errors.
func (d *decoder) Skipped() int64 { return 0 }

type encoder struct{ codec }

func newEncoder(cfg format.Config) (format.Encoder, error) {
	c, err := newCodec(cfg)
	return &encoder{c}, err
}

// Encode appends the value of a row; NULL has no bytes.
func (e *encoder) Encode(dst []byte, cols []*vec.Vector, row int) ([]byte, error) {
	v := cols[0]
	if v.IsNull(row) {
		return dst, nil
	}
	switch e.column.Type.Root {
	case types.Boolean:
		if v.Bool[row] {
			return append(dst, 1), nil
		}
		return append(dst, 0), nil
	case types.TinyInt:
		return append(dst, byte(v.I8[row])), nil
	case types.SmallInt:
		return e.order.AppendUint16(dst, uint16(v.I16[row])), nil
	case types.Integer:
		return e.order.AppendUint32(dst, uint32(v.I32[row])), nil
	case types.BigInt:
		return e.order.AppendUint64(dst, uint64(v.I64[row])), nil
	case types.Float:
		return e.order.AppendUint32(dst, math.Float32bits(v.F32[row])), nil
	case types.Double:
		return e.order.AppendUint64(dst, math.Float64bits(v.F64[row])), nil
	}
	return append(dst, v.Bytes(row)...), nil
}
