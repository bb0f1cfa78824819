package types

import "encoding/binary"

// TimestampParser reads timestamps one after the other, as ParseTimestamp does. The
// usual form is read in words of eight bytes, and the day counted once for a run of
// timestamps of one date.
type TimestampParser struct {
	Unit Unit

	year uint64 // the bytes "2026-01-" of the last date
	day  uint64 // and "31"
	days int32
}

// The words of "2026-01-31 23:59:59.999": each xored with its form leaves the value
// of every digit, and nothing where the form has no digit.
const (
	formYear  = "0000-00-" // from byte 0
	formClock = "00 00:00" // from byte 8; the blank may be a T
	formRest  = "0:00.000" // from byte 15
)

var (
	wordYear  = binary.LittleEndian.Uint64([]byte(formYear))
	wordClock = binary.LittleEndian.Uint64([]byte(formClock))
	wordRest  = binary.LittleEndian.Uint64([]byte(formRest))
	maskYear  = digitMask(formYear)
	maskClock = digitMask(formClock)
	maskRest  = digitMask(formRest)
)

// digitMask has all bits of the bytes that are digits.
func digitMask(form string) uint64 {
	var m uint64
	for i := range len(form) {
		if form[i] == '0' {
			m |= 0xff << (8 * uint(i))
		}
	}
	return m
}

// areDigits says that the bytes in mask are 0 to 9 and the others 0.
func areDigits(w, mask uint64) bool {
	const sixes, highs = 0x7676767676767676, 0x8080808080808080
	return w&^mask == 0 && (w|(w+sixes))&highs == 0
}

// Parse reads a timestamp in the parser's unit.
func (p *TimestampParser) Parse(b []byte) (int64, error) {
	if len(b) == len(usualForm) {
		if v, ok := p.ParseUsual(b); ok {
			return v, nil
		}
	}
	return ParseTimestamp(b, p.Unit)
}

const usualForm = "2026-01-31 23:59:59.999"

// ParseUsual reads the first 23 bytes of b if they are a timestamp with all digits up
// to the millisecond, and a blank or a T between date and time; it is false for all
// other forms, for days that there are not, and for nanoseconds.
func (p *TimestampParser) ParseUsual(b []byte) (int64, bool) {
	b = b[:len(usualForm)]
	y := binary.LittleEndian.Uint64(b) ^ wordYear
	c := binary.LittleEndian.Uint64(b[8:]) ^ wordClock
	r := binary.LittleEndian.Uint64(b[15:]) ^ wordRest
	if b[10] == 'T' {
		c ^= ('T' ^ ' ') << 16
	}
	if !areDigits(y, maskYear) || !areDigits(c, maskClock) || !areDigits(r, maskRest) || p.Unit == Nano {
		return 0, false
	}
	if day := c & 0xffff; y != p.year || day != p.day || p.year == 0 {
		days, _, err := cutDate(b)
		if err != nil {
			return 0, false
		}
		p.year, p.day, p.days = y, day, days
	}
	hour, minute, second := pair(c>>24), pair(c>>48), pair(r>>16)
	if hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	ms := int64(r>>40&0xff*100 + r>>48&0xff*10 + r>>56)
	s := int64(p.days)*secPerDay + int64((hour*60+minute)*60+second)
	return (s*1000 + ms) * (p.Unit.PerSecond() / 1000), true
}

// pair is the number of two digits, the first in the lowest byte.
func pair(w uint64) uint64 { return w&0xff*10 + w>>8&0xff }
