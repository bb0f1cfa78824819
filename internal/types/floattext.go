package types

import (
	"bytes"
	"errors"
	"math"
	"strconv"
)

var errFloat = errors.New("a number is written as 123.45 or 1.2345E2")

// ParseFloat reads a floating-point number, NaN or [+-]Infinity, for FLOAT (bits
// 32) or DOUBLE (64). What is too large becomes infinite, as in Java.
func ParseFloat(b []byte, bits int) (float64, error) {
	if f, ok := exactFloat(b, bits); ok {
		return f, nil
	}
	// strconv takes more than SQL does: hexadecimal, underscores, "inf".
	for _, c := range b {
		if c-'0' > 9 && c != '.' && c != '-' && c != '+' && c|0x20 != 'e' {
			switch string(b) {
			case "NaN":
				return math.NaN(), nil
			case "Infinity", "+Infinity":
				return math.Inf(1), nil
			case "-Infinity":
				return math.Inf(-1), nil
			}
			return 0, errFloat
		}
	}
	f, err := strconv.ParseFloat(string(b), bits)
	if err != nil && !math.IsInf(f, 0) {
		return 0, errFloat
	}
	return f, nil
}

// exactFloat reads a number whose digits, as a whole number, and whose power of ten
// are both exact floats: then one multiplication or division rounds right (Clinger).
// That is most of what people and programs write; false for the rest.
func exactFloat(b []byte, bits int) (float64, bool) {
	neg, i := false, 0
	if len(b) > 0 && b[0] == '-' {
		neg, i = true, 1
	}
	var m uint64
	digits, exp, point := 0, 0, false
	for ; i < len(b); i++ {
		switch c := b[i]; {
		case c-'0' <= 9:
			m = m*10 + uint64(c-'0')
			digits++
			if point {
				exp--
			}
		case c == '.' && !point:
			point = true
		default:
			return 0, false
		}
	}
	if digits == 0 || digits > 19 || -exp >= len(exactTens) {
		return 0, false
	}
	var f float64
	switch {
	case bits == 64 && m < 1<<53:
		f = float64(m) / exactTens[-exp]
	case bits == 32 && m < 1<<24 && exp >= -10:
		f = float64(float32(m) / float32(exactTens[-exp]))
	default:
		return 0, false
	}
	if neg {
		f = -f
	}
	return f, true
}

// AppendFloat writes f as Java does (Double.toString with bits 64, Float.toString
// with 32): the fewest digits that tell it from its neighbours, at least one after
// the point, an exponent below 10^-3 and from 10^7 on.
func AppendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	from := len(dst)
	if a := math.Abs(f); a == 0 || a >= 1e-3 && a < 1e7 {
		dst = strconv.AppendFloat(dst, f, 'f', -1, bits)
		if bytes.IndexByte(dst[from:], '.') < 0 {
			dst = append(dst, '.', '0')
		}
		return dst
	}
	dst = strconv.AppendFloat(dst, f, 'E', -1, bits)
	e := from + bytes.IndexByte(dst[from:], 'E')
	// strconv writes 1E+07, Java 1.0E7.
	var buf [8]byte
	exp := append(buf[:0], dst[e+1:]...)
	dst = dst[:e]
	if bytes.IndexByte(dst[from:], '.') < 0 {
		dst = append(dst, '.', '0')
	}
	dst = append(dst, 'E')
	if exp[0] == '-' {
		dst = append(dst, '-')
	}
	return append(dst, bytes.TrimLeft(exp[1:], "0")...)
}
