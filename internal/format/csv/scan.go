package csv

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// cut reads the field at s[i]: its text, which may lie in scratch, and where the next
// begins: len(s)+1 after the last. It is false if a quote is not closed.
func (d *decoder) cut(s []byte, i int) (text []byte, next int, ok bool) {
	if d.trim {
		for i < len(s) && (s[i] == ' ' || s[i] == '\t') && s[i] != d.delim {
			i++
		}
	}
	if i < len(s) && s[i] == d.quote && d.quote != 0 {
		return d.cutQuoted(s, i+1)
	}
	end := d.plainEnd(s, i)
	if end < len(s) && s[end] != d.delim {
		return d.cutEscaped(s, i)
	}
	text = s[i:end]
	if d.trim {
		text = bytes.TrimRight(text, " \t")
	}
	return text, end + 1, true
}

// plainEnd is where the first delimiter or escape from s[i] on stands, len(s) if
// there is none.
func (d *decoder) plainEnd(s []byte, i int) int {
	a, b := uint64(d.delim)*ones, uint64(d.escape)*ones
	if d.escape == 0 {
		b = a
	}
	for ; i+8 <= len(s); i += 8 {
		w := binary.LittleEndian.Uint64(s[i:])
		x, y := w^a, w^b
		if m := ((x-ones)&^x | (y-ones)&^y) & highs; m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for i < len(s) && s[i] != d.delim && (s[i] != d.escape || d.escape == 0) {
		i++
	}
	return i
}

// cutEscaped is cut for an unquoted field with an escape.
func (d *decoder) cutEscaped(s []byte, i int) (text []byte, next int, ok bool) {
	buf := d.scratch[:0]
	for ; i < len(s) && s[i] != d.delim; i++ {
		if s[i] == d.escape && i+1 < len(s) {
			i++
			buf = append(buf, unescaped(s[i]))
			continue
		}
		buf = append(buf, s[i])
	}
	d.scratch = buf
	return buf, i + 1, true
}

// cutQuoted is cut after the opening quote.
func (d *decoder) cutQuoted(s []byte, i int) (text []byte, next int, ok bool) {
	from, buf, copied := i, d.scratch[:0], false
	for i < len(s) {
		switch c := s[i]; {
		case c == d.quote && i+1 < len(s) && s[i+1] == d.quote:
			buf, copied = append(append(buf, s[from:i]...), c), true
			i += 2
			from = i
		case c == d.quote:
			text = s[from:i]
			if copied {
				d.scratch = append(buf, text...)
				text = d.scratch
			}
			// Blanks may follow the closing quote.
			for i++; i < len(s) && s[i] == ' ' && d.delim != ' '; i++ {
			}
			return text, i + 1, i >= len(s) || s[i] == d.delim
		case c == d.escape && c != 0 && i+1 < len(s):
			buf, copied = append(append(buf, s[from:i]...), unescaped(s[i+1])), true
			i += 2
			from = i
		default:
			i++
		}
	}
	return nil, 0, false
}

// unescaped is what an escaped character stands for.
func unescaped(c byte) byte {
	switch c {
	case '0':
		return 0
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// RecordEnd finds the end of the first record in buf: the first line end that is not
// in quotes.
func (d *decoder) RecordEnd(buf []byte, last bool) (n, next int) {
	end := bytes.IndexByte(buf, '\n')
	line := buf
	if end >= 0 {
		line = buf[:end]
	}
	comment := d.comments && len(buf) > 0 && buf[0] == '#'
	if d.quote != 0 && !comment && bytes.IndexByte(line, d.quote) >= 0 {
		end = d.quotedEnd(buf)
	}
	switch {
	case end >= 0:
		next = end + 1
	case last:
		end, next = len(buf), len(buf)
	default:
		return 0, 0
	}
	if end > 0 && buf[end-1] == '\r' {
		end--
	}
	return end, next
}

// quotedEnd is the first line end that is not in quotes, -1 if there is none.
func (d *decoder) quotedEnd(s []byte) int {
	start, quoted := true, false // at the start of a field; within quotes
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted:
			switch {
			case c == d.escape && c != 0:
				i++
			case c == d.quote && i+1 < len(s) && s[i+1] == d.quote:
				i++
			case c == d.quote:
				quoted = false
			}
		case c == '\n':
			return i
		case c == d.quote && start:
			quoted, start = true, false
		case c == d.escape && c != 0:
			i++
			start = false
		default:
			start = c == d.delim || start && d.trim && (c == ' ' || c == '\t')
		}
	}
	return -1
}
