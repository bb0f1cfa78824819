package function

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	register(
		matching("LIKE", "Whether a matches the pattern, in which % stands for any characters and _ for one. "+
			"There is no escape character unless ESCAPE names one.",
			[]Example{{"'flink' LIKE 'fl%'", "TRUE"}, {"'flink' LIKE '_ink'", "FALSE"}, {"'50%' LIKE '50#%' ESCAPE '#'", "TRUE"},
				{"'añb' LIKE 'a_b'", "TRUE"}, {"'a' LIKE CAST(NULL AS STRING)", "NULL"}}, likeMatcher),
		matching("SIMILAR TO", "Whether a matches the SQL regular expression: %, _, |, *, +, ?, {n,m}, (…) and […].",
			[]Example{{"'flink' SIMILAR TO '(fl|sp)_%'", "TRUE"}, {"'aab' SIMILAR TO 'a{2}b'", "TRUE"}, {"'a.b' SIMILAR TO 'a.c'", "FALSE"}}, similarMatcher),
	)
}

// matcher says whether a string matches a compiled pattern.
type matcher func(s []byte) bool

// matching makes a predicate of a function that compiles patterns: once where
// the pattern is constant, else whenever it differs from the row before.
func matching(name, doc string, examples []Example, compile func(pattern, escape string) (matcher, error)) *Scalar {
	fallible := func(c *call) (Kernel, error) {
		pattern, constant := c.text(1)
		escape, hasEscape := c.text(2)
		if !constant || len(c.args) == 3 && !hasEscape {
			return dynamicMatch(compile), nil
		}
		m, err := compile(pattern, escape)
		if err != nil {
			return nil, err
		}
		return func(_ *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
			v := args[0]
			if sel == nil {
				for r := range n {
					out.Bool[r] = m(v.Bytes(r))
				}
			}
			for _, r := range sel {
				out.Bool[r] = m(v.Bytes(int(r)))
			}
			return nil
		}, nil
	}
	return &Scalar{Name: name, Group: "comparison", Signature: "a " + name + " pattern [ESCAPE c]", Doc: doc, Examples: examples,
		Bind: overloads(name, overload{text: "(STRING, STRING [, STRING])", params: []param{pString, pString, pString}, opt: 1,
			fixed: types.TBool, fallible: fallible})}
}

func dynamicMatch(compile func(pattern, escape string) (matcher, error)) Kernel {
	var last struct {
		pattern, escape string
		m               matcher
	}
	return rowsOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, out *vec.Vector) error {
		var escape []byte
		if len(args) == 3 {
			escape = args[2].Bytes(r)
		}
		pattern := args[1].Bytes(r)
		if last.m == nil || last.pattern != string(pattern) || last.escape != string(escape) {
			m, err := compile(string(pattern), string(escape))
			if err != nil {
				return err
			}
			last.pattern, last.escape, last.m = string(pattern), string(escape), m
		}
		out.Bool[r] = last.m(args[0].Bytes(r))
		return nil
	})
}

// The parts of a LIKE pattern besides text.
const (
	likeAny = -1 // %
	likeOne = -2 // _
)

// likeTokens splits a pattern into characters, likeAny and likeOne.
func likeTokens(pattern, escape string) ([]rune, error) {
	esc := rune(likeAny)
	if escape != "" {
		var size int
		if esc, size = utf8.DecodeRuneInString(escape); size != len(escape) {
			return nil, fmt.Errorf("the escape '%s' is not one character", escape)
		}
	}
	var out []rune
	escaped := false
	for _, c := range pattern {
		switch {
		case escaped:
			if c != '%' && c != '_' && c != esc {
				return nil, fmt.Errorf("the pattern '%s' escapes '%c', which is not special", pattern, c)
			}
			out, escaped = append(out, c), false
		case c == esc:
			escaped = true
		case c == '%':
			out = append(out, likeAny)
		case c == '_':
			out = append(out, likeOne)
		default:
			out = append(out, c)
		}
	}
	if escaped {
		return nil, fmt.Errorf("the pattern '%s' ends in its escape character", pattern)
	}
	return out, nil
}

