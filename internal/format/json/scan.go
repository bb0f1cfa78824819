package json

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Eight bytes are looked at in one word (SWAR). hasByte(w, c) has the high bit set
// in the first byte of w that is c; above the first it may be wrong.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// stringEnd finds the quote that ends the string whose first character is s[i].
// plain says that there is no backslash before it. It gives -1 if the string does
// not end or is not UTF-8.
func stringEnd(s []byte, i int) (end int, plain bool) {
	start, seen := i, uint64(0)
	for ; i+16 <= len(s); i += 16 {
		v, w := binary.LittleEndian.Uint64(s[i:]), binary.LittleEndian.Uint64(s[i+8:])
		p, q := v^('"'*ones), w^('"'*ones)
		a, b := v^('\\'*ones), w^('\\'*ones)
		if ((p-ones)&^p|(a-ones)&^a|(q-ones)&^q|(b-ones)&^b)&highs != 0 {
			break
		}
		seen |= v | w
	}
	for ; i+8 <= len(s); i += 8 {
		w := binary.LittleEndian.Uint64(s[i:])
		q, b := w^('"'*ones), w^('\\'*ones)
		m := ((q-ones)&^q | (b-ones)&^b) & highs
		if m == 0 {
			seen |= w
			continue
		}
		k := uint(bits.TrailingZeros64(m))
		seen |= w & (1<<(k-7) - 1)
		i += int(k >> 3)
		if s[i] == '"' {
			if seen&highs != 0 && !utf8.Valid(s[start:i]) {
				return -1, false
			}
			return i, true
		}
		return escapedEnd(s, start, i), false
	}
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			if seen&highs != 0 && !utf8.Valid(s[start:i]) {
				return -1, false
			}
			return i, true
		case c == '\\':
			return escapedEnd(s, start, i), false
		default:
			seen |= uint64(c)
		}
	}
	return -1, false
}

// escapedEnd is stringEnd from the first backslash on.
func escapedEnd(s []byte, start, i int) int {
	for ; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			if !utf8.Valid(s[start:i]) {
				return -1
			}
			return i
		}
	}
	return -1
}

// unescape appends the string s, which stands between two quotes, to dst; false if
// an escape is none.
func unescape(dst, s []byte) ([]byte, bool) {
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			from := i
			for i < len(s) && s[i] != '\\' {
				i++
			}
			dst = append(dst, s[from:i]...)
			continue
		}
		if i+1 >= len(s) {
			return dst, false
		}
		c := s[i+1]
		i += 2
		if c != 'u' {
			e := escapes[c]
			if e == 0 {
				return dst, false
			}
			dst = append(dst, e)
			continue
		}
		r, ok := hex4(s, i)
		if !ok {
			return dst, false
		}
		i += 4
		if r >= 0xd800 && r < 0xdc00 && i+6 <= len(s) && s[i] == '\\' && s[i+1] == 'u' {
			if low, ok := hex4(s, i+2); ok && low >= 0xdc00 && low < 0xe000 {
				r = 0x10000 + (r-0xd800)<<10 + (low - 0xdc00)
				i += 6
			}
		}
		// Half a pair becomes U+FFFD.
		dst = utf8.AppendRune(dst, r)
	}
	return dst, true
}

var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func hex4(s []byte, i int) (rune, bool) {
	if i+4 > len(s) {
		return 0, false
	}
	var r rune
	for _, c := range s[i : i+4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// skipSpace is the first place from i on that is no white space.
func skipSpace(s []byte, i int) int {
	for i < len(s) && s[i] <= ' ' && (s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r') {
		i++
	}
	return i
}

// numberEnd is where the number that begins at s[i] ends, -1 if it is none, and
// whether it has a point or an exponent.
func numberEnd(s []byte, i int) (end int, fraction bool) {
	if i < len(s) && s[i] == '-' {
		i++
	}
	switch {
	case i >= len(s) || s[i]-'0' > 9:
		return -1, false
	case s[i] == '0':
		i++
	default:
		i = digitsEnd(s, i)
	}
	if i < len(s) && s[i] == '.' {
		from := i + 1
		if i = digitsEnd(s, from); i == from {
			return -1, false
		}
		fraction = true
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		from := i
		if i = digitsEnd(s, from); i == from {
			return -1, false
		}
		fraction = true
	}
	return i, fraction
}

func digitsEnd(s []byte, i int) int {
	for i < len(s) && s[i]-'0' <= 9 {
		i++
	}
	return i
}

// word says whether the literal w stands at s[i].
func word(s []byte, i int, w string) bool {
	return len(s)-i >= len(w) && string(s[i:i+len(w)]) == w
}

// structural marks the bytes that skipNested looks at.
var structural = [256]bool{'"': true, '{': true, '}': true, '[': true, ']': true}

// skip passes over the value that begins at s[i]: its end, or -1 with the place of
// the fault.
func (d *decoder) skip(s []byte, i int) int {
	if i >= len(s) {
		return d.syntax(i, "a value expected")
	}
	end := -1
	switch c := s[i]; {
	case c == '"':
		if end, _ = stringEnd(s, i+1); end < 0 {
			return d.syntax(i, "a string that does not end, or is not UTF-8")
		}
		return end + 1
	case c == '{' || c == '[':
		return d.skipNested(s, i)
	case c == 't' && word(s, i, "true"), c == 'n' && word(s, i, "null"):
		return i + 4
	case c == 'f' && word(s, i, "false"):
		return i + 5
	default:
		end, _ = numberEnd(s, i)
	}
	if end < 0 {
		return d.syntax(i, "a value expected")
	}
	return end
}

// skipNested passes over an object or array by its strings and brackets.
func (d *decoder) skipNested(s []byte, i int) int {
	open := d.brackets[:0]
	for ; i < len(s); i++ {
		c := s[i]
		if !structural[c] {
			continue
		}
		switch c {
		case '"':
			end, _ := stringEnd(s, i+1)
			if end < 0 {
				return d.syntax(i, "a string that does not end, or is not UTF-8")
			}
			i = end
		case '{', '[':
			open = append(open, c+2) // '}' and ']' stand two after their openings
		default:
			if open[len(open)-1] != c {
				return d.syntax(i, "a bracket that closes another")
			}
			if open = open[:len(open)-1]; len(open) == 0 {
				d.brackets = open
				return i + 1
			}
		}
	}
	d.brackets = open
	return d.syntax(i, "a bracket that is not closed")
}
