package parser

// kind is the kind of a token.
type kind uint8

const (
	tokEOF     kind = iota
	tokWord         // an unquoted identifier or keyword; val is its text, upper its upper case
	tokQuoted       // an identifier in back-ticks; val is its text
	tokString       // a character literal; val is decoded, but for U&'…', which may be followed by UESCAPE
	tokUnicode      // U&'…'; val still has its escapes
	tokBinary       // X'…'; val is the digits
	tokNumber       // val is the text
	tokOp           // an operator or punctuation mark; val is it
	tokError        // err says what is wrong; the last token but for tokEOF
)

// token is one lexical element.
type token struct {
	kind  kind
	val   string
	upper string // of tokWord
	pos   Pos
	end   int // offset behind the token
	err   *Error
}

// describe names the token in an error message.
func (t token) describe() string {
	switch t.kind {
	case tokEOF:
		return "the end of the text"
	case tokString, tokUnicode:
		return "the string '" + shorten(t.val) + "'"
	case tokBinary:
		return "the binary literal X'" + shorten(t.val) + "'"
	case tokQuoted:
		return "`" + shorten(t.val) + "`"
	default:
		return "'" + shorten(t.val) + "'"
	}
}

// shorten keeps an error message on one line of bearable length.
func shorten(s string) string {
	const limit = 40
	out := make([]rune, 0, limit)
	for _, r := range s {
		if len(out) == limit {
			return string(out) + "…"
		}
		if r == '\n' || r == '\r' || r == '\t' {
			r = ' '
		}
		out = append(out, r)
	}
	return string(out)
}
