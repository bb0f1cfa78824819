package function

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	register(
		about("IS_ALPHA", "Whether a is a string of letters, at least one.", []Example{{"IS_ALPHA('Añ')", "TRUE"}, {"IS_ALPHA('a1')", "FALSE"}, {"IS_ALPHA('')", "FALSE"}},
			never, func(s string) bool { return all(s, unicode.IsLetter) }),
		about("IS_DIGIT", "Whether a is a string of digits, at least one, or a whole number.", []Example{{"IS_DIGIT('12')", "TRUE"}, {"IS_DIGIT('1.5')", "FALSE"}, {"IS_DIGIT(5)", "TRUE"}},
			types.Type.IsInteger, func(s string) bool { return all(s, unicode.IsDigit) }),
		about("IS_DECIMAL", "Whether a can be read as a number, or is one.", []Example{{"IS_DECIMAL('1.5e3')", "TRUE"}, {"IS_DECIMAL('1.5x')", "FALSE"}, {"IS_DECIMAL(1.5)", "TRUE"}},
			types.Type.IsNumeric, isDecimal),
		&Scalar{Name: "TYPEOF", Group: "conversion", Signature: "TYPEOF(a)", Doc: "The type of a, as a string.",
			Examples: []Example{{"TYPEOF(1)", "INT NOT NULL"}, {"TYPEOF(CAST('a' AS STRING))", "STRING NOT NULL"}, {"TYPEOF(1.50)", "DECIMAL(3, 2) NOT NULL"}},
			Bind: overloads("TYPEOF", overload{text: "(any)", params: []param{pAny}, fixed: types.TString.Required(), nullCall: true, kernel: func(c *call) Kernel {
				return textOf(func(_ *vec.EvalContext, _ []*vec.Vector, _ int, dst []byte, _ *vec.Vector) ([]byte, error) {
					return append(dst, c.args[0].String()...), nil
				})
			}})},
	)
}

func never(types.Type) bool { return false }

// about makes a test of a value's text, which is TRUE of all values of certain
// types, and FALSE of NULL.
func about(name, doc string, examples []Example, always func(types.Type) bool, is func(string) bool) *Scalar {
	return &Scalar{Name: name, Group: "conditional", Signature: name + "(a)", Doc: doc, Examples: examples,
		Bind: overloads(name, overload{text: "(any)", params: []param{pAny}, fixed: types.TBool.Required(), nullCall: true, kernel: func(c *call) Kernel {
			t := c.args[0]
			return rowsOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, out *vec.Vector) error {
				out.Bool[r] = !args[0].IsNull(r) && (always(t) || t.IsString() && is(args[0].Str(r)))
				return nil
			})
		}})}
}

func all(s string, is func(rune) bool) bool {
	for _, c := range s {
		if !is(c) {
			return false
		}
	}
	return s != ""
}

// isDecimal reads a number as Java's Double.parseDouble, which takes blanks
// around it and a type's letter behind, but neither hexadecimal without an
// exponent nor underscores.
func isDecimal(s string) bool {
	s = strings.TrimSpace(s)
	if n := len(s); n > 1 && strings.ContainsRune("fFdD", rune(s[n-1])) && s[n-2] <= '9' {
		s = s[:n-1]
	}
	if strings.ContainsAny(s, "_") || strings.EqualFold(s, "inf") || strings.EqualFold(s, "+inf") || strings.EqualFold(s, "-inf") {
		return false
	}
	_, err := strconv.ParseFloat(s, 64)
	if e, ok := err.(*strconv.NumError); ok {
		return e.Err == strconv.ErrRange
	}
	return true
}
