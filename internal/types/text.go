package types

import (
	"bytes"
	"errors"
	"math"
	"strconv"
)

// ErrRange says that a whole number does not fit its type.
var ErrRange = errors.New("the number is out of range")

// What a text that could not be read should have looked like.
var (
	errDate      = errors.New("a date is written as 2026-01-31")
	errDay       = errors.New("there is no such day")
	errTime      = errors.New("a time is written as 23:59:59.999")
	errTimestamp = errors.New("a timestamp is written as 2026-01-31 23:59:59.999")
	errYear      = errors.New("years go from 0001 to 9999")
	errNanoRange = errors.New("with more than 6 fractional digits timestamps go from 1677-09-21 to 2262-04-11")
	errInt       = errors.New("a whole number is written in digits")
	errYearMonth = errors.New("years and months are written as 1-02")
	errDayTime   = errors.New("days and time are written as 1 02:03:04.005")
	errBool      = errors.New("a boolean is written TRUE or FALSE")
)

// ParseDate reads a date such as 2026-01-31; month and day may have one digit.
func ParseDate(b []byte) (int32, error) {
	d, rest, err := cutDate(b)
	if err == nil && len(rest) > 0 {
		err = errDate
	}
	return d, err
}

// ParseTime reads a time of day such as 23:59, 23:59:59 or 23:59:59.999 as
// milliseconds; digits beyond these are cut off.
func ParseTime(b []byte) (int32, error) {
	sec, nano, rest, ok := cutTime(b)
	if !ok || len(rest) > 0 {
		return 0, errTime
	}
	return int32(sec*1000 + nano/1e6), nil
}

// ParseTimestamp reads a timestamp such as "2026-01-31 23:59:59.999", with a
// blank or a T between date and time, in unit u. The time, its seconds and their
// fraction may be missing, a Z may follow. Digits finer than the unit are cut off.
func ParseTimestamp(b []byte, u Unit) (int64, error) {
	days, rest, err := cutDate(b)
	if err != nil {
		if err == errDate {
			err = errTimestamp
		}
		return 0, err
	}
	var sec, nano int
	if len(rest) > 0 {
		if rest[0] != ' ' && rest[0] != 'T' {
			return 0, errTimestamp
		}
		var ok bool
		if sec, nano, rest, ok = cutTime(rest[1:]); !ok {
			return 0, errTimestamp
		}
		if len(rest) == 1 && rest[0] == 'Z' {
			rest = nil
		}
		if len(rest) > 0 {
			return 0, errTimestamp
		}
	}
	s := int64(days)*secPerDay + int64(sec)
	switch u {
	case Milli:
		return s*1e3 + int64(nano/1e6), nil
	case Micro:
		return s*1e6 + int64(nano/1e3), nil
	}
	if s < math.MinInt64/1_000_000_000+1 || s > math.MaxInt64/1_000_000_000-1 {
		return 0, errNanoRange
	}
	return s*1e9 + int64(nano), nil
}

// cutDate reads a date at the start of b.
func cutDate(b []byte) (days int32, rest []byte, err error) {
	var y, m, d int
	if len(b) >= 10 && b[4] == '-' && b[7] == '-' {
		var ok [3]bool
		y, ok[0] = fourDigits(b)
		m, ok[1] = twoDigits(b[5:])
		d, ok[2] = twoDigits(b[8:])
		if ok != [3]bool{true, true, true} {
			return 0, nil, errDate
		}
		rest = b[10:]
	} else {
		var ok bool
		if y, rest, ok = cutNumber(b, 4); !ok || len(rest) == 0 || rest[0] != '-' {
			return 0, nil, errDate
		}
		if m, rest, ok = cutNumber(rest[1:], 2); !ok || len(rest) == 0 || rest[0] != '-' {
			return 0, nil, errDate
		}
		if d, rest, ok = cutNumber(rest[1:], 2); !ok {
			return 0, nil, errDate
		}
	}
	switch {
	case y == 0:
		return 0, nil, errYear
	case m < 1 || m > 12 || d < 1 || d > DaysInMonth(y, m):
		return 0, nil, errDay
	}
	return DaysFrom(y, m, d), rest, nil
}

