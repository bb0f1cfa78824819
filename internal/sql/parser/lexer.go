package parser

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// lexer cuts a text into tokens. It goes on to the end or to the first error, which becomes a token itself: the
// statements in front of it can still be parsed.
type lexer struct {
	src    string
	pos    Pos
	inHint bool // behind /*+ and in front of its */
	toks   []token
}

// lex returns the tokens of a text. The last one is tokEOF.
func lex(src string) []token {
	l := &lexer{src: src, pos: Pos{Line: 1, Col: 1}}
	l.toks = make([]token, 0, len(src)/5+2)
	for {
		if err := l.skipBlanks(); err != nil {
			l.fail(err)
			break
		}
		if l.pos.Offset >= len(src) {
			break
		}
		if err := l.next(); err != nil {
			l.fail(err)
			break
		}
	}
	l.toks = append(l.toks, token{kind: tokEOF, pos: l.pos, end: l.pos.Offset})
	return l.toks
}

func (l *lexer) fail(err *Error) {
	l.toks = append(l.toks, token{kind: tokError, pos: err.Pos, end: len(l.src), err: err})
}

// advance moves over n bytes, which must end between two runes, and keeps line and column.
func (l *lexer) advance(n int) {
	end := l.pos.Offset + n
	for l.pos.Offset < end {
		c := l.src[l.pos.Offset]
		if c == '\n' {
			l.pos.Line++
			l.pos.Col = 1
			l.pos.Offset++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			_, size = utf8.DecodeRuneInString(l.src[l.pos.Offset:])
		}
		l.pos.Offset += size
		l.pos.Col++
	}
}

func (l *lexer) rest() string { return l.src[l.pos.Offset:] }

// skipBlanks moves over white space and comments. A hint is not a comment.
func (l *lexer) skipBlanks() *Error {
	for {
		rest := l.rest()
		switch {
		case rest == "":
			return nil
		case strings.HasPrefix(rest, "--"):
			n := strings.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest)
			}
			l.advance(n)
		case strings.HasPrefix(rest, "/*+"):
			return nil
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest[2:], "*/")
			if n < 0 {
				return &Error{Pos: l.pos, Msg: "this comment has no closing */"}
			}
			l.advance(n + 4)
		default:
			r, size := utf8.DecodeRuneInString(rest)
			if !unicode.IsSpace(r) && r != '\ufeff' {
				return nil
			}
			l.advance(size)
		}
	}
}

// next reads one token, which starts at the current position.
func (l *lexer) next() *Error {
	rest := l.rest()
	c := rest[0]
	switch {
	case c == '\'':
		return l.quoted(tokString, 0)
	case c == '`':
		return l.backTicked()
	case c >= '0' && c <= '9' || c == '.' && len(rest) > 1 && isDigit(rest[1]) && !l.afterName():
		return l.number()
	case c == '"':
		return &Error{Pos: l.pos, Msg: "double quotes have no meaning in Flink SQL",
			Hint: "names stand in `back-ticks`, strings in 'single quotes'"}
	}
	if prefix := stringPrefix(rest); prefix > 0 {
		return l.prefixed(prefix)
	}
	if n := wordLen(rest); n > 0 {
		word := rest[:n]
		l.emit(token{kind: tokWord, val: word, upper: strings.ToUpper(word)}, n)
		return nil
	}
	return l.operator()
}

func (l *lexer) emit(t token, n int) {
	t.pos = l.pos
	l.advance(n)
	t.end = l.pos.Offset
	l.toks = append(l.toks, t)
}

// afterName tells that a point is an access to a field and not the start of a number, as in a.1, which is an error that
// is better reported at the 1.
func (l *lexer) afterName() bool {
	if len(l.toks) == 0 {
		return false
	}
	last := l.toks[len(l.toks)-1]
	return last.end == l.pos.Offset && (last.kind == tokWord || last.kind == tokQuoted || last.val == "]" || last.val == ")")
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// wordLen returns the length of the identifier at the start of s, or 0. As in Calcite, $ is a letter, but alone it is
// the end of a row pattern.
func wordLen(s string) int {
	n := 0
	for n < len(s) {
		r, size := utf8.DecodeRuneInString(s[n:])
		letter := r == '_' || r == '$' || unicode.IsLetter(r)
		if !letter && (n == 0 || !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r)) {
			break
		}
		n += size
	}
	if n == 1 && s[0] == '$' {
		return 0
	}
	return n
}

