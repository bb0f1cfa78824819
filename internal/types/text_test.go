package types

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"
)

func TestCalendar(t *testing.T) {
	day := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	for d := MinDate; d <= MaxDate; d++ {
		y, m, dd := CivilDate(d)
		if wy, wm, wd := day.Date(); y != wy || m != int(wm) || dd != wd {
			t.Fatalf("day %d: %d-%d-%d, want %v", d, y, m, dd, day)
		}
		if got := DaysFrom(y, m, dd); got != d {
			t.Fatalf("%v: %d, want %d", day, got, d)
		}
		day = day.AddDate(0, 0, 1)
	}
	if y := day.Year(); y != 10000 {
		t.Errorf("the last day is in %d", y-1)
	}
}

func TestTimestampText(t *testing.T) {
	for _, c := range []struct {
		in   string
		p    int
		want string // or the error
	}{
		{"2026-01-02 03:04:05.678", 3, "2026-01-02 03:04:05.678"},
		{"2026-01-02 03:04:05", 3, "2026-01-02 03:04:05.000"},
		{"2026-01-02T03:04:05.6Z", 3, "2026-01-02 03:04:05.600"},
		{"2026-01-02T03:04", 0, "2026-01-02 03:04:00"},
		{"2026-1-2 3:4:5", 0, "2026-01-02 03:04:05"},
		{"2026-01-02", 3, "2026-01-02 00:00:00.000"},
		{"2026-01-02 03:04:05.123456789", 9, "2026-01-02 03:04:05.123456789"},
		{"2026-01-02 03:04:05.123456789", 6, "2026-01-02 03:04:05.123456"},
		{"1969-12-31 23:59:59.999", 3, "1969-12-31 23:59:59.999"},
		{"0001-01-01 00:00:00.001", 3, "0001-01-01 00:00:00.001"},
		{"9999-12-31 23:59:59.999999", 6, "9999-12-31 23:59:59.999999"},
		{"2024-02-29 00:00:00", 0, "2024-02-29 00:00:00"},
		{"1677-09-22 00:00:00", 9, "1677-09-22 00:00:00.000000000"},
		{"2023-02-29 00:00:00", 3, errDay.Error()},
		{"1900-02-29 00:00:00", 3, errDay.Error()},
		{"2026-13-01 00:00:00", 3, errDay.Error()},
		{"2026-04-31", 3, errDay.Error()},
		{"0000-01-01", 3, errYear.Error()},
		{"1500-01-01 00:00:00", 9, errNanoRange.Error()},
		{"2300-01-01 00:00:00", 9, errNanoRange.Error()},
		{"2026-01-02 24:00:00", 3, errTimestamp.Error()},
		{"2026-01-02 03:60:00", 3, errTimestamp.Error()},
		{"2026-01-02 03:04:05.", 3, errTimestamp.Error()},
		{"2026-01-02 03:04:05.1234567890", 3, errTimestamp.Error()},
		{"2026-01-02X03:04:05", 3, errTimestamp.Error()},
		{"2026-01-02 ", 3, errTimestamp.Error()},
		{"2026/01/02", 3, errTimestamp.Error()},
		{"", 3, errTimestamp.Error()},
	} {
		typ := TTimestamp(c.p)
		v, err := ParseTimestamp([]byte(c.in), typ.Unit())
		got := string(AppendTimestamp(nil, v, typ))
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%q: %s, want %s", c.in, got, c.want)
		}
	}
}

