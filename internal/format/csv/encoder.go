package csv

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"unicode/utf8"

	"github.com/millrace/millrace/internal/format"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// encoder writes rows as Flink's csv format does, without a line end.
type encoder struct {
	dialect
	plain   bool
	safe    byte // characters from this one on need no quotes
	scratch []byte
}

// maxUnquoted is the length from which on Jackson quotes without looking.
const maxUnquoted = 24

func newEncoder(cfg format.Config) (format.Encoder, error) {
	dia, set, err := newDialect(cfg.Options)
	if err != nil {
		return nil, err
	}
	for _, c := range cfg.Projected() {
		if _, err := newField(c); err != nil {
			return nil, err
		}
	}
	return &encoder{
		dialect: dia,
		plain:   !set.Bool(optScientific),
		safe:    max(dia.delim, dia.quote, '\n') + 1,
	}, nil
}

// Encode appends the record of a row.
func (e *encoder) Encode(dst []byte, cols []*vec.Vector, row int) ([]byte, error) {
	for i, c := range cols {
		if i > 0 {
			dst = append(dst, e.delim)
		}
		if c.IsNull(row) {
			dst = append(dst, e.null...)
			continue
		}
		switch c.Type.Root {
		case types.Array:
			e.scratch = e.join(e.scratch[:0], c.Kids[0], int(c.Off[row]), int(c.Off[row+1]))
			dst = e.appendText(dst, e.scratch)
		case types.Row:
			e.scratch = e.scratch[:0]
			for f, k := range c.Kids {
				if f > 0 {
					e.scratch = append(e.scratch, e.array...)
				}
				e.scratch = e.join(e.scratch, k, row, row+1)
			}
			dst = e.appendText(dst, e.scratch)
		default:
			dst = e.appendScalar(dst, c, row)
		}
	}
	return dst, nil
}

// join writes values from up to, and without, to, with the array's delimiter between.
func (e *encoder) join(dst []byte, v *vec.Vector, from, to int) []byte {
	for i := from; i < to; i++ {
		if i > from {
			dst = append(dst, e.array...)
		}
		if v.IsNull(i) {
			dst = append(dst, e.null...)
		} else {
			dst = e.raw(dst, v, i)
		}
	}
	return dst
}

// appendScalar writes a value, quoted if Jackson takes it for a text that needs it:
// numbers and booleans are none.
func (e *encoder) appendScalar(dst []byte, v *vec.Vector, i int) []byte {
	switch v.Type.Root {
	case types.Char, types.Varchar:
		return e.appendText(dst, v.Bytes(i))
	case types.Binary, types.Varbinary, types.Date, types.Time, types.Timestamp, types.TimestampLTZ:
		e.scratch = e.raw(e.scratch[:0], v, i)
		return e.appendText(dst, e.scratch)
	}
	return e.raw(dst, v, i)
}

// raw writes a value without quotes.
func (e *encoder) raw(dst []byte, v *vec.Vector, i int) []byte {
	t := v.Type
	switch t.Root {
	case types.Boolean:
		return strconv.AppendBool(dst, v.Bool[i])
	case types.Decimal:
		if e.plain {
			return types.AppendDec(dst, v.Dec[i], t.Scale)
		}
		return types.AppendDecJava(dst, v.Dec[i], t.Scale)
	case types.Binary, types.Varbinary:
		return base64.StdEncoding.AppendEncode(dst, v.Bytes(i))
	case types.IntervalYearMonth, types.IntervalDayTime:
		return strconv.AppendInt(dst, v.I64[i], 10)
	case types.Time:
		dst = types.AppendTime(dst, v.I32[i], 0)
		return types.AppendShortFraction(dst, int64(v.I32[i]%1000)*1e6)
	case types.Timestamp, types.TimestampLTZ:
		var nano int64
		dst, nano = types.AppendDateTime(dst, v.I64[i], t.Unit(), ' ')
		dst = types.AppendShortFraction(dst, nano)
		if t.Root == types.TimestampLTZ {
			dst = append(dst, 'Z')
		}
		return dst
	}
	return vec.AppendText(dst, v, i)
}

func (e *encoder) appendText(dst, s []byte) []byte {
	if e.quote == 0 {
		return e.appendEscaped(dst, s)
	}
	if !e.needsQuotes(s) {
		return append(dst, s...)
	}
	dst = append(dst, e.quote)
	dst = e.appendEscaped(dst, s)
	return append(dst, e.quote)
}

func (e *encoder) needsQuotes(s []byte) bool {
	// Jackson counts UTF-16 units; characters are near enough, for it may quote what
	// it likes.
	if len(s) > maxUnquoted && utf8.RuneCount(s) > maxUnquoted {
		return true
	}
	for _, c := range s {
		if c < e.safe || c == e.escape && e.escape != 0 {
			return true
		}
	}
	return false
}

// appendEscaped doubles quotes, and puts the escape before itself.
func (e *encoder) appendEscaped(dst, s []byte) []byte {
	if (e.quote == 0 || bytes.IndexByte(s, e.quote) < 0) && (e.escape == 0 || bytes.IndexByte(s, e.escape) < 0) {
		return append(dst, s...)
	}
	for _, c := range s {
		if c != 0 && (c == e.quote || c == e.escape) {
			dst = append(dst, c)
		}
		dst = append(dst, c)
	}
	return dst
}
