package function

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/millrace/millrace/internal/types"
)

// parsed is what a text said; what it did not say is as in Flink's default:
// 1970-01-01 00:00:00.
type parsed struct {
	year, month, day, dayOfYear int
	hour, minute, second        int
	nanos                       int64
	hour12                      bool
	pm                          bool
	offset                      int64
	hasOffset                   bool
}

// parse reads a text. SimpleDateFormat lets fields overflow (month 13 is January
// of the next year) and does not mind what follows; DateTimeFormatter does.
func (p *pattern) parse(text []byte) (days int32, nanos int64, out parsed, ok bool) {
	out = parsed{year: 1970, month: 1, day: 1}
	for i := range p.fields {
		if text, ok = p.take(i, text, &out); !ok {
			return 0, 0, out, false
		}
	}
	if !p.simple && (len(text) > 0 || !out.valid()) {
		return 0, 0, out, false
	}
	if out.hour12 {
		out.hour %= 12
		if out.pm {
			out.hour += 12
		}
	}
	month := int64(out.year)*12 + int64(out.month-1)
	days = types.DaysFrom(int(floorDiv(month, 12)), int(floorMod(month, 12))+1, 1) + int32(out.day-1)
	if out.dayOfYear > 0 {
		days = types.DaysFrom(out.year, 1, 1) + int32(out.dayOfYear-1)
	}
	nanos = int64(out.hour*3600+out.minute*60+out.second)*1e9 + out.nanos
	whole := floorDiv(nanos, 86400e9)
	return days + int32(whole), nanos - whole*86400e9, out, true
}

func (d *parsed) valid() bool {
	return d.month >= 1 && d.month <= 12 && d.day >= 1 && d.day <= daysIn(d.year, d.month) && d.hour < 24 && d.minute < 60 && d.second < 60
}

// take reads field i from the text and returns the rest.
func (p *pattern) take(i int, text []byte, out *parsed) ([]byte, bool) {
	f := p.fields[i]
	switch f.letter {
	case 0:
		return bytes.CutPrefix(text, []byte(f.text))
	case 'M', 'L':
		if f.count >= 3 {
			return takeName(text, &out.month, 12, f.count == 3, p.simple, func(n int) string { return time.Month(n).String() })
		}
	case 'E', 'e':
		var day int
		return takeName(text, &day, 7, f.count <= 3, p.simple, func(n int) string { return time.Weekday(n % 7).String() })
	case 'G':
		return bytes.CutPrefix(text, []byte("AD"))
	case 'a':
		if len(text) < 2 {
			return nil, false
		}
		out.pm = text[0] == 'P' || text[0] == 'p'
		return text[2:], bytes.EqualFold(text[:2], []byte("AM")) || bytes.EqualFold(text[:2], []byte("PM"))
	case 'X', 'x', 'Z', 'z':
		return takeZone(text, out)
	}
	if p.simple {
		text = bytes.TrimLeft(text, " ")
	}
	n, digits, rest, ok := p.takeNumber(i, text)
	if ok {
		out.set(f, n, digits, p.simple)
	}
	return rest, ok
}

// takeNumber reads digits: exactly so many as the pattern says where another
// number follows at once, or where DateTimeFormatter wants it so.
func (p *pattern) takeNumber(i int, text []byte) (n, digits int, rest []byte, ok bool) {
	f := p.fields[i]
	least, most := 1, 19
	adjacent := i+1 < len(p.fields) && strings.IndexByte("yudDHkKhmsSnNMLQq", p.fields[i+1].letter) >= 0 && p.fields[i+1].letter != 0
	switch {
	case adjacent:
		least, most = f.count, f.count
	case p.simple:
	case f.letter == 'y' || f.letter == 'u':
		least = f.count
		if f.count == 2 {
			most = 2
		}
	case f.count > 1 || f.letter == 'S':
		least, most = f.count, f.count
	}
	for digits < len(text) && digits < most && text[digits] >= '0' && text[digits] <= '9' {
		if n < 1e17 {
			n = n*10 + int(text[digits]-'0')
		}
		digits++
	}
	return n, digits, text[digits:], digits >= least
}

// lastShortYear is the last year that SimpleDateFormat reads two digits as: 20
// years after now in Java, a fixed year here, so that a replay reads the same.
const lastShortYear = 2045

func (d *parsed) set(f patternField, n, digits int, simple bool) {
	switch f.letter {
	case 'y', 'u':
		d.year = n
		if f.count == 2 && digits == 2 {
			d.year = 2000 + n
			if simple && d.year > lastShortYear {
				d.year -= 100
			}
		}
	case 'M', 'L':
		d.month = n
	case 'd':
		d.day = n
	case 'D':
		d.dayOfYear = n
	case 'H', 'k':
		d.hour = n % 24
		if f.letter == 'H' {
			d.hour = n
		}
	case 'K', 'h':
		d.hour, d.hour12 = n, true
	case 'm':
		d.minute = n
	case 's':
		d.second = n
	case 'S':
		d.nanos = int64(n) * 1e6
		if !simple {
			d.nanos = int64(n)
			for ; digits < 9; digits++ {
				d.nanos *= 10
			}
		}
	case 'n':
		d.nanos = int64(n)
	}
}

func takeName(text []byte, out *int, n int, short, fold bool, name func(int) string) ([]byte, bool) {
	for i := 1; i <= n; i++ {
		for _, full := range []bool{true, false} {
			want := name(i)
			if !full {
				want = want[:3]
			}
			if full && short && !fold || !full && !short && !fold || len(text) < len(want) {
				continue
			}
			got := string(text[:len(want)])
			if got == want || fold && strings.EqualFold(got, want) {
				*out = i
				return text[len(want):], true
			}
		}
	}
	return nil, false
}

// takeZone reads Z, GMT, UTC, +08, +0800 or +08:00.
func takeZone(text []byte, out *parsed) ([]byte, bool) {
	out.hasOffset = true
	for _, name := range []string{"GMT", "UTC", "Z"} {
		if rest, ok := bytes.CutPrefix(text, []byte(name)); ok {
			if len(rest) == 0 || rest[0] != '+' && rest[0] != '-' {
				return rest, true
			}
			text = rest
			break
		}
	}
	if len(text) < 3 || text[0] != '+' && text[0] != '-' {
		return nil, false
	}
	hours, err := strconv.Atoi(string(text[1:3]))
	if err != nil {
		return nil, false
	}
	off := int64(hours) * 3600
	rest := bytes.TrimPrefix(text[3:], []byte(":"))
	if len(rest) >= 2 {
		if minutes, err := strconv.Atoi(string(rest[:2])); err == nil {
			off += int64(minutes) * 60
			rest = rest[2:]
		}
	}
	if text[0] == '-' {
		off = -off
	}
	out.offset = off
	return rest, true
}
