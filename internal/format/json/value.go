package json

import (
	"bytes"
	"encoding/base64"

	"github.com/millrace/millrace/internal/format"
	"github.com/millrace/millrace/internal/types"
)

// value decodes the value at s[i] into n and gives the place after it, or -1. The
// cases in front are those that streams are full of.
func (d *decoder) value(n *node, s []byte, i int) int {
	if i >= len(s) {
		return d.syntax(i, "a value expected")
	}
	c := s[i]
	switch n.kind {
	case kindString:
		if c == '"' {
			end, plain := stringEnd(s, i+1)
			if plain {
				n.b.AppendBytes(s[i+1 : end])
				return end + 1
			}
			return d.escapedString(n, s, i, end)
		}
	case kindInt64:
		if c-'0' <= 9 {
			if x, end := smallInt(s, i); end > 0 {
				n.b.AppendInt64(x)
				return end
			}
		}
	case kindTimestamp:
		// The usual form needs no look for the closing quote.
		if len(s)-i > 24 && s[i+24] == '"' && s[i+11] == n.usualSep {
			if v, ok := n.times.ParseUsual(s[i+1:]); ok && c == '"' {
				n.b.AppendInt64(v)
				return i + 25
			}
		}
	case kindRow:
		if c == '{' {
			if i = d.row(n, s, i, n.b.Len()); i >= 0 {
				n.b.Close()
			}
			return i
		}
	}
	switch c {
	case 'n':
		if !word(s, i, "null") {
			return d.syntax(i, "a value expected")
		}
		n.b.AppendNull()
		return i + 4
	case '{', '[':
		return d.nested(n, s, i)
	}
	return d.scalar(n, s, i)
}

// smallInt reads a whole number of at most 18 digits without a sign; end is 0 if
// there is something else.
func smallInt(s []byte, i int) (x int64, end int) {
	from := i
	for ; i < len(s); i++ {
		c := s[i] - '0'
		if c > 9 {
			break
		}
		x = x*10 + int64(c)
	}
	if i-from > 18 || s[from] == '0' && i-from > 1 || i < len(s) && (s[i] == '.' || s[i]|0x20 == 'e') {
		return 0, 0
	}
	return x, i
}

// escapedString appends the string at s[i], whose closing quote is at end.
func (d *decoder) escapedString(n *node, s []byte, i, end int) int {
	if end < 0 {
		return d.syntax(i, "a string that does not end, or is not UTF-8")
	}
	buf, ok := unescape(n.b.BeginBytes(), s[i+1:end])
	if !ok {
		return d.syntax(i, "a string with an unknown escape")
	}
	n.b.EndBytes(buf)
	return end + 1
}

// nested decodes an object or array that is no ROW.
func (d *decoder) nested(n *node, s []byte, i int) int {
	switch {
	case n.kind == kindArray && s[i] == '[':
		return d.array(n, s, i)
	case n.kind == kindMap && s[i] == '{':
		return d.dict(n, s, i)
	case n.kind == kindEntries && s[i] == '[':
		return d.entries(n, s, i)
	case n.kind == kindString:
		buf, end := d.compact(n.b.BeginBytes(), s, i, 1)
		if end >= 0 {
			n.b.EndBytes(buf)
		}
		return end
	}
	end := d.skip(s, i)
	if end < 0 {
		return -1
	}
	return d.reject(n, i, end, "")
}

// reject takes NULL for the value s[i:end], or notes why it cannot be decoded.
func (d *decoder) reject(n *node, i, end int, reason string) int {
	if d.ignore {
		n.b.AppendNull()
		return end
	}
	d.fault = fault{node: n, at: i, end: end, reason: reason}
	return -1
}

// token is what a scalar is written as.
type token uint8

const (
	tokenString token = iota
	tokenInt
	tokenFraction
	tokenBool
)

// scalar decodes a string, number, true or false in any column.
func (d *decoder) scalar(n *node, s []byte, i int) int {
	text, tok, end := s, tokenString, 0
	switch c := s[i]; {
	case c == '"':
		if text, end = d.text(s, i); end < 0 {
			return -1
		}
	case c == 't' && word(s, i, "true"):
		tok, end = tokenBool, i+4
	case c == 'f' && word(s, i, "false"):
		tok, end = tokenBool, i+5
	default:
		var fraction bool
		if end, fraction = numberEnd(s, i); end < 0 {
			return d.syntax(i, "a value expected")
		}
		tok = tokenInt
		if fraction {
			tok = tokenFraction
		}
	}
	if tok != tokenString {
		text = s[i:end]
	}
	if ok, reason := d.convert(n, text, tok); !ok {
		return d.reject(n, i, end, reason)
	}
	return end
}

