package function

import (
	"bytes"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	concat := func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
		for _, a := range args {
			dst = append(dst, a.Bytes(r)...)
		}
		return dst, nil
	}
	register(
		stringFn("||", "a || b", "The strings put together; NULL if one is NULL. Other values become strings first.",
			[]Example{{"'a' || 'b'", "ab"}, {"'n' || 1", "n1"}, {"'a' || CAST(NULL AS STRING)", "NULL"}},
			overload{text: "(STRING, STRING)", params: []param{pText, pText}, result: concatType,
				kernel: func(*call) Kernel { return textOf(concat) }}),
		stringFn("CONCAT", "CONCAT(a, …)", "The strings put together; NULL if one is NULL.",
			[]Example{{"CONCAT('AA', 'BB', 'CC')", "AABBCC"}, {"CONCAT('a', CAST(NULL AS STRING))", "NULL"}},
			overload{text: "(STRING, …)", params: []param{pText}, rest: pText, fixed: types.TString,
				kernel: func(*call) Kernel { return textOf(concat) }}),
		stringFn("CONCAT_WS", "CONCAT_WS(separator, a, …)", "The strings with the separator between them. NULLs are left out; NULL if the separator is NULL.",
			[]Example{{"CONCAT_WS('~', 'AA', CAST(NULL AS STRING), 'BB', '', 'CC')", "AA~BB~~CC"}, {"CONCAT_WS(CAST(NULL AS STRING), 'a')", "NULL"}},
			overload{text: "(STRING, STRING, …)", params: []param{pText, pText}, rest: pText, nullCall: true,
				result: func(c *call) (types.Type, error) { return types.TString.WithNull(!c.args[0].NotNull), nil },
				kernel: func(*call) Kernel { return textOf(concatWS) }}),
		stringFn("REPEAT", "REPEAT(a, n)", "a, n times.", []Example{{"REPEAT('ab', 3)", "ababab"}, {"REPEAT('ab', -1)", ""}},
			giveText("(STRING, INT)", 0, repeat, pText, pLong)),
		stringFn("REVERSE", "REVERSE(a)", "The characters from last to first.", []Example{{"REVERSE('añ')", "ña"}},
			giveText("(STRING)", 0, func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
				return appendReversed(dst, args[0].Bytes(r)), nil
			}, pString)),
		stringFn("LPAD", "LPAD(a, n, pad)", "a, filled on the left with pad to n characters, or cut to them.",
			[]Example{{"LPAD('hi', 4, '??')", "??hi"}, {"LPAD('hi', 1, '?')", "h"}, {"LPAD('hi', 5, 'ab')", "abahi"}, {"LPAD('hi', -1, '?')", "NULL"}},
			nullable(giveText("(STRING, INT, STRING)", 0, pad(true), pString, pLong, pString))),
		stringFn("RPAD", "RPAD(a, n, pad)", "a, filled on the right with pad to n characters, or cut to them.",
			[]Example{{"RPAD('hi', 4, '??')", "hi??"}, {"RPAD('hi', 1, '?')", "h"}, {"RPAD('hi', 3, '')", "NULL"}},
			nullable(giveText("(STRING, INT, STRING)", 0, pad(false), pString, pLong, pString))),
	)
}

// nullable is an overload that may give NULL for arguments that are not.
func nullable(o overload) overload {
	o.maybeNull = true
	return o
}

func concatType(c *call) (types.Type, error) {
	n := c.args[0].Precision + c.args[1].Precision
	return types.Type{Root: types.Varchar, Precision: min(n, types.MaxLength)}, nil
}

func concatWS(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, out *vec.Vector) ([]byte, error) {
	if args[0].IsNull(r) {
		out.SetNull(r)
		return dst, nil
	}
	sep, any := args[0].Bytes(r), false
	for _, a := range args[1:] {
		if a.IsNull(r) {
			continue
		}
		if any {
			dst = append(dst, sep...)
		}
		dst, any = append(dst, a.Bytes(r)...), true
	}
	return dst, nil
}

func repeat(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
	s, n := args[0].Bytes(r), args[1].I64[r]
	if n <= 0 || len(s) == 0 {
		return dst, nil
	}
	if n > math.MaxInt32/int64(len(s)) {
		return dst, fmt.Errorf("REPEAT: the result is longer than 2 GB")
	}
	return append(dst, bytes.Repeat(s, int(n))...), nil
}

func appendReversed(dst, s []byte) []byte {
	for len(s) > 0 {
		_, size := utf8.DecodeLastRune(s)
		dst = append(dst, s[len(s)-size:]...)
		s = s[:len(s)-size]
	}
	return dst
}

func pad(left bool) textFunc {
	return func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, out *vec.Vector) ([]byte, error) {
		s, n, fill := args[0].Bytes(r), args[1].I64[r], args[2].Bytes(r)
		if n < 0 || len(fill) == 0 {
			out.SetNull(r)
			return dst, nil
		}
		if n > math.MaxInt32/4 {
			return dst, fmt.Errorf("a string of %d characters is too long", n)
		}
		s = s[:runeOffset(s, int(n))]
		if !left {
			dst = append(dst, s...)
		}
		for missing := int(n) - utf8.RuneCount(s); missing > 0; {
			part := fill[:runeOffset(fill, missing)]
			dst = append(dst, part...)
			missing -= utf8.RuneCount(part)
		}
		if left {
			dst = append(dst, s...)
		}
		return dst, nil
	}
}