// cutTime reads a time of day at the start of b.
func cutTime(b []byte) (sec, nano int, rest []byte, ok bool) {
	var h, m, s int
	if h, rest, ok = cutNumber(b, 2); !ok || len(rest) == 0 || rest[0] != ':' {
		return 0, 0, nil, false
	}
	if m, rest, ok = cutNumber(rest[1:], 2); !ok {
		return 0, 0, nil, false
	}
	if len(rest) > 0 && rest[0] == ':' {
		if s, rest, ok = cutNumber(rest[1:], 2); !ok {
			return 0, 0, nil, false
		}
		if len(rest) > 0 && rest[0] == '.' {
			before := len(rest) - 1
			if nano, rest, ok = cutNumber(rest[1:], 9); !ok {
				return 0, 0, nil, false
			}
			for n := before - len(rest); n < 9; n++ {
				nano *= 10
			}
		}
	}
	return (h*60+m)*60 + s, nano, rest, h < 24 && m < 60 && s < 60
}

// cutNumber reads one to most digits at the start of b.
func cutNumber(b []byte, most int) (n int, rest []byte, ok bool) {
	i := 0
	for i < len(b) && i < most && b[i]-'0' <= 9 {
		n = n*10 + int(b[i]-'0')
		i++
	}
	return n, b[i:], i > 0
}

func twoDigits(b []byte) (int, bool) {
	return int(b[0]-'0')*10 + int(b[1]-'0'), b[0]-'0' <= 9 && b[1]-'0' <= 9
}

func fourDigits(b []byte) (int, bool) {
	h, ok1 := twoDigits(b)
	l, ok2 := twoDigits(b[2:])
	return h*100 + l, ok1 && ok2
}

// ParseInt reads a whole number, with or without a sign, that fits bits bits.
func ParseInt(b []byte, bits int) (int64, error) {
	neg, i := false, 0
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		neg = b[0] == '-'
		i = 1
	}
	if i == len(b) {
		return 0, errInt
	}
	var u uint64
	over := false
	for ; i < len(b); i++ {
		c := b[i] - '0'
		if c > 9 {
			return 0, errInt
		}
		over = over || u > math.MaxUint64/10-1
		u = u*10 + uint64(c)
	}
	limit := uint64(1) << (bits - 1)
	if !neg {
		limit--
	}
	if over || u > limit {
		return 0, ErrRange
	}
	if neg {
		return -int64(u), nil
	}
	return int64(u), nil
}

// ParseBool reads TRUE or FALSE in any case.
func ParseBool(b []byte) (bool, error) {
	switch {
	case bytes.EqualFold(b, []byte("true")):
		return true, nil
	case bytes.EqualFold(b, []byte("false")):
		return false, nil
	}
	return false, errBool
}

// AppendDate writes a date as 2026-01-31.
func AppendDate(dst []byte, days int32) []byte {
	y, m, d := CivilDate(days)
	dst = appendPadded(dst, y, 4)
	dst = append(dst, '-', byte('0'+m/10), byte('0'+m%10), '-', byte('0'+d/10), byte('0'+d%10))
	return dst
}

// AppendTime writes a time of day as 23:59:59, with precision fractional digits.
func AppendTime(dst []byte, ms int32, precision int) []byte {
	dst = appendClock(dst, int(ms/1000))
	return appendFraction(dst, int64(ms%1000)*1e6, precision)
}

// AppendTimestamp writes a timestamp as 2026-01-31 23:59:59.999, with as many
// fractional digits as t has.
func AppendTimestamp(dst []byte, v int64, t Type) []byte {
	dst, nano := AppendDateTime(dst, v, t.Unit(), ' ')
	return appendFraction(dst, nano, t.Precision)
}