// likeMatcher compiles a LIKE pattern. Those without _ and with % only at the
// ends are searches for a text; the rest is a list of pieces between %, found
// one after the other, each at the first place possible.
func likeMatcher(pattern, escape string) (matcher, error) {
	tokens, err := likeTokens(pattern, escape)
	if err != nil {
		return nil, err
	}
	var pieces [][]rune
	from := 0
	for i, c := range tokens {
		if c == likeAny {
			pieces, from = append(pieces, tokens[from:i]), i+1
		}
	}
	pieces = append(pieces, tokens[from:])
	if m := plainLike(pieces); m != nil {
		return m, nil
	}
	return func(s []byte) bool { return likePieces(pieces, s) }, nil
}

func plainLike(pieces [][]rune) matcher {
	text := func(p []rune) []byte { return []byte(string(p)) }
	for _, p := range pieces {
		for _, c := range p {
			if c == likeOne {
				return nil
			}
		}
	}
	switch {
	case len(pieces) == 1:
		want := text(pieces[0])
		return func(s []byte) bool { return bytes.Equal(s, want) }
	case len(pieces) == 2:
		prefix, suffix := text(pieces[0]), text(pieces[1])
		return func(s []byte) bool {
			return len(s) >= len(prefix)+len(suffix) && bytes.HasPrefix(s, prefix) && bytes.HasSuffix(s, suffix)
		}
	case len(pieces) == 3 && len(pieces[0]) == 0 && len(pieces[2]) == 0:
		want := text(pieces[1])
		return func(s []byte) bool { return bytes.Contains(s, want) }
	}
	return nil
}

func likePieces(pieces [][]rune, s []byte) bool {
	n, ok := likeHere(pieces[0], s)
	if !ok {
		return false
	}
	if len(pieces) == 1 {
		return n == len(s)
	}
	s = s[n:]
	last := len(pieces) - 1
	for _, p := range pieces[1:last] {
		for {
			if n, ok = likeHere(p, s); ok {
				s = s[n:]
				break
			}
			if len(s) == 0 {
				return false
			}
			_, size := utf8.DecodeRune(s)
			s = s[size:]
		}
	}
	return likeEnd(pieces[last], s)
}

// likeHere matches a piece without % at the beginning of s and says how many
// bytes it took.
func likeHere(piece []rune, s []byte) (int, bool) {
	at := 0
	for _, c := range piece {
		if at == len(s) {
			return 0, false
		}
		r, size := utf8.DecodeRune(s[at:])
		if c != likeOne && c != r {
			return 0, false
		}
		at += size
	}
	return at, true
}

// likeEnd matches the last piece at the end of s.
func likeEnd(piece []rune, s []byte) bool {
	at := len(s)
	for range piece {
		if at == 0 {
			return false
		}
		_, size := utf8.DecodeLastRune(s[:at])
		at -= size
	}
	_, ok := likeHere(piece, s[at:])
	return ok
}

// similarMatcher turns a SQL regular expression into one of Go's.
func similarMatcher(pattern, escape string) (matcher, error) {
	esc := rune(-1)
	if escape != "" {
		esc, _ = utf8.DecodeRuneInString(escape)
	}
	var b strings.Builder
	b.WriteString(`(?s)\A(?:`)
	escaped, class := false, 0
	for _, c := range pattern {
		switch {
		case escaped:
			b.WriteString(regexp.QuoteMeta(string(c)))
			escaped = false
		case c == esc:
			escaped = true
		case c == '[':
			class++
			b.WriteRune(c)
		case c == ']':
			class--
			b.WriteRune(c)
		case class > 0:
			b.WriteRune(c)
		case c == '%':
			b.WriteString(".*")
		case c == '_':
			b.WriteByte('.')
		case strings.ContainsRune(`.\^$`, c):
			b.WriteString(regexp.QuoteMeta(string(c)))
		default:
			b.WriteRune(c)
		}
	}
	b.WriteString(`)\z`)
	re, err := regexp.Compile(b.String())
	if err != nil || escaped {
		return nil, fmt.Errorf("'%s' is not a SQL regular expression", pattern)
	}
	return re.Match, nil
}
