package types

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

// bigOf is d as a math/big number, the naive twin of all arithmetic here.
func bigOf(d Dec) *big.Int {
	x := new(big.Int).Lsh(big.NewInt(d.Hi), 64)
	return x.Add(x, new(big.Int).SetUint64(d.Lo))
}

var bigLimit = new(big.Int).Lsh(big.NewInt(1), 127)

func fitsDec(x *big.Int) bool { return x.CmpAbs(bigLimit) < 0 }

func bigPow(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// divHalfUp is x / y rounded half away from zero.
func divHalfUp(x, y *big.Int) *big.Int {
	q, r := new(big.Int).QuoRem(x, y, new(big.Int))
	if r.Abs(r).Lsh(r, 1).CmpAbs(y) >= 0 {
		if x.Sign()*y.Sign() < 0 {
			q.Sub(q, big.NewInt(1))
		} else {
			q.Add(q, big.NewInt(1))
		}
	}
	return q
}

// randomDec is a number of a random length, with many that sit at an edge.
func randomDec(r *rand.Rand) Dec {
	d := Dec{r.Uint64(), int64(r.Uint64() >> 1)}
	switch r.IntN(4) {
	case 0:
		d.Hi = 0
	case 1:
		d = Dec{Lo: r.Uint64() >> uint(r.IntN(64))}
	case 2:
		d = Pow10(r.IntN(39))
		d, _ = d.Add(DecOf(int64(r.IntN(3) - 1)))
	}
	if s := uint(r.IntN(64)); r.IntN(2) == 0 {
		d.Hi >>= s
	}
	if r.IntN(2) == 0 {
		d = d.Neg()
	}
	return d
}

func TestDecAgainstBig(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	check := func(what string, a, b Dec, n int, got Dec, ok bool, want *big.Int) {
		t.Helper()
		if ok != fitsDec(want) {
			t.Fatalf("%s %v %v %d: ok %v, want %v", what, bigOf(a), bigOf(b), n, ok, want)
		}
		if ok && bigOf(got).Cmp(want) != 0 {
			t.Fatalf("%s %v %v %d: %v, want %v", what, bigOf(a), bigOf(b), n, bigOf(got), want)
		}
	}
	for range 200_000 {
		a, b := randomDec(r), randomDec(r)
		x, y := bigOf(a), bigOf(b)
		if got := a.Cmp(b); got != x.Cmp(y) {
			t.Fatalf("Cmp %v %v: %d", x, y, got)
		}
		sum, ok := a.Add(b)
		check("Add", a, b, 0, sum, ok, new(big.Int).Add(x, y))
		diff, ok := a.Sub(b)
		check("Sub", a, b, 0, diff, ok, new(big.Int).Sub(x, y))
		n := r.IntN(60)
		prod, ok := a.Mul(b, n)
		check("Mul", a, b, n, prod, ok, divHalfUp(new(big.Int).Mul(x, y), bigPow(n)))
		n = r.IntN(39)
		down, ok := a.Rescale(n, 0)
		check("Rescale down", a, b, n, down, ok, divHalfUp(x, bigPow(n)))
		up, ok := a.Rescale(0, n)
		check("Rescale up", a, b, n, up, ok, new(big.Int).Mul(x, bigPow(n)))
		if y.Sign() != 0 {
			n = r.IntN(50) - 8
			wantQ := divHalfUp(new(big.Int).Mul(x, bigPow(max(n, 0))), new(big.Int).Mul(y, bigPow(max(-n, 0))))
			quo, ok := a.Div(b, n)
			check("Div", a, b, n, quo, ok, wantQ)
			as, bs := r.IntN(20), r.IntN(20)
			mod, ok := a.Mod(b, as, bs)
			xs, ys := new(big.Int).Mul(x, bigPow(max(0, bs-as))), new(big.Int).Mul(y, bigPow(max(0, as-bs)))
			check("Mod", a, b, as*100+bs, mod, ok, new(big.Int).Rem(xs, ys))
			if got := CmpScaled(a, as, b, bs); got != xs.Cmp(ys) {
				t.Fatalf("CmpScaled %v %d %v %d: %d", x, as, y, bs, got)
			}
		}
		if p := r.IntN(39); a.Fits(p) != (x.CmpAbs(bigPow(p)) < 0) {
			t.Fatalf("Fits %v %d", x, p)
		}
	}
}

func TestDecText(t *testing.T) {
	for _, c := range []struct {
		in   string
		p, s int
		want string // or the error
	}{
		{"0", 10, 2, "0.00"},
		{"-0.004", 10, 2, "0.00"},
		{"0.005", 10, 2, "0.01"},
		{"-0.005", 10, 2, "-0.01"},
		{"1.2345", 10, 3, "1.235"},
		{"12.", 10, 0, "12"},
		{".5", 10, 0, "1"},
		{".4999999999999999999999999999999999999999999999", 10, 0, "0"},
		{"+7", 10, 0, "7"},
		{"1e3", 10, 0, "1000"},
		{"1.5E-3", 10, 4, "0.0015"},
		{"999.995", 5, 2, "too many digits"},
		{"999.994", 5, 2, "999.99"},
		{"1e-999999999999999999999", 38, 38, "0." + zeros(38)},
		{"1e999999999999999999999", 38, 0, "too many digits"},
		{"0e999999999999999999999", 38, 0, "0"},
		{"99999999999999999999999999999999999999", 38, 0, "99999999999999999999999999999999999999"},
		{"99999999999999999999999999999999999999.5", 38, 0, "too many digits"},
		{"-99999999999999999999999999999999999999", 38, 0, "-99999999999999999999999999999999999999"},
		{"100000000000000000000000000000000000000", 38, 0, "too many digits"},
		{"0000000000000000000000000000000000000000000000001.10", 3, 1, "1.1"},
		{"0.00000000000000000000000000000000000001", 38, 38, "0." + zeros(37) + "1"},
		{"", 10, 0, errDec.Error()},
		{".", 10, 0, errDec.Error()},
		{"1.2.3", 10, 0, errDec.Error()},
		{"1e", 10, 0, errDec.Error()},
		{"1x", 10, 0, errDec.Error()},
		{" 1", 10, 0, errDec.Error()},
	} {
		d, err := ParseDec([]byte(c.in), c.p, c.s)
		got := string(AppendDec(nil, d, c.s))
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%q as DECIMAL(%d, %d): %s, want %s", c.in, c.p, c.s, got, c.want)
		}
	}
}