// AppendDateTime writes a timestamp up to its seconds, with sep between date and
// time, and gives the nanoseconds that are left.
func AppendDateTime(dst []byte, v int64, u Unit, sep byte) ([]byte, int64) {
	per := u.PerSecond()
	sec := floorDiv(v, per)
	nano := (v - sec*per) * (1e9 / per)
	day := floorDiv(sec, secPerDay)
	dst = AppendDate(dst, int32(day))
	dst = append(dst, sep)
	return appendClock(dst, int(sec-day*secPerDay)), nano
}

func appendClock(dst []byte, sec int) []byte {
	h, m, s := sec/3600, sec/60%60, sec%60
	return append(dst, byte('0'+h/10), byte('0'+h%10), ':', byte('0'+m/10), byte('0'+m%10), ':', byte('0'+s/10), byte('0'+s%10))
}

// appendFraction writes a point and n digits of nano, or nothing if n is 0.
func appendFraction(dst []byte, nano int64, n int) []byte {
	if n <= 0 {
		return dst
	}
	dst = append(dst, '.')
	for f := int64(1e8); n > 0; n-- {
		dst = append(dst, byte('0'+nano/f%10))
		f = max(f/10, 1)
	}
	return dst
}

// AppendShortFraction writes a point and the digits of nano up to the last that
// is not 0, or nothing: how java.time writes by default.
func AppendShortFraction(dst []byte, nano int64) []byte {
	if nano == 0 {
		return dst
	}
	n := 9
	for f := nano; f%10 == 0; f /= 10 {
		n--
	}
	return appendFraction(dst, nano, n)
}

// appendPadded writes n with at least width digits.
func appendPadded(dst []byte, n, width int) []byte {
	if n < 0 {
		dst = append(dst, '-')
		n = -n
	}
	for limit := 10; width > 1; width-- {
		if n < limit {
			dst = append(dst, '0')
		}
		limit *= 10
	}
	return strconv.AppendInt(dst, int64(n), 10)
}

// AppendInterval writes an interval as +1-02 (years and months) or
// +1 02:03:04.005 (days and time).
func AppendInterval(dst []byte, v int64, t Type) []byte {
	sign, u := byte('+'), uint64(v)
	if v < 0 {
		sign, u = '-', -u
	}
	dst = append(dst, sign)
	if t.Root == IntervalYearMonth {
		dst = strconv.AppendUint(dst, u/12, 10)
		dst = append(dst, '-')
		return appendPadded(dst, int(u%12), 2)
	}
	dst = strconv.AppendUint(dst, u/msPerDay, 10)
	dst = append(dst, ' ')
	u %= msPerDay
	dst = appendClock(dst, int(u/1000))
	return appendFraction(dst, int64(u%1000)*1e6, 3)
}

// ParseInterval reads what AppendInterval writes; the sign may be missing.
func ParseInterval(b []byte, t Type) (int64, error) {
	sign := int64(1)
	if len(b) > 0 && (b[0] == '+' || b[0] == '-') {
		if b[0] == '-' {
			sign = -1
		}
		b = b[1:]
	}
	lead, rest, ok := cutNumber(b, 9)
	if t.Root == IntervalYearMonth {
		if !ok || len(rest) == 0 || rest[0] != '-' {
			return 0, errYearMonth
		}
		m, rest, ok := cutNumber(rest[1:], 2)
		if !ok || len(rest) > 0 || m > 11 {
			return 0, errYearMonth
		}
		return sign * (int64(lead)*12 + int64(m)), nil
	}
	if !ok || len(rest) == 0 || rest[0] != ' ' {
		return 0, errDayTime
	}
	sec, nano, rest, ok := cutTime(rest[1:])
	if !ok || len(rest) > 0 {
		return 0, errDayTime
	}
	return sign * (int64(lead)*msPerDay + int64(sec)*1000 + int64(nano/1e6)), nil
}
