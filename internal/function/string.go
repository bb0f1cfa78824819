package function

import (
	"bytes"
	"unicode/utf8"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// Strings are UTF-8, and positions count characters (code points) from 1.

func stringFn(name, signature, doc string, examples []Example, list ...overload) *Scalar {
	return &Scalar{Name: name, Group: "string", Signature: signature, Doc: doc, Examples: examples, Bind: overloads(name, list...)}
}

// giveText is an overload that gives a string.
func giveText(text string, opt int, f textFunc, params ...param) overload {
	return overload{text: text, params: params, opt: opt, fixed: types.TString, kernel: func(*call) Kernel { return textOf(f) }}
}

// giveInt is one that gives an INT.
func giveInt(text string, opt int, f func(args []*vec.Vector, r int) int, params ...param) overload {
	return overload{text: text, params: params, opt: opt, fixed: types.TInt, kernel: func(*call) Kernel {
		return rowsOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, out *vec.Vector) error {
			out.I32[r] = int32(f(args, r))
			return nil
		})
	}}
}

// giveBool is one that gives a BOOLEAN.
func giveBool(text string, f func(args []*vec.Vector, r int) bool, params ...param) overload {
	return overload{text: text, params: params, fixed: types.TBool, kernel: func(*call) Kernel {
		return rowsOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, out *vec.Vector) error {
			out.Bool[r] = f(args, r)
			return nil
		})
	}}
}

// pText accepts strings, and casts other values that are not nested to them.
func pText(t types.Type) (types.Type, bool) {
	if t.IsString() {
		return t, true
	}
	return types.TString, !nested(t) && t.Root != types.Symbol && t.Root != types.Descriptor
}

// isASCII lets positions be bytes.
func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// charSlice is the n characters of s from index from.
func charSlice(s []byte, from, n int) []byte {
	start := runeOffset(s, from)
	return s[start : start+runeOffset(s[start:], n)]
}

// charIndex is the index of sub in s, in characters, at or after character from;
// -1 if there is none.
func charIndex(s, sub []byte, from int) int {
	start := runeOffset(s, from)
	i := bytes.Index(s[start:], sub)
	if i < 0 {
		return -1
	}
	return utf8.RuneCount(s[:start+i])
}