func zeros(n int) string { return strings.Repeat("0", n) }

func TestDecJavaText(t *testing.T) {
	for _, c := range []struct {
		v     int64
		scale int
		want  string
	}{
		{0, 0, "0"}, {0, 2, "0.00"}, {0, 6, "0.000000"}, {0, 7, "0E-7"},
		{1, 6, "0.000001"}, {1, 7, "1E-7"}, {27, 9, "2.7E-8"}, {-123456, 12, "-1.23456E-7"},
		{100000, 0, "100000"}, {12300, 2, "123.00"},
	} {
		if got := string(AppendDecJava(nil, DecOf(c.v), c.scale)); got != c.want {
			t.Errorf("%d scale %d: %s, want %s", c.v, c.scale, got, c.want)
		}
	}
}

func TestDecFloat(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 50_000 {
		d, s := randomDec(r), r.IntN(39)
		want, _ := new(big.Rat).SetFrac(bigOf(d), bigPow(s)).Float64()
		if got := d.Float64(s); got != want {
			t.Fatalf("%v scale %d: %v, want %v", bigOf(d), s, got, want)
		}
	}
	if d, ok := DecFromFloat(0.1, 10, 5); !ok || d != DecOf(10000) {
		t.Errorf("0.1: %v %v", d, ok)
	}
	if d, ok := DecFromFloat(2.5, 10, 0); !ok || d != DecOf(3) {
		t.Errorf("2.5: %v %v", d, ok)
	}
	for _, f := range []float64{math.NaN(), math.Inf(1), 1e39} {
		if _, ok := DecFromFloat(f, 38, 0); ok {
			t.Errorf("%v fits", f)
		}
	}
}

func TestDecInt(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64
		ok   bool
	}{
		{"1.9", 1, true}, {"-1.9", -1, true}, {"9223372036854775807.9", math.MaxInt64, true},
		{"-9223372036854775808.9", math.MinInt64, true}, {"9223372036854775808", 0, false},
	} {
		d, err := ParseDec([]byte(c.text), 38, 1)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := d.Int64(1); ok != c.ok || ok && got != c.want {
			t.Errorf("%s: %d %v", c.text, got, ok)
		}
	}
	if _, ok := DecFromInt(12345, 4, 0); ok {
		t.Error("12345 fits DECIMAL(4, 0)")
	}
}

// FuzzParseDec compares with math/big, which reads the same texts and more.
func FuzzParseDec(f *testing.F) {
	for _, s := range []string{"1.5", "-12e-3", "99999999999999999999.99999", "1e38", ".", "+0.0e+0"} {
		f.Add([]byte(s), uint8(20), uint8(5))
	}
	f.Fuzz(func(t *testing.T, b []byte, p, s uint8) {
		prec := int(p)%38 + 1
		scale := int(s) % (prec + 1)
		d, err := ParseDec(b, prec, scale)
		if err == errDec || len(b) > 60 {
			return
		}
		x, ok := new(big.Rat).SetString(string(b))
		if !ok {
			if parseableExponent(b) {
				t.Fatalf("%q was read, as %v %v", b, d, err)
			}
			return
		}
		x.Mul(x, new(big.Rat).SetInt(bigPow(scale)))
		want := divHalfUp(x.Num(), x.Denom())
		fits := want.CmpAbs(bigPow(prec)) < 0
		if fits != (err == nil) || fits && bigOf(d).Cmp(want) != 0 {
			t.Fatalf("%q as DECIMAL(%d, %d): %v %v, want %v", b, prec, scale, bigOf(d), err, want)
		}
	})
}

// parseableExponent says that math/big had no reason to refuse the text: it limits
// exponents.
func parseableExponent(b []byte) bool {
	for i, c := range b {
		if c|0x20 == 'e' {
			return len(b)-i < 5
		}
	}
	return true
}

func TestDecAllocs(t *testing.T) {
	a, b := Pow10(30), DecOf(7)
	buf, text := make([]byte, 0, 64), []byte("-123456789012345678901234.56789")
	if n := testing.AllocsPerRun(100, func() {
		a.Mul(b, 3)
		a.Div(b, 6)
		a.Mod(b, 2, 9)
		d, _ := ParseDec(text, 38, 4)
		buf = AppendDec(buf[:0], d, 4)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkDecMul(b *testing.B) {
	x, y := DecOf(908), DecOf(123456789)
	for b.Loop() {
		x.Mul(y, 0)
	}
}

func BenchmarkDecDiv(b *testing.B) {
	x, y := Pow10(20), DecOf(123456789)
	for b.Loop() {
		x.Div(y, 18)
	}
}
