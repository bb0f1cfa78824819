package json

import (
	"errors"
	"strconv"
)

// maxDepth is how deep objects and arrays may be nested in the text of a STRING, the
// object of the record counted: Jackson's limit.
const maxDepth = 1000

// compact appends the value at s[i] without the white space between its parts, its
// strings escaped anew, and gives the place after it, -1 if there is a fault. depth is how
// many objects and arrays it is in.
func (d *decoder) compact(dst, s []byte, i, depth int) ([]byte, int) {
	if i >= len(s) {
		return dst, d.syntax(i, "a value expected")
	}
	if depth >= maxDepth && (s[i] == '[' || s[i] == '{') {
		return dst, d.syntax(i, "it is nested too deeply, the limit is "+strconv.Itoa(maxDepth))
	}
	switch s[i] {
	case '"':
		text, end := d.text(s, i)
		return appendQuoted(dst, text), end
	case '[':
		dst = append(dst, '[')
		first := len(dst)
		i = d.elements(s, i, func(i int) int {
			if len(dst) > first {
				dst = append(dst, ',')
			}
			dst, i = d.compact(dst, s, i, depth+1)
			return i
		})
		return append(dst, ']'), i
	case '{':
		return d.compactObject(dst, s, i, depth)
	}
	end := d.skip(s, i)
	if end > 0 {
		dst = append(dst, s[i:end]...)
	}
	return dst, end
}

func (d *decoder) compactObject(dst, s []byte, i, depth int) ([]byte, int) {
	dst = append(dst, '{')
	i = skipSpace(s, i+1)
	for i < len(s) && s[i] == '"' {
		text, end := d.text(s, i)
		if end < 0 {
			return dst, -1
		}
		dst = append(appendQuoted(dst, text), ':')
		if i = skipSpace(s, end); i >= len(s) || s[i] != ':' {
			return dst, d.syntax(i, "a colon expected")
		}
		if dst, i = d.compact(dst, s, skipSpace(s, i+1), depth+1); i < 0 {
			return dst, -1
		}
		if i = skipSpace(s, i); i < len(s) && s[i] == '}' {
			return append(dst, '}'), i + 1
		}
		if i >= len(s) || s[i] != ',' {
			return dst, d.syntax(i, "a comma or the end of the object expected")
		}
		dst = append(dst, ',')
		i = skipSpace(s, i+1)
	}
	if i < len(s) && s[i] == '}' && dst[len(dst)-1] == '{' {
		return append(dst, '}'), i + 1
	}
	return dst, d.syntax(i, "a name in quotes expected")
}

// appendQuoted writes a string as Jackson does: only quotes, backslashes and control
// characters are escaped.
func appendQuoted(dst, s []byte) []byte {
	const hex = "0123456789ABCDEF"
	dst = append(dst, '"')
	from := 0
	for i, c := range s {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		if e := shortEscapes[c]; e != 0 {
			dst = append(dst, '\\', e)
		} else {
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

var shortEscapes = [256]byte{'"': '"', '\\': '\\', '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}

// What a timestamp should have looked like, by standard and zone.
var (
	errSQL     = errors.New("written as 2026-01-31 23:59:59.999")
	errSQLZone = errors.New("written as 2026-01-31 23:59:59.999Z")
	errISO     = errors.New("written as 2026-01-31T23:59:59.999")
	errISOZone = errors.New("written as 2026-01-31T23:59:59.999Z")
)

func (d *decoder) wantTimestamp(zone bool) error {
	switch {
	case d.sep == 'T' && zone:
		return errISOZone
	case d.sep == 'T':
		return errISO
	case zone:
		return errSQLZone
	}
	return errSQL
}