func TestDateAndTimeText(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"2013-01-01", "2013-01-01"}, {"0999-1-1", "0999-01-01"}, {"2013-01-01x", errDate.Error()}, {"13-13-13", errDay.Error()},
		{"20130101", errDate.Error()},
	} {
		d, err := ParseDate([]byte(c.in))
		got := string(AppendDate(nil, d))
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%q: %s, want %s", c.in, got, c.want)
		}
	}
	for _, c := range []struct {
		in   string
		p    int
		want string
	}{
		{"10:11:12", 0, "10:11:12"}, {"10:11:12.3456", 3, "10:11:12.345"}, {"9:8", 0, "09:08:00"},
		{"25:00:00", 0, errTime.Error()}, {"10", 0, errTime.Error()}, {"10:11:12 ", 0, errTime.Error()},
	} {
		ms, err := ParseTime([]byte(c.in))
		got := string(AppendTime(nil, ms, c.p))
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%q: %s, want %s", c.in, got, c.want)
		}
	}
}

func TestIntervalText(t *testing.T) {
	ym, dt := Type{Root: IntervalYearMonth}, Type{Root: IntervalDayTime}
	for _, c := range []struct {
		v    int64
		t    Type
		want string
	}{
		{14, ym, "+1-02"}, {-14, ym, "-1-02"}, {0, ym, "+0-00"},
		{93784005, dt, "+1 02:03:04.005"}, {-93784005, dt, "-1 02:03:04.005"}, {1000, dt, "+0 00:00:01.000"},
	} {
		got := string(AppendInterval(nil, c.v, c.t))
		if got != c.want {
			t.Errorf("%d: %s, want %s", c.v, got, c.want)
		}
		if back, err := ParseInterval([]byte(got), c.t); err != nil || back != c.v {
			t.Errorf("%s: %d %v, want %d", got, back, err, c.v)
		}
	}
}

func TestNumberText(t *testing.T) {
	for _, c := range []struct {
		in   string
		bits int
		want string
	}{
		{"127", 8, "127"}, {"128", 8, ErrRange.Error()}, {"-128", 8, "-128"}, {"+5", 8, "5"},
		{"9223372036854775807", 64, "9223372036854775807"}, {"-9223372036854775808", 64, "-9223372036854775808"},
		{"9223372036854775808", 64, ErrRange.Error()}, {"99999999999999999999999", 64, ErrRange.Error()},
		{"18446744073709551617", 64, ErrRange.Error()},
		{"", 32, errInt.Error()}, {"-", 32, errInt.Error()}, {"1.0", 32, errInt.Error()}, {"1 ", 32, errInt.Error()},
	} {
		v, err := ParseInt([]byte(c.in), c.bits)
		got := strconv.FormatInt(v, 10)
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%q: %s, want %s", c.in, got, c.want)
		}
	}
	for _, c := range []struct {
		f    float64
		want string
	}{
		{0, "0.0"}, {math.Copysign(0, -1), "-0.0"}, {1, "1.0"}, {0.001, "0.001"}, {0.0001, "1.0E-4"},
		{9999999, "9999999.0"}, {1e7, "1.0E7"}, {1.25e10, "1.25E10"}, {123456.789, "123456.789"},
		{-1.5e300, "-1.5E300"}, {math.NaN(), "NaN"}, {math.Inf(-1), "-Infinity"},
	} {
		got := string(AppendFloat(nil, c.f, 64))
		if got != c.want {
			t.Errorf("%v: %s, want %s", c.f, got, c.want)
		}
		if back, err := ParseFloat([]byte(got), 64); err != nil || back != c.f && c.f == c.f {
			t.Errorf("%s: %v %v", got, back, err)
		}
	}
	for _, s := range []string{"", "0x1p3", "inf", "1_000", "1d", "nan", "--1"} {
		if f, err := ParseFloat([]byte(s), 64); err == nil {
			t.Errorf("%q is %v", s, f)
		}
	}
}

// The short way to read a float gives what strconv does.
func FuzzParseFloat(f *testing.F) {
	for _, s := range []string{"0.1", "-0", "9007199254740993", "123456789.987654321", "16777217.5", "1e5", ".5", "5.", "-.0000001"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, bits := range []int{32, 64} {
			got, ok := exactFloat(b, bits)
			if !ok {
				continue
			}
			want, err := strconv.ParseFloat(string(b), bits)
			if err != nil || math.Float64bits(got) != math.Float64bits(want) {
				t.Fatalf("%q, %d bits: %v, want %v (%v)", b, bits, got, want, err)
			}
		}
	})
}

