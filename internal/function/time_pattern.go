package function

import (
	"fmt"
	"strings"
)

// pattern is a compiled date pattern of Java. Two classes of Java read patterns,
// and Flink uses both: DateTimeFormatter for DATE_FORMAT of a timestamp and
// TO_TIMESTAMP, SimpleDateFormat (simple) for the functions on text and on Unix
// time. They differ in S, which is a fraction in the one and a number of
// milliseconds in the other, in u, and in how exactly digits are counted.
type pattern struct {
	fields []patternField
	simple bool
}

type patternField struct {
	letter byte // 0: text
	count  int
	text   string
}

// moment is a local time taken apart.
type moment struct {
	days   int32
	nanos  int64 // of the day
	offset int64 // seconds east of UTC
	zone   string
}

const patternLetters = "GyuMLdDEeaHkKhmsSnNAzZXxQqwWF"

// compilePattern splits a pattern at its letters.
func compilePattern(text string, simple bool) (*pattern, error) {
	p := &pattern{simple: simple}
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '\'':
			lit, n, ok := quoted(text[i:])
			if !ok {
				return nil, fmt.Errorf("the date pattern '%s' has an open quote", text)
			}
			p.literal(lit)
			i += n
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			n := 1
			for i+n < len(text) && text[i+n] == c {
				n++
			}
			if strings.IndexByte(patternLetters, c) < 0 || strings.IndexByte("wWFA", c) >= 0 {
				return nil, fmt.Errorf("the date pattern '%s' has the letter %c, which is not known here", text, c)
			}
			p.fields = append(p.fields, patternField{letter: c, count: n})
			i += n
		default:
			p.literal(string(c))
			i++
		}
	}
	return p, nil
}

func (p *pattern) literal(s string) {
	if n := len(p.fields); n > 0 && p.fields[n-1].letter == 0 {
		p.fields[n-1].text += s
		return
	}
	p.fields = append(p.fields, patternField{text: s})
}

// quoted reads a text in quotes at the start of s; two quotes are one.
func quoted(s string) (text string, n int, ok bool) {
	if strings.HasPrefix(s, "''") {
		return "'", 2, true
	}
	for i := 1; i < len(s); i++ {
		if s[i] != '\'' {
			text += string(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == '\'' {
			text += "'"
			i++
			continue
		}
		return text, i + 1, true
	}
	return "", 0, false
}

// patterns compiles patterns when they change.
type patterns struct {
	simple bool
	text   string
	p      *pattern
}

func (c *patterns) get(text []byte) (*pattern, error) {
	if c.p != nil && c.text == string(text) {
		return c.p, nil
	}
	p, err := compilePattern(string(text), c.simple)
	if err == nil {
		c.text, c.p = string(text), p
	}
	return p, err
}
