package function

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	position := func(sub, s, from int) func(args []*vec.Vector, r int) int {
		return func(args []*vec.Vector, r int) int {
			start := 0
			if from < len(args) {
				start = clampLen(args[from].I64[r] - 1)
			}
			return find(args[s].Bytes(r), args[sub].Bytes(r), start) + 1
		}
	}
	register(
		stringFn("POSITION", "POSITION(a IN b)", "Where a first is in b; 0 if it is not.", []Example{{"POSITION('l' IN 'hello')", "3"}, {"POSITION('x' IN 'hello')", "0"}},
			giveInt("(STRING, STRING [, INT])", 1, position(0, 1, 2), pString, pString, pLong)),
		stringFn("LOCATE", "LOCATE(a, b [, from])", "Where a first is in b, at or after a position; 0 if it is not.",
			[]Example{{"LOCATE('l', 'hello')", "3"}, {"LOCATE('l', 'hello', 4)", "4"}},
			giveInt("(STRING, STRING [, INT])", 1, position(0, 1, 2), pString, pString, pLong)),
		stringFn("INSTR", "INSTR(a, b [, start [, nth]])", "Where b is in a for the nth time from the start; a negative start counts and searches from the end. 0 if it is not.",
			[]Example{{"INSTR('hello', 'l')", "3"}, {"INSTR('ababab', 'ab', 2, 2)", "5"}, {"INSTR('ababab', 'ab', -1, 2)", "3"}},
			overload{text: "(STRING, STRING [, INT [, INT]])", params: []param{pString, pString, pLong, pLong}, opt: 2, fixed: types.TInt,
				kernel: func(*call) Kernel { return rowsOf(instr) }}),
		stringFn("STARTSWITH", "STARTSWITH(a, b)", "Whether a begins with b.", []Example{{"STARTSWITH('hello', 'he')", "TRUE"}},
			giveBool("(STRING, STRING)", func(args []*vec.Vector, r int) bool { return bytes.HasPrefix(args[0].Bytes(r), args[1].Bytes(r)) }, pString, pString),
			giveBool("(BYTES, BYTES)", func(args []*vec.Vector, r int) bool { return bytes.HasPrefix(args[0].Bytes(r), args[1].Bytes(r)) }, pBytes, pBytes)),
		stringFn("ENDSWITH", "ENDSWITH(a, b)", "Whether a ends with b.", []Example{{"ENDSWITH('hello', 'lo')", "TRUE"}},
			giveBool("(STRING, STRING)", func(args []*vec.Vector, r int) bool { return bytes.HasSuffix(args[0].Bytes(r), args[1].Bytes(r)) }, pString, pString),
			giveBool("(BYTES, BYTES)", func(args []*vec.Vector, r int) bool { return bytes.HasSuffix(args[0].Bytes(r), args[1].Bytes(r)) }, pBytes, pBytes)),
		stringFn("REPLACE", "REPLACE(a, old, new)", "a with every old text replaced.", []Example{{"REPLACE('hello world', 'world', 'flink')", "hello flink"}, {"REPLACE('ababab', 'abab', 'z')", "zab"}},
			giveText("(STRING, STRING, STRING)", 0, replace, pString, pString, pString)),
		stringFn("TRANSLATE", "TRANSLATE(a, from, to)", "a with each character of from replaced by that at its place in to, or left out where to is shorter.",
			[]Example{{"TRANSLATE('www.apache.org', 'wapcheorg', ' APCHEcom')", "   .APACHE.com"}, {"TRANSLATE('abc', 'b', '')", "ac"}},
			giveText("(STRING, STRING, STRING)", 0, translate, pString, pString, pString)),
		stringFn("SPLIT_INDEX", "SPLIT_INDEX(a, separator, index)", "Part index, from 0, of a split at the separator, which may be the number of a character; NULL if there are not so many.",
			[]Example{{"SPLIT_INDEX('a/b/c', '/', 1)", "b"}, {"SPLIT_INDEX('a/b', '/', 5)", "NULL"}, {"SPLIT_INDEX('a,b', 44, 0)", "a"}, {"SPLIT_INDEX('a//b', '/', 1)", ""}},
			nullable(giveText("(STRING, STRING, INT)", 0, splitIndex, pString, pString, pLong)),
			nullable(giveText("(STRING, INT, INT)", 0, splitIndex, pString, pLong, pLong))),
		stringFn("ELT", "ELT(index, a, …)", "Argument number index, from 1; NULL if there are not so many.",
			[]Example{{"ELT(2, 'a', 'b')", "b"}, {"ELT(3, 'a', 'b')", "NULL"}, {"ELT(1, 'a', CAST(NULL AS STRING))", "a"}},
			overload{text: "(INT, STRING, …)", params: []param{pLong, pString}, rest: pString, fixed: types.TString, nullCall: true,
				kernel: func(*call) Kernel { return textOf(elt) }}),
	)
}

