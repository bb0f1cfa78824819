package types

import (
	"math"
	"math/bits"
	"strconv"
)

// MaxPrecision is the most digits that a DECIMAL has.
const MaxPrecision = 38

// Dec is the unscaled value of a DECIMAL: 128-bit two's complement, in the
// order of Arrow's decimal128 (low word first). The scale is the type's.
//
// Arithmetic rounds HALF_UP as Flink does, and reports a result that does not
// fit 128 bits; whether it fits the type's precision is for Fits to say.
type Dec struct {
	Lo uint64
	Hi int64
}

// DecOf is v as a Dec.
func DecOf(v int64) Dec { return Dec{Lo: uint64(v), Hi: v >> 63} }

// Pow10 is 10^n, for n from 0 to 38.
func Pow10(n int) Dec { return Dec{tens[n].lo, int64(tens[n].hi)} }

// Sign is -1, 0 or 1.
func (a Dec) Sign() int {
	switch {
	case a.Hi < 0:
		return -1
	case a.Hi == 0 && a.Lo == 0:
		return 0
	}
	return 1
}

// Neg is -a.
func (a Dec) Neg() Dec {
	lo, b := bits.Sub64(0, a.Lo, 0)
	return Dec{lo, int64(-uint64(a.Hi) - b)}
}

// Abs is a without its sign.
func (a Dec) Abs() Dec {
	if a.Hi < 0 {
		return a.Neg()
	}
	return a
}

// Cmp compares values of one scale: -1, 0 or 1.
func (a Dec) Cmp(b Dec) int {
	switch {
	case a.Hi != b.Hi && a.Hi < b.Hi, a.Hi == b.Hi && a.Lo < b.Lo:
		return -1
	case a == b:
		return 0
	}
	return 1
}

// CmpScaled compares values of different scales.
func CmpScaled(a Dec, as int, b Dec, bs int) int {
	if as == bs {
		return a.Cmp(b)
	}
	if s, t := a.Sign(), b.Sign(); s != t {
		if s < t {
			return -1
		}
		return 1
	}
	x, _ := scaleUp(a.mag().wide(), max(0, bs-as))
	y, _ := scaleUp(b.mag().wide(), max(0, as-bs))
	r := 0
	if x.less(y) {
		r = -1
	} else if y.less(x) {
		r = 1
	}
	if a.Hi < 0 {
		return -r
	}
	return r
}

// Add is a + b, of one scale; false if it does not fit 128 bits.
func (a Dec) Add(b Dec) (Dec, bool) {
	lo, c := bits.Add64(a.Lo, b.Lo, 0)
	hi := int64(uint64(a.Hi) + uint64(b.Hi) + c)
	return Dec{lo, hi}, (a.Hi^hi)&(b.Hi^hi) >= 0
}

// Sub is a - b, of one scale; false if it does not fit 128 bits.
func (a Dec) Sub(b Dec) (Dec, bool) {
	lo, c := bits.Sub64(a.Lo, b.Lo, 0)
	hi := int64(uint64(a.Hi) - uint64(b.Hi) - c)
	return Dec{lo, hi}, (a.Hi^b.Hi)&(a.Hi^hi) >= 0
}

// Mul is a * b with drop digits rounded away, where drop is the scale of a and
// that of b less that of the result.
func (a Dec) Mul(b Dec, drop int) (Dec, bool) {
	p, _ := mulWide(a.mag().wide(), b.mag())
	return decFrom(scaleDown(p, drop), a.Hi^b.Hi < 0)
}

// Div is a * 10^shift / b, where shift is the scale of the result and that of b
// less that of a. b must not be zero.
func (a Dec) Div(b Dec, shift int) (Dec, bool) {
	neg := a.Hi^b.Hi < 0
	d := b.mag()
	if shift < 0 {
		// One digit more than asked for, to round by: see scaleDown.
		n, _ := scaleUp(a.mag().wide(), 1)
		q, _ := divWide(n, d)
		return decFrom(scaleDown(q, 1-shift), neg)
	}
	n, ok := scaleUp(a.mag().wide(), shift)
	if !ok {
		return Dec{}, false
	}
	q, r := divWide(n, d)
	if !r.double().less(d) {
		q = q.inc()
	}
	return decFrom(q, neg)
}

// Mod is what is left of a after division by b, with a's sign and the greater of
// the two scales. b must not be zero.
func (a Dec) Mod(b Dec, as, bs int) (Dec, bool) {
	x, _ := scaleUp(a.mag().wide(), max(0, bs-as))
	y, _ := scaleUp(b.mag().wide(), max(0, as-bs))
	if x.less(y) {
		return decFrom(x, a.Hi < 0)
	}
	// Now y is no greater than x, and x is scaled up only where y is not, so y
	// fits 128 bits.
	_, r := divWide(x, u128{y[1], y[0]})
	return decFrom(r.wide(), a.Hi < 0)
}

// Rescale changes the scale.
func (a Dec) Rescale(from, to int) (Dec, bool) {
	if from == to {
		return a, true
	}
	if to < from {
		return decFrom(scaleDown(a.mag().wide(), from-to), a.Hi < 0)
	}
	n, ok := scaleUp(a.mag().wide(), to-from)
	if !ok {
		return Dec{}, false
	}
	return decFrom(n, a.Hi < 0)
}

// Fits says whether a has at most p digits.
func (a Dec) Fits(p int) bool { return a.mag().less(tens[min(p, MaxPrecision)]) }

// Int64 is the whole part of a, rounded towards zero; false if it does not fit.
func (a Dec) Int64(scale int) (int64, bool) {
	q, _ := divWide(a.mag().wide(), tens[scale])
	d, ok := decFrom(q, a.Hi < 0)
	return int64(d.Lo), ok && d.Hi == int64(d.Lo)>>63
}

// Float64 is the float64 nearest to a.
func (a Dec) Float64(scale int) float64 {
	if m := a.mag(); m.hi == 0 && m.lo < 1<<53 && scale < len(exactTens) {
		f := float64(m.lo) / exactTens[scale]
		if a.Hi < 0 {
			return -f
		}
		return f
	}
	var buf [48]byte
	f, _ := strconv.ParseFloat(string(AppendDec(buf[:0], a, scale)), 64)
	return f
}

// exactTens are the powers of ten that a float64 holds exactly: dividing a whole
// number below 2^53 by one of them is rounded once, thus right.
var exactTens = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// DecFromInt is v as a DECIMAL(p, s); false if it does not fit.
func DecFromInt(v int64, p, s int) (Dec, bool) {
	d, ok := DecOf(v).Rescale(0, s)
	return d, ok && d.Fits(p)
}

// DecFromFloat is f as a DECIMAL(p, s), by its shortest text, as Flink does
// (BigDecimal.valueOf); false if it does not fit.
func DecFromFloat(f float64, p, s int) (Dec, bool) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Dec{}, false
	}
	var buf [32]byte
	d, err := ParseDec(strconv.AppendFloat(buf[:0], f, 'e', -1, 64), p, s)
	return d, err == nil
}

// mag is a without its sign.
func (a Dec) mag() u128 {
	if a.Hi < 0 {
		a = a.Neg()
	}
	return u128{uint64(a.Hi), a.Lo}
}

// decFrom is a magnitude with a sign; false if it takes more than 127 bits.
func decFrom(m u256, neg bool) (Dec, bool) {
	if m[3]|m[2] != 0 || m[1]>>63 != 0 {
		return Dec{}, false
	}
	d := Dec{m[0], int64(m[1])}
	if neg {
		d = d.Neg()
	}
	return d, true
}
