package format

import (
	"fmt"

	"github.com/millrace/millrace/internal/types"
)

// maxText is how much of a text that could not be read an error shows.
const maxText = 60

// ParseError says what could not be read as what. The connector adds where:
//
//	flights.csv, line 5, column dep_delay: 'abc' is not an INT
type ParseError struct {
	Column string // the path of the column, empty if it is the whole record
	Text   string // the offending text, cut at 60 bytes
	Want   string // the type or the thing that was wanted: "INT", "JSON object"
	Reason string // what is wrong with it, empty if Want says all
}

// NewParseError makes a ParseError of a text, which it copies.
func NewParseError(column string, text []byte, want, reason string) *ParseError {
	return &ParseError{Column: column, Text: clip(text), Want: want, Reason: reason}
}

// clip is at most maxText bytes of b, cut between two characters.
func clip(b []byte) string {
	if len(b) <= maxText {
		return string(b)
	}
	n := maxText
	for n > 0 && b[n]&0xc0 == 0x80 {
		n--
	}
	return string(b[:n]) + "…"
}

func (e *ParseError) Error() string {
	s := fmt.Sprintf("'%s' is not %s", e.Text, article(e.Want))
	if e.Column != "" {
		s = "column " + e.Column + ": " + s
	}
	if e.Reason != "" {
		s += " (" + e.Reason + ")"
	}
	return s
}

func article(noun string) string {
	if noun == "JSON" {
		return noun
	}
	if noun != "" {
		switch noun[0] {
		case 'A', 'E', 'I', 'O', 'a', 'e', 'i', 'o':
			return "an " + noun
		}
	}
	return "a " + noun
}

// Reason is what a ParseError adds to "is not an INT": nothing if that says all.
func Reason(t types.Type, err error) string {
	if err == nil || t.IsNumeric() && err != types.ErrRange && err != types.ErrOverflow {
		return ""
	}
	return err.Error()
}
