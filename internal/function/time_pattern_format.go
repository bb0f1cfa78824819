package function

import (
	"strconv"
	"time"

	"github.com/millrace/millrace/internal/types"
)

// format appends a moment.
func (p *pattern) format(dst []byte, m *moment) []byte {
	y, mo, d := types.CivilDate(m.days)
	sec := m.nanos / 1e9
	for _, f := range p.fields {
		switch f.letter {
		case 0:
			dst = append(dst, f.text...)
		case 'y', 'u':
			dst = p.formatYear(dst, f, y, m.days)
		case 'M', 'L':
			dst = formatName(dst, f.count, mo, time.Month(mo).String())
		case 'd':
			dst = padded(dst, int64(d), f.count)
		case 'D':
			dst = padded(dst, dayOfYear(m.days), f.count)
		case 'E', 'e':
			dst = formatName(dst, max(f.count, 3), 0, time.Weekday(floorMod(int64(m.days)+4, 7)).String())
		case 'a':
			dst = append(dst, [...]string{"AM", "PM"}[sec/43200]...)
		case 'H':
			dst = padded(dst, sec/3600, f.count)
		case 'k':
			dst = padded(dst, (sec/3600+23)%24+1, f.count)
		case 'K':
			dst = padded(dst, sec/3600%12, f.count)
		case 'h':
			dst = padded(dst, (sec/3600+11)%12+1, f.count)
		case 'm':
			dst = padded(dst, sec/60%60, f.count)
		case 's':
			dst = padded(dst, sec%60, f.count)
		case 'S':
			dst = p.formatFraction(dst, f.count, m.nanos%1e9)
		case 'n':
			dst = padded(dst, m.nanos%1e9, f.count)
		case 'N':
			dst = padded(dst, m.nanos, f.count)
		case 'Q', 'q':
			dst = padded(dst, int64(mo+2)/3, f.count)
		case 'G':
			dst = append(dst, "AD"...)
		default:
			dst = formatZone(dst, f, m)
		}
	}
	return dst
}

func (p *pattern) formatYear(dst []byte, f patternField, y int, days int32) []byte {
	switch {
	case p.simple && f.letter == 'u':
		return padded(dst, floorMod(int64(days)+3, 7)+1, f.count)
	case f.count == 2:
		return padded(dst, int64(y%100), 2)
	}
	return padded(dst, int64(y), f.count)
}

func (p *pattern) formatFraction(dst []byte, count int, nanos int64) []byte {
	if p.simple {
		return padded(dst, nanos/1e6, count)
	}
	digits := padded(nil, nanos, 9)
	for len(digits) < count {
		digits = append(digits, '0')
	}
	return append(dst, digits[:count]...)
}

// formatName writes a month or a weekday as a number, short, or in full.
func formatName(dst []byte, count, number int, name string) []byte {
	switch {
	case count < 3:
		return padded(dst, int64(number), count)
	case count == 3:
		return append(dst, name[:3]...)
	}
	return append(dst, name...)
}

func formatZone(dst []byte, f patternField, m *moment) []byte {
	switch {
	case f.letter == 'z':
		return append(dst, m.zone...)
	case m.offset == 0 && f.letter == 'X':
		return append(dst, 'Z')
	}
	sign, off := byte('+'), m.offset
	if off < 0 {
		sign, off = '-', -off
	}
	dst = padded(append(dst, sign), off/3600, 2)
	if f.letter != 'Z' && f.count == 1 && off%3600 == 0 {
		return dst
	}
	if f.letter != 'Z' && f.count == 3 {
		dst = append(dst, ':')
	}
	return padded(dst, off/60%60, 2)
}

func padded(dst []byte, n int64, width int) []byte {
	if n < 0 {
		dst, n = append(dst, '-'), -n
	}
	var buf [20]byte
	digits := strconv.AppendInt(buf[:0], n, 10)
	for i := len(digits); i < width; i++ {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}