// find is charIndex, with an empty text found at the beginning, as in Flink.
func find(s, sub []byte, from int) int {
	if len(sub) == 0 {
		return 0
	}
	if from == 0 && isASCII(s) {
		return bytes.Index(s, sub)
	}
	return charIndex(s, sub, from)
}

func instr(_ *vec.EvalContext, args []*vec.Vector, r int, out *vec.Vector) error {
	s, sub := args[0].Bytes(r), args[1].Bytes(r)
	start, nth := int64(1), int64(1)
	if len(args) > 2 {
		start = args[2].I64[r]
	}
	if len(args) > 3 {
		nth = args[3].I64[r]
	}
	switch {
	case nth <= 0:
		return fmt.Errorf("INSTR: the occurrence %d is not positive", nth)
	case start > 0:
		out.I32[r] = int32(nthIndex(s, sub, clampLen(start-1), nth) + 1)
	case start < 0:
		i := nthIndex(appendReversed(nil, s), appendReversed(nil, sub), clampLen(-start-1), nth)
		if i >= 0 {
			out.I32[r] = int32(utf8.RuneCount(s) - i - utf8.RuneCount(sub) + 1)
		}
	}
	return nil
}

func nthIndex(s, sub []byte, from int, nth int64) int {
	at := -1
	for ; nth > 0; nth-- {
		if at = find(s, sub, from); at < 0 {
			return -1
		}
		from = at + 1
	}
	return at
}

func replace(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
	s, old, by := args[0].Bytes(r), args[1].Bytes(r), args[2].Bytes(r)
	if len(old) == 0 {
		return append(dst, bytes.ReplaceAll(s, old, by)...), nil
	}
	for {
		i := bytes.Index(s, old)
		if i < 0 {
			return append(dst, s...), nil
		}
		dst = append(append(dst, s[:i]...), by...)
		s = s[i+len(old):]
	}
}

func translate(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
	from, to := args[1].Bytes(r), args[2].Bytes(r)
	for s := args[0].Bytes(r); len(s) > 0; {
		_, size := utf8.DecodeRune(s)
		c := s[:size]
		s = s[size:]
		i := bytes.Index(from, c)
		if i < 0 {
			dst = append(dst, c...)
			continue
		}
		dst = append(dst, charSlice(to, utf8.RuneCount(from[:i]), 1)...)
	}
	return dst, nil
}

func splitIndex(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, out *vec.Vector) ([]byte, error) {
	s, index := args[0].Bytes(r), args[2].I64[r]
	var char [1]byte
	sep := char[:]
	if args[1].I64 != nil {
		c := args[1].I64[r]
		if c < 1 || c > 255 {
			out.SetNull(r)
			return dst, nil
		}
		sep = utf8.AppendRune(sep[:0], rune(c))
	} else if sep = args[1].Bytes(r); len(sep) == 0 {
		sep = []byte{' '} // Flink splits at white space if there is no separator
	}
	if index < 0 || len(s) == 0 {
		out.SetNull(r)
		return dst, nil
	}
	for ; ; index-- {
		i := bytes.Index(s, sep)
		switch {
		case index == 0 && i >= 0:
			return append(dst, s[:i]...), nil
		case index == 0:
			return append(dst, s...), nil
		case i < 0:
			out.SetNull(r)
			return dst, nil
		}
		s = s[i+len(sep):]
	}
}

func elt(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, out *vec.Vector) ([]byte, error) {
	if i := args[0].I64[r]; !args[0].IsNull(r) && i >= 1 && i < int64(len(args)) && !args[i].IsNull(r) {
		return append(dst, args[i].Bytes(r)...), nil
	}
	out.SetNull(r)
	return dst, nil
}
