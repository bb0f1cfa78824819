package function

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	register(
		stringFn("UPPER", "UPPER(a)", "In capital letters.", []Example{{"UPPER('Abc ñ')", "ABC Ñ"}}, giveText("(STRING)", 0, casing(asciiUpper, bytes.ToUpper), pString)),
		stringFn("LOWER", "LOWER(a)", "In small letters.", []Example{{"LOWER('ABC Ñ')", "abc ñ"}}, giveText("(STRING)", 0, casing(asciiLower, bytes.ToLower), pString)),
		stringFn("INITCAP", "INITCAP(a)", "Each word with its first letter as a capital and the others small; a word is a run of letters and digits.",
			[]Example{{"INITCAP('hELLO wORLD-1a')", "Hello World-1a"}}, giveText("(STRING)", 0, initcap, pString)),
		stringFn("TRIM", "TRIM([BOTH | LEADING | TRAILING] [chars] FROM a)", "a without the given characters (blanks) at its ends.",
			[]Example{{"TRIM('  a b ')", "a b"}, {"TRIM(LEADING 'x' FROM 'xxaxx')", "axx"}, {"TRIM(TRAILING 'x' FROM 'xxaxx')", "xxa"}, {"TRIM(BOTH 'x' FROM 'xxaxx')", "a"}},
			giveText("(STRING)", 0, trim(true, true), pString),
			overload{text: "(side, STRING, STRING)", params: []param{pSymbol, pString, pString}, fixed: types.TString,
				kernel: func(c *call) Kernel { side, _ := c.text(0); return textOf(trimSide(side)) }}),
		stringFn("BTRIM", "BTRIM(a [, chars])", "a without the given characters (blanks) at both ends.", []Example{{"BTRIM('xyaxy', 'xy')", "a"}},
			giveText("(STRING [, STRING])", 1, trim(true, true), pString, pString)),
		stringFn("LTRIM", "LTRIM(a [, chars])", "a without the given characters (blanks) at its beginning.", []Example{{"LTRIM('  a ')", "a "}, {"LTRIM('xya', 'xy')", "a"}},
			giveText("(STRING [, STRING])", 1, trim(true, false), pString, pString)),
		stringFn("RTRIM", "RTRIM(a [, chars])", "a without the given characters (blanks) at its end.", []Example{{"RTRIM(' a  ')", " a"}},
			giveText("(STRING [, STRING])", 1, trim(false, true), pString, pString)),
	)
}

// casing changes bytes where the string is ASCII, which needs no memory.
func casing(ascii func(byte) byte, full func([]byte) []byte) textFunc {
	return func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
		s := args[0].Bytes(r)
		if !isASCII(s) {
			return append(dst, full(s)...), nil
		}
		for _, c := range s {
			dst = append(dst, ascii(c))
		}
		return dst, nil
	}
}

func asciiUpper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}

func asciiLower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c - 'A' + 'a'
	}
	return c
}

func initcap(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
	inside := false
	for s := args[0].Bytes(r); len(s) > 0; {
		c, size := utf8.DecodeRune(s)
		word := unicode.IsLetter(c) || unicode.IsDigit(c)
		switch {
		case word && !inside:
			dst = utf8.AppendRune(dst, unicode.ToUpper(c))
		case word:
			dst = utf8.AppendRune(dst, unicode.ToLower(c))
		default:
			dst = append(dst, s[:size]...)
		}
		inside, s = word, s[size:]
	}
	return dst, nil
}

func trim(left, right bool) textFunc {
	return func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
		chars := []byte{' '}
		if len(args) == 2 {
			chars = args[1].Bytes(r)
		}
		return append(dst, trimmed(args[0].Bytes(r), chars, left, right)...), nil
	}
}

func trimSide(side string) textFunc {
	left, right := side != "TRAILING", side != "LEADING"
	return func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
		return append(dst, trimmed(args[2].Bytes(r), args[1].Bytes(r), left, right)...), nil
	}
}

func trimmed(s, chars []byte, left, right bool) []byte {
	for left && len(s) > 0 {
		_, size := utf8.DecodeRune(s)
		if !bytes.Contains(chars, s[:size]) {
			break
		}
		s = s[size:]
	}
	for right && len(s) > 0 {
		_, size := utf8.DecodeLastRune(s)
		if !bytes.Contains(chars, s[len(s)-size:]) {
			break
		}
		s = s[:len(s)-size]
	}
	return s
}