// stringPrefix returns the length of what stands before the quote of E'…', U&'…', X'…', N'…' and _utf8'…', or 0.
func stringPrefix(s string) int {
	if len(s) > 1 && s[1] == '\'' && strings.IndexByte("eExXnN", s[0]) >= 0 {
		return 1
	}
	if len(s) > 2 && s[1] == '&' && s[2] == '\'' && (s[0] == 'u' || s[0] == 'U') {
		return 2
	}
	if s[0] == '_' {
		if n := wordLen(s); n < len(s) && s[n] == '\'' {
			return n
		}
	}
	return 0
}

func (l *lexer) prefixed(prefix int) *Error {
	switch c := l.rest()[0]; c {
	case 'e', 'E':
		return l.cStyle()
	case 'x', 'X':
		return l.quoted(tokBinary, prefix)
	case 'u', 'U':
		return l.quoted(tokUnicode, prefix)
	case '_':
		if name := strings.ToUpper(l.rest()[1:prefix]); name != "UTF8" && name != "UTF16" && name != "LATIN1" {
			return &Error{Pos: l.pos, Msg: fmt.Sprintf("unknown character set '%s'", shorten(name)), Hint: "strings are Unicode and need none"}
		}
	}
	return l.quoted(tokString, prefix)
}

// quoted reads '…' behind a prefix, in which a doubled quote is a quote.
func (l *lexer) quoted(k kind, prefix int) *Error {
	val, n := unquote(l.rest()[prefix:], '\'')
	if n == 0 {
		return &Error{Pos: l.pos, Msg: "this string has no closing quote"}
	}
	if k == tokBinary {
		if bad := strings.Trim(val, "0123456789abcdefABCDEF"); bad != "" {
			return &Error{Pos: l.pos, Msg: "a binary literal consists of hexadecimal digits, found '" + shorten(bad) + "'"}
		}
		if len(val)%2 != 0 {
			return &Error{Pos: l.pos, Msg: "a binary literal has an even number of hexadecimal digits"}
		}
	}
	l.emit(token{kind: k, val: val}, prefix+n)
	return nil
}

func (l *lexer) backTicked() *Error {
	val, n := unquote(l.rest(), '`')
	if n == 0 {
		return &Error{Pos: l.pos, Msg: "this name has no closing back-tick"}
	}
	if val == "" {
		return &Error{Pos: l.pos, Msg: "a name cannot be empty"}
	}
	l.emit(token{kind: tokQuoted, val: val}, n)
	return nil
}

// unquote decodes the quoted text at the start of s and returns the length of its source, 0 when it has no end.
func unquote(s string, quote byte) (val string, n int) {
	end := strings.IndexByte(s[1:], quote)
	if end < 0 {
		return "", 0
	}
	end++
	if end+1 >= len(s) || s[end+1] != quote {
		return s[1:end], end + 1
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] == quote {
			if i+1 >= len(s) || s[i+1] != quote {
				return b.String(), i + 1
			}
			i++
		}
		b.WriteByte(s[i])
	}
	return "", 0
}

// cStyle reads E'…' with C's escapes.
func (l *lexer) cStyle() *Error {
	s := l.rest()
	var b strings.Builder
	for i := 2; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\'' && i+1 < len(s) && s[i+1] == '\'':
			b.WriteByte('\'')
			i++
		case c == '\'':
			l.emit(token{kind: tokString, val: b.String()}, i+1)
			return nil
		case c == '\\' && i+1 < len(s):
			n, ok := cEscape(&b, s[i+1:])
			if !ok {
				at := *l
				at.advance(i)
				return &Error{Pos: at.pos, Msg: "malformed escape in an E'' string", Hint: `use \b \f \n \r \t \\ \', \ooo, \xhh, \uhhhh or \Uhhhhhhhh`}
			}
			i += n
		default:
			b.WriteByte(c)
		}
	}
	return &Error{Pos: l.pos, Msg: "this string has no closing quote"}
}

