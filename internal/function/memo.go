package function

import (
	"regexp"

	"github.com/millrace/millrace/internal/vec"
)

// memo remembers where a regular expression matched in a text. Columns on which one is
// used, such as URLs and log lines of a kind, have few values that come again and
// again, and a match costs fifty times as much as finding the text here.
//
// It is a table of fixed size in which a text has one place, and drives out the one
// that was there. Where texts do not come again, looking is given up for a while.
type memo struct {
	re     *regexp.Regexp
	group  int64
	places []memoPlace
	asked  int // in this round, while it is looked at all
	found  int
	rest   int // so many more are not looked for
}

type memoPlace struct {
	text     []byte
	from, to int32
}

const (
	memoPlaces = 1 << 14
	// memoText is the longest text that is remembered: at most 4 MiB are kept.
	memoText = 256
	// Of memoRound texts a quarter must be found, or the next memoRest are not looked
	// for.
	memoRound = 1 << 15
	memoRest  = 1 << 19
)

// find gives the place of the match, as match does.
func (m *memo) find(re *regexp.Regexp, group int64, text []byte, match func() (from, to int)) (from, to int) {
	if m.rest > 0 || len(text) > memoText {
		m.rest = max(0, m.rest-1)
		return match()
	}
	if m.re != re || m.group != group {
		*m = memo{re: re, group: group, places: make([]memoPlace, memoPlaces)}
	}
	if m.asked++; m.asked == memoRound {
		if m.found < memoRound/4 {
			m.rest = memoRest
		}
		m.asked, m.found = 0, 0
	}
	p := &m.places[vec.HashBytes(text)&(memoPlaces-1)]
	if p.text != nil && string(p.text) == string(text) {
		m.found++
		return int(p.from), int(p.to)
	}
	from, to = match()
	p.text = append(p.text[:0], text...)
	if p.text == nil {
		p.text = []byte{}
	}
	p.from, p.to = int32(from), int32(to)
	return from, to
}
