package types

import "math/bits"

// u128 and u256 are magnitudes, low word first in u256. 256 bits hold the
// product of two DECIMALs, and a DECIMAL times any power of ten that a division
// asks for unless its result cannot fit 38 digits anyway.
type (
	u128 struct{ hi, lo uint64 }
	u256 [4]uint64
)

// tens holds 10^0 to 10^38, all that fit a Dec.
var tens = func() (t [39]u128) {
	t[0] = u128{0, 1}
	for i := 1; i < len(t); i++ {
		hi, lo := bits.Mul64(t[i-1].lo, 10)
		t[i] = u128{t[i-1].hi*10 + hi, lo}
	}
	return t
}()

func (a u128) less(b u128) bool { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }

// double is 2a; a is below 2^127.
func (a u128) double() u128 { return u128{a.hi<<1 | a.lo>>63, a.lo << 1} }

func (a u128) wide() u256 { return u256{a.lo, a.hi} }

// inc is a + 1.
func (a u256) inc() u256 {
	for i := range a {
		a[i]++
		if a[i] != 0 {
			break
		}
	}
	return a
}

func (a u256) less(b u256) bool {
	for i := 3; i > 0; i-- {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return a[0] < b[0]
}

// mulWide is a * b; false if it takes more than 256 bits.
func mulWide(a u256, b u128) (u256, bool) {
	var r u256
	ok := true
	for j, w := range [2]uint64{b.lo, b.hi} {
		if w == 0 {
			continue
		}
		var carry uint64
		for i := 0; i < 4; i++ {
			hi, lo := bits.Mul64(a[i], w)
			var c uint64
			lo, c = bits.Add64(lo, carry, 0)
			hi += c
			if i+j > 3 {
				ok = ok && lo == 0
			} else {
				r[i+j], c = bits.Add64(r[i+j], lo, 0)
				hi += c
			}
			carry = hi
		}
		ok = ok && (carry == 0 || j+4 < 4)
	}
	return r, ok
}

// scaleUp is a * 10^n; false if it takes more than 256 bits.
func scaleUp(a u256, n int) (u256, bool) {
	ok := true
	for n > 0 && ok {
		k := min(n, 38)
		a, ok = mulWide(a, tens[k])
		n -= k
	}
	return a, ok
}

// divWide is n / d and the remainder: Knuth's algorithm D for a divisor of one
// or two words.
func divWide(n u256, d u128) (q u256, r u128) {
	if d.hi == 0 {
		var rem uint64
		for i := 3; i >= 0; i-- {
			q[i], rem = bits.Div64(rem, n[i], d.lo)
		}
		return q, u128{0, rem}
	}
	s := uint(bits.LeadingZeros64(d.hi))
	d1, d0 := d.hi<<s|d.lo>>(64-s), d.lo<<s
	u := [5]uint64{n[0] << s, n[1]<<s | n[0]>>(64-s), n[2]<<s | n[1]>>(64-s), n[3]<<s | n[2]>>(64-s), n[3] >> (64 - s)}
	for j := 2; j >= 0; j-- {
		q[j] = divStep(u[j:j+3], d1, d0)
	}
	return q, u128{u[1] >> s, u[0]>>s | u[1]<<(64-s)}
}

// divStep divides the three words u by the normalised d1:d0, gives the quotient's
// word and leaves the remainder in u.
func divStep(u []uint64, d1, d0 uint64) uint64 {
	var qh, rh, carry uint64
	if u[2] >= d1 {
		qh = ^uint64(0)
		rh, carry = bits.Add64(u[1], d1, 0)
	} else {
		qh, rh = bits.Div64(u[2], u[1], d1)
	}
	for carry == 0 {
		hi, lo := bits.Mul64(qh, d0)
		if hi < rh || hi == rh && lo <= u[0] {
			break
		}
		qh--
		rh, carry = bits.Add64(rh, d1, 0)
	}
	h0, l0 := bits.Mul64(qh, d0)
	h1, l1 := bits.Mul64(qh, d1)
	l1, c := bits.Add64(l1, h0, 0)
	h1 += c
	var b uint64
	u[0], b = bits.Sub64(u[0], l0, 0)
	u[1], b = bits.Sub64(u[1], l1, b)
	u[2], b = bits.Sub64(u[2], h1, b)
	if b != 0 {
		qh--
		u[0], c = bits.Add64(u[0], d0, 0)
		u[1], c = bits.Add64(u[1], d1, c)
		u[2] += c
	}
	return qh
}

// scaleDown is n / 10^k, rounded half up.
func scaleDown(n u256, k int) u256 {
	if k <= 0 {
		return n
	}
	// Flooring twice is flooring once, so only the last digit cut decides.
	for k > 38 {
		n, _ = divWide(n, tens[37])
		k -= 37
	}
	q, r := divWide(n, tens[k])
	if !r.double().less(tens[k]) {
		q = q.inc()
	}
	return q
}

// mulAdd is a*f + d, which fits.
func mulAdd(a u128, f, d uint64) u128 {
	hi, lo := bits.Mul64(a.lo, f)
	lo, c := bits.Add64(lo, d, 0)
	return u128{a.hi*f + hi + c, lo}
}
