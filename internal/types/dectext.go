package types

import "errors"

// ErrOverflow says that a number has more digits than its type.
var ErrOverflow = errors.New("too many digits")

var errDec = errors.New("a number is written as 123.45 or 1.2345E2")

// ParseDec reads a decimal number, with or without a point and an exponent, as
// DECIMAL(p, s), rounding HALF_UP. It fails with ErrOverflow if there are too
// many digits before the point.
func ParseDec(b []byte, p, s int) (Dec, error) {
	neg, i := false, 0
	if i < len(b) && (b[i] == '-' || b[i] == '+') {
		neg = b[i] == '-'
		i++
	}
	from, whole, digits := i, -1, 0
	for ; i < len(b); i++ {
		if c := b[i]; c-'0' <= 9 {
			digits++
		} else if c == '.' && whole < 0 {
			whole = digits
		} else {
			break
		}
	}
	mantissa := b[from:i]
	if whole < 0 {
		whole = digits
	}
	exp, err := parseExponent(b[i:])
	if digits == 0 || err != nil {
		return Dec{}, errDec
	}
	m, ok := takeDigits(mantissa, whole+exp+s)
	if !ok {
		return Dec{}, ErrOverflow
	}
	d, ok := decFrom(m.wide(), neg)
	if !ok || !d.Fits(p) {
		return Dec{}, ErrOverflow
	}
	return d, nil
}

// maxExponent is where exponents are cut: far beyond what any DECIMAL holds, and
// small enough to add to a length.
const maxExponent = 1 << 20

func parseExponent(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if b[0]|0x20 != 'e' {
		return 0, errDec
	}
	b = b[1:]
	neg := false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		neg = b[0] == '-'
		b = b[1:]
	}
	if len(b) == 0 {
		return 0, errDec
	}
	e := 0
	for _, c := range b {
		if c-'0' > 9 {
			return 0, errDec
		}
		e = min(e*10+int(c-'0'), maxExponent)
	}
	if neg {
		e = -e
	}
	return e, nil
}

// takeDigits reads the first n digits of b, which may hold a point, as a whole
// number, filled up with zeros and rounded by the digit that follows; false if
// it has more than 38 digits.
func takeDigits(b []byte, n int) (u128, bool) {
	var m u128
	var lo uint64 // the number while it has at most 18 digits
	seen, sig := 0, 0
	round := false
	for _, c := range b {
		if c == '.' {
			continue
		}
		if seen >= n {
			round = seen == n && c >= '5'
			break
		}
		seen++
		if sig > 0 || c != '0' {
			sig++
		}
		if sig <= 18 {
			lo = lo*10 + uint64(c-'0')
			m = u128{0, lo}
		} else if sig <= MaxPrecision {
			m = mulAdd(m, 10, uint64(c-'0'))
		}
	}
	if n < 0 {
		return u128{}, true
	}
	if sig == 0 {
		if round {
			m.lo = 1
		}
		return m, true
	}
	fill := n - seen
	if sig+fill > MaxPrecision {
		return m, false
	}
	if fill > 0 {
		w, _ := mulWide(m.wide(), tens[fill])
		m = u128{w[1], w[0]}
	}
	if round {
		m = mulAdd(m, 1, 1)
	}
	return m, true
}

// AppendDec writes d with scale digits after the point.
func AppendDec(dst []byte, d Dec, scale int) []byte {
	var buf [40]byte
	digits := d.digits(&buf)
	if d.Hi < 0 {
		dst = append(dst, '-')
	}
	if scale <= 0 {
		return append(dst, digits...)
	}
	whole := len(digits) - scale
	if whole <= 0 {
		dst = append(dst, '0', '.')
		for ; whole < 0; whole++ {
			dst = append(dst, '0')
		}
		return append(dst, digits...)
	}
	dst = append(dst, digits[:whole]...)
	dst = append(dst, '.')
	return append(dst, digits[whole:]...)
}

// AppendDecJava writes d as Java's BigDecimal.toString: as AppendDec, but with an
// exponent where more than five zeros would follow the point (1.5E-8, 0E-10).
// It is how Flink's json and csv formats write.
func AppendDecJava(dst []byte, d Dec, scale int) []byte {
	var buf [40]byte
	digits := d.digits(&buf)
	exp := len(digits) - 1 - scale
	if exp >= -6 {
		return AppendDec(dst, d, scale)
	}
	if d.Hi < 0 {
		dst = append(dst, '-')
	}
	dst = append(dst, digits[0])
	if len(digits) > 1 {
		dst = append(dst, '.')
		dst = append(dst, digits[1:]...)
	}
	dst = append(dst, 'E', '-')
	return appendPadded(dst, -exp, 1)
}

// digits writes the digits of d, at least one, to the end of buf.
func (a Dec) digits(buf *[40]byte) []byte {
	const chunk = 1e18
	m, i := a.mag(), len(buf)
	for m.hi != 0 {
		q, r := divWide(m.wide(), u128{0, chunk})
		for k := 0; k < 18; k++ {
			i--
			buf[i] = byte('0' + r.lo%10)
			r.lo /= 10
		}
		m = u128{q[1], q[0]}
	}
	for {
		i--
		buf[i] = byte('0' + m.lo%10)
		if m.lo /= 10; m.lo == 0 {
			return buf[i:]
		}
	}
}