// cEscape decodes what follows a backslash and returns its length.
func cEscape(b *strings.Builder, s string) (n int, ok bool) {
	if i := strings.IndexByte("bfnrt", s[0]); i >= 0 {
		b.WriteByte("\b\f\n\r\t"[i])
		return 1, true
	}
	digits, base := 0, 16
	switch s[0] {
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	case 'x':
		return hexEscape(b, s)
	case '0', '1', '2', '3', '4', '5', '6', '7':
		n := 1
		for n < 3 && n < len(s) && s[n] >= '0' && s[n] <= '7' {
			n++
		}
		v, _ := strconv.ParseUint(s[:n], 8, 32)
		b.WriteRune(rune(v))
		return n, true
	default:
		_, size := utf8.DecodeRuneInString(s)
		b.WriteString(s[:size])
		return size, true
	}
	if len(s) < 1+digits {
		return 0, false
	}
	v, err := strconv.ParseUint(s[1:1+digits], base, 32)
	if err != nil || v > unicode.MaxRune {
		return 0, false
	}
	b.WriteRune(rune(v))
	return 1 + digits, true
}

func hexEscape(b *strings.Builder, s string) (n int, ok bool) {
	n = 1
	for n < 3 && n < len(s) && strings.IndexByte("0123456789abcdefABCDEF", s[n]) >= 0 {
		n++
	}
	v, err := strconv.ParseUint(s[1:n], 16, 32)
	if err != nil {
		return 0, false
	}
	b.WriteRune(rune(v))
	return n, true
}

func (l *lexer) number() *Error {
	s := l.rest()
	n := digitsLen(s)
	if n < len(s) && s[n] == '.' {
		n++
		n += digitsLen(s[n:])
	}
	if n < len(s) && (s[n] == 'e' || s[n] == 'E') {
		m := n + 1
		if m < len(s) && (s[m] == '+' || s[m] == '-') {
			m++
		}
		if d := digitsLen(s[m:]); d > 0 {
			n = m + d
		}
	}
	if w := wordLen(s[n:]); w > 0 {
		return &Error{Pos: l.pos, Msg: fmt.Sprintf("a number ends where '%s' begins: put a blank between, or the name in back-ticks", shorten(s[n:n+w]))}
	}
	l.emit(token{kind: tokNumber, val: s[:n]}, n)
	return nil
}

func digitsLen(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// operators lists the marks of more than one character, longer ones first.
var operators = []string{"/*+", "<>", "<=", ">=", "!=", "||", "=>", "{-", "-}"}

func (l *lexer) operator() *Error {
	rest := l.rest()
	if l.inHint && strings.HasPrefix(rest, "*/") {
		l.inHint = false
		l.emit(token{kind: tokOp, val: "*/"}, 2)
		return nil
	}
	for _, op := range operators {
		if strings.HasPrefix(rest, op) {
			if op == "/*+" {
				l.inHint = true
			}
			l.emit(token{kind: tokOp, val: op}, len(op))
			return nil
		}
	}
	if strings.IndexByte("()[]{},;.=<>+-*/%:?^|$", rest[0]) >= 0 {
		l.emit(token{kind: tokOp, val: rest[:1]}, 1)
		return nil
	}
	r, size := utf8.DecodeRuneInString(rest)
	if r == utf8.RuneError && size == 1 {
		return &Error{Pos: l.pos, Msg: fmt.Sprintf("byte 0x%02x is not UTF-8", rest[0])}
	}
	return &Error{Pos: l.pos, Msg: fmt.Sprintf("unexpected character %q", r)}
}