// text is the string at s[i], and the place after it, -1 if there is a fault.
func (d *decoder) text(s []byte, i int) (text []byte, after int) {
	end, plain := stringEnd(s, i+1)
	if end < 0 {
		return nil, d.syntax(i, "a string that does not end, or is not UTF-8")
	}
	if plain {
		return s[i+1 : end], end + 1
	}
	var ok bool
	if d.scratch, ok = unescape(d.scratch[:0], s[i+1:end]); !ok {
		return nil, d.syntax(i, "a string with an unknown escape")
	}
	return d.scratch, end + 1
}

// convert appends a scalar, or says why it cannot.
func (d *decoder) convert(n *node, text []byte, tok token) (bool, string) {
	var err error
	switch n.kind {
	case kindString:
		n.b.AppendBytes(text)
		return true, ""
	case kindBool:
		// As Java's parseBoolean: what is not true is false.
		n.b.AppendBool(bytes.EqualFold(bytes.TrimSpace(text), []byte("true")))
		return true, ""
	case kindNull:
		n.b.AppendNull()
		return true, ""
	case kindArray, kindMap, kindEntries, kindRow:
		return false, ""
	case kindInt8, kindInt16, kindInt32, kindInt64:
		var x int64
		if x, err = wholeNumber(text, tok, n.kind); err == nil {
			n.b.AppendInt(x)
		}
	case kindFloat:
		width := 64
		if n.typ.Root == types.Float {
			width = 32
		}
		var f float64
		if f, err = types.ParseFloat(bytes.TrimSpace(text), width); err == nil {
			n.b.AppendFloat(f)
		}
	case kindDecimal:
		var x types.Dec
		switch x, err = types.ParseDec(bytes.TrimSpace(text), n.typ.Precision, n.typ.Scale); err {
		case nil:
			n.b.AppendDec(x)
		case types.ErrOverflow:
			n.b.AppendNull()
			return true, ""
		}
	case kindBytes:
		return n.appendBase64(text, tok)
	default:
		var x int64
		if x, err = d.timeValue(n, text); err == nil {
			n.b.AppendInt(x)
		}
	}
	return err == nil, format.Reason(n.typ, err)
}

var intBits = [...]int{kindInt8: 8, kindInt16: 16, kindInt32: 32, kindInt64: 64}

// wholeNumber reads a number; one with a fraction is cut for INT and BIGINT.
func wholeNumber(text []byte, tok token, k kind) (int64, error) {
	if tok == tokenFraction && (k == kindInt32 || k == kindInt64) {
		d, err := types.ParseDec(text, types.MaxPrecision, 19)
		x, ok := d.Int64(19)
		if err != nil || !ok || k == kindInt32 && x != int64(int32(x)) {
			return 0, types.ErrOverflow
		}
		return x, nil
	}
	return types.ParseInt(bytes.TrimSpace(text), intBits[k])
}

func (n *node) appendBase64(text []byte, tok token) (bool, string) {
	if tok != tokenString {
		return false, "bytes are written in base64"
	}
	buf := n.b.BeginBytes()
	from := len(buf)
	buf = append(buf, make([]byte, base64.StdEncoding.DecodedLen(len(text)))...)
	k, err := base64.StdEncoding.Decode(buf[from:], text)
	if err != nil {
		return false, "bytes are written in base64"
	}
	n.b.EndBytes(buf[:from+k])
	return true, ""
}

// timeValue reads a date, time or timestamp. Flink wants all digits, the separator
// of the chosen standard, and a Z exactly where the type has a time zone.
func (d *decoder) timeValue(n *node, text []byte) (int64, error) {
	switch n.kind {
	case kindDate:
		if len(text) != len("2026-01-31") {
			text = nil
		}
		days, err := types.ParseDate(text)
		return int64(days), err
	case kindTime:
		if len(text) < len("23:59:59") {
			text = nil
		}
		ms, err := types.ParseTime(text)
		return int64(ms), err
	}
	zone := n.typ.Root == types.TimestampLTZ
	body := text
	if k := len(text); k > 0 && text[k-1] == 'Z' {
		body = text[:k-1]
	}
	shortest := len("2026-01-31 23:59:59")
	if d.sep == 'T' {
		shortest = len("2026-01-31T23:59")
	}
	if len(body) < shortest || body[10] != d.sep || zone == (len(body) == len(text)) {
		return 0, d.wantTimestamp(zone)
	}
	v, err := n.times.Parse(body)
	if n.typ.Precision%3 != 0 {
		v = types.Truncate(v, n.typ)
	}
	return v, err
}