func TestParseFloatAgainstStrconv(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	for range 100_000 {
		b := strconv.AppendFloat(nil, r.NormFloat64()*math.Pow10(r.IntN(12)-4), 'f', r.IntN(9), 64)
		for _, bits := range []int{32, 64} {
			got, err := ParseFloat(b, bits)
			if want, _ := strconv.ParseFloat(string(b), bits); err != nil || got != want {
				t.Fatalf("%s, %d bits: %v %v, want %v", b, bits, got, err, want)
			}
		}
	}
}

func TestConvert(t *testing.T) {
	if v, ok := Convert(-1, Micro, Milli); !ok || v != -1 {
		t.Errorf("floor: %d", v)
	}
	if v, ok := Convert(5, Milli, Nano); !ok || v != 5e6 {
		t.Errorf("up: %d", v)
	}
	if _, ok := Convert(math.MaxInt64/10, Milli, Nano); ok {
		t.Error("overflow not seen")
	}
	if v := Truncate(-1, TTimestamp(0)); v != -1000 {
		t.Errorf("truncate: %d", v)
	}
	if v := Truncate(1999, TTimestamp(3)); v != 1999 {
		t.Errorf("truncate: %d", v)
	}
}

// Any timestamp is read back from its text.
func TestTimestampRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 100_000 {
		typ := TTimestamp(r.IntN(10))
		lo, hi := int64(MinDate)*secPerDay, (int64(MaxDate)+1)*secPerDay
		v := (lo + r.Int64N(hi-lo)) * typ.Unit().PerSecond()
		if typ.Unit() == Nano {
			v = r.Int64() - math.MaxInt64/2
		}
		v = Truncate(v+r.Int64N(typ.Unit().PerSecond()), typ)
		text := AppendTimestamp(nil, v, typ)
		p := TimestampParser{Unit: typ.Unit()}
		for range 2 {
			if back, err := p.Parse(text); err != nil || back != v {
				t.Fatalf("%d is %s, parsed %d (%v)", v, text, back, err)
			}
		}
		if back, err := ParseTimestamp(text, typ.Unit()); err != nil || back != v {
			t.Fatalf("%d is %s is %d (%v)", v, text, back, err)
		}
	}
}

func FuzzParseTimestamp(f *testing.F) {
	f.Add([]byte("2026-01-02 03:04:05.678"))
	f.Add([]byte("2026-01-02T03:04:05Z"))
	p := TimestampParser{}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := ParseTimestamp(b, Milli)
		if fast, fastErr := p.Parse(b); fast != v || fastErr != err {
			t.Fatalf("%q: %d %v, the parser says %d %v", b, v, err, fast, fastErr)
		}
		if err != nil {
			return
		}
		text := AppendTimestamp(nil, v, TTimestamp(3))
		if back, err := ParseTimestamp(text, Milli); err != nil || back != v {
			t.Fatalf("%q is %s is %d (%v)", b, text, back, err)
		}
	})
}

func TestTextAllocs(t *testing.T) {
	in, buf := []byte("2026-01-02 03:04:05.678"), make([]byte, 0, 64)
	num := []byte("12345.678")
	if n := testing.AllocsPerRun(100, func() {
		v, _ := ParseTimestamp(in, Milli)
		buf = AppendTimestamp(buf[:0], v, TTimestamp(3))
		f, _ := ParseFloat(num, 64)
		buf = AppendFloat(buf[:0], f*1e9, 64)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkParseTimestamp(b *testing.B) {
	in := []byte("2026-01-02 03:04:05.678")
	for b.Loop() {
		ParseTimestamp(in, Milli)
	}
}
