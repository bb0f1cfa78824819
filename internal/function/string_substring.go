package function

import (
	"unicode/utf8"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	register(
		&Scalar{Name: "SUBSTRING", Aliases: []string{"SUBSTR"}, Group: "string", Signature: "SUBSTRING(a FROM start [FOR n])",
			Doc:      "n characters from the start, which counts from 1, or from the end if it is negative; a start before the first character gives ''.",
			Examples: []Example{{"SUBSTRING('hello', 2, 3)", "ell"}, {"SUBSTRING('hello' FROM 2)", "ello"}, {"SUBSTR('hello', -3, 2)", "ll"}, {"SUBSTR('añb', 2, 1)", "ñ"}, {"SUBSTR('abc', 0, 2)", "ab"}},
			Bind: overloads("SUBSTRING",
				giveText("(STRING, INT [, INT])", 1, substring, pString, pLong, pLong))},
		stringFn("LEFT", "LEFT(a, n)", "The first n characters; '' if n is negative.", []Example{{"LEFT('hello', 2)", "he"}, {"LEFT('hello', -1)", ""}},
			giveText("(STRING, INT)", 0, func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
				return append(dst, charSlice(args[0].Bytes(r), 0, clampLen(args[1].I64[r]))...), nil
			}, pString, pLong)),
		stringFn("RIGHT", "RIGHT(a, n)", "The last n characters; '' if n is negative.", []Example{{"RIGHT('hello', 2)", "lo"}, {"RIGHT('hello', 9)", "hello"}},
			giveText("(STRING, INT)", 0, func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
				s := args[0].Bytes(r)
				return append(dst, s[runeOffset(s, utf8.RuneCount(s)-clampLen(args[1].I64[r])):]...), nil
			}, pString, pLong)),
		stringFn("OVERLAY", "OVERLAY(a PLACING b FROM start [FOR n])", "a with b in place of n characters (the length of b) from the start; a itself if the start is outside of it.",
			[]Example{{"OVERLAY('xxxxxtest' PLACING 'xxxx' FROM 6)", "xxxxxxxxx"}, {"OVERLAY('xxxxxtest' PLACING 'xxxx' FROM 6 FOR 2)", "xxxxxxxxxst"}},
			giveText("(STRING, STRING, INT [, INT])", 1, overlay, pString, pString, pLong, pLong)),
		&Scalar{Name: "CHAR_LENGTH", Aliases: []string{"CHARACTER_LENGTH"}, Group: "string", Signature: "CHAR_LENGTH(a)", Doc: "The number of characters.",
			Examples: []Example{{"CHAR_LENGTH('añ')", "2"}},
			Bind: overloads("CHAR_LENGTH",
				giveInt("(STRING)", 0, func(args []*vec.Vector, r int) int { return utf8.RuneCount(args[0].Bytes(r)) }, pString))},
	)
}

func clampLen(n int64) int { return int(max(0, min(n, types.MaxLength))) }

func substring(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
	s, pos := args[0].Bytes(r), args[1].I64[r]
	n := int64(types.MaxLength)
	if len(args) == 3 {
		n = args[2].I64[r]
	}
	start := max(0, pos-1)
	if pos < 0 {
		if start = int64(utf8.RuneCount(s)) + pos; start < 0 {
			return dst, nil
		}
	}
	return append(dst, charSlice(s, clampLen(start), clampLen(n))...), nil
}

func overlay(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
	s, b, start := args[0].Bytes(r), args[1].Bytes(r), args[2].I64[r]
	if start <= 0 || start > int64(utf8.RuneCount(s)) {
		return append(dst, s...), nil
	}
	n := int64(utf8.RuneCount(b))
	if len(args) == 4 {
		n = args[3].I64[r]
	}
	head := runeOffset(s, int(start-1))
	dst = append(append(dst, s[:head]...), b...)
	if n > 0 {
		rest := s[head:]
		dst = append(dst, rest[runeOffset(rest, clampLen(n)):]...)
	}
	return dst, nil
}
