package function

import (
	"bytes"
	"fmt"
	"regexp"
	"regexp/syntax"
	"unicode/utf8"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// Regular expressions are RE2's, as Go has them. Java's, which Flink uses, differ
// in this: lookahead, lookbehind, back-references and possessive quantifiers do
// not exist here and are an error, not NULL; `$` matches only at the very end and
// not before a last line feed. In return no pattern takes more than linear time.
const regexpNote = " Regular expressions are RE2's: no lookaround, no back-references."

func init() {
	register(
		stringFn("REGEXP", "REGEXP(a, regexp)", "Whether a part of a matches."+regexpNote, []Example{{"REGEXP('foobar', 'o+b')", "TRUE"}, {"REGEXP('foobar', '')", "FALSE"}},
			withRegexp(types.TBool, "(STRING, STRING)", 0, func(re *regexp.Regexp, args []*vec.Vector, r int, out *vec.Vector) {
				out.Bool[r] = len(args[1].Bytes(r)) > 0 && re.Match(args[0].Bytes(r))
			})),
		stringFn("REGEXP_EXTRACT", "REGEXP_EXTRACT(a, regexp [, group])", "The first match, or a group (from 1) of it; NULL if there is none."+regexpNote,
			[]Example{{"REGEXP_EXTRACT('foothebar', 'foo(.*?)(bar)', 2)", "bar"}, {"REGEXP_EXTRACT('abc', 'b')", "b"}, {"REGEXP_EXTRACT('abc', 'x')", "NULL"},
				{"REGEXP_EXTRACT('a=1&channel_id=7', '(&|^)channel_id=([^&]*)', 2)", "7"}},
			nullable(extracting("(STRING, STRING [, INT])", 1, pLong))),
		stringFn("REGEXP_SUBSTR", "REGEXP_SUBSTR(a, regexp)", "The first match; NULL if there is none."+regexpNote, []Example{{"REGEXP_SUBSTR('a12b3', '[0-9]+')", "12"}},
			nullable(extracting("(STRING, STRING)", 0))),
		stringFn("REGEXP_REPLACE", "REGEXP_REPLACE(a, regexp, new)", "a with every match replaced by the text new."+regexpNote,
			[]Example{{"REGEXP_REPLACE('foobar', 'oo|ar', '')", "fb"}, {"REGEXP_REPLACE('a1b22', '[0-9]+', '$0')", "a$0b$0"}},
			withRegexpText("(STRING, STRING, STRING)", 0, func(re *regexp.Regexp, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) []byte {
				return append(dst, re.ReplaceAllLiteral(args[0].Bytes(r), args[2].Bytes(r))...)
			}, pString)),
		stringFn("REGEXP_COUNT", "REGEXP_COUNT(a, regexp)", "How many matches there are."+regexpNote, []Example{{"REGEXP_COUNT('banana', 'an')", "2"}},
			withRegexp(types.TInt, "(STRING, STRING)", 0, func(re *regexp.Regexp, args []*vec.Vector, r int, out *vec.Vector) {
				out.I32[r] = int32(len(re.FindAllIndex(args[0].Bytes(r), -1)))
			})),
		stringFn("REGEXP_INSTR", "REGEXP_INSTR(a, regexp)", "Where the first match is; 0 if there is none."+regexpNote, []Example{{"REGEXP_INSTR('hello', 'l+')", "3"}},
			withRegexp(types.TInt, "(STRING, STRING)", 0, func(re *regexp.Regexp, args []*vec.Vector, r int, out *vec.Vector) {
				if at := re.FindIndex(args[0].Bytes(r)); at != nil {
					out.I32[r] = int32(utf8.RuneCount(args[0].Bytes(r)[:at[0]]) + 1)
				}
			})),
	)
}

// regexps compiles the second argument of a call: once if it is constant, else
// when it changes.
type regexps struct {
	text string
	re   *regexp.Regexp
	// needs is a text that stands in every match; empty if none is known. To look for
	// it costs a hundredth of what the expression does.
	needs []byte
}

// never says that there is no match in s.
func (c *regexps) never(s []byte) bool { return len(c.needs) > 0 && !bytes.Contains(s, c.needs) }

func (c *regexps) get(pattern []byte) (*regexp.Regexp, error) {
	if c.re != nil && c.text == string(pattern) {
		return c.re, nil
	}
	re, err := compileRegexp(string(pattern))
	if err == nil {
		c.text, c.re, c.needs = string(pattern), re, []byte(requiredText(string(pattern)))
	}
	return re, err
}

func compileRegexp(pattern string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("'%s' is not a regular expression of RE2: %s", pattern, regexpReason(err))
	}
	return re, nil
}

func regexpReason(err error) string {
	if e, ok := err.(interface{ Unwrap() error }); ok {
		return e.Unwrap().Error()
	}
	return err.Error()
}

// requiredText is the longest text that every match of a pattern has in it, as far as
// can be seen from its parts that are written one after the other.
func requiredText(pattern string) string {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return ""
	}
	return requiredIn(re.Simplify())
}

func requiredIn(re *syntax.Regexp) (longest string) {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase == 0 {
			return string(re.Rune)
		}
	case syntax.OpCapture, syntax.OpPlus:
		return requiredIn(re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			if s := requiredIn(sub); len(s) > len(longest) {
				longest = s
			}
		}
	}
	return longest
}

func withRegexp(result types.Type, text string, opt int, f func(re *regexp.Regexp, args []*vec.Vector, r int, out *vec.Vector), more ...param) overload {
	return overload{text: text, params: append([]param{pString, pString}, more...), opt: opt, fixed: result,
		fallible: func(c *call) (Kernel, error) {
			cache, err := newRegexps(c)
			if err != nil {
				return nil, err
			}
			return rowsOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, out *vec.Vector) error {
				re, err := cache.get(args[1].Bytes(r))
				if err == nil && !cache.never(args[0].Bytes(r)) {
					f(re, args, r, out) // without a match the result is FALSE or 0, as it is made
				}
				return err
			}), nil
		}}
}

func withRegexpText(text string, opt int, f func(re *regexp.Regexp, args []*vec.Vector, r int, dst []byte, out *vec.Vector) []byte, more ...param) overload {
	return overload{text: text, params: append([]param{pString, pString}, more...), opt: opt, fixed: types.TString,
		fallible: func(c *call) (Kernel, error) {
			cache, err := newRegexps(c)
			if err != nil {
				return nil, err
			}
			return textOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, out *vec.Vector) ([]byte, error) {
				re, err := cache.get(args[1].Bytes(r))
				if err != nil {
					return dst, err
				}
				return f(re, args, r, dst, out), nil
			}), nil
		}}
}

// newRegexps refuses a constant pattern that is wrong before the job runs.
func newRegexps(c *call) (*regexps, error) {
	cache := &regexps{}
	if pattern, ok := c.text(1); ok {
		if _, err := cache.get([]byte(pattern)); err != nil {
			return nil, err
		}
	}
	return cache, nil
}

// extracting is the overload of functions that give a part of the first match.
func extracting(text string, opt int, more ...param) overload {
	return overload{text: text, params: append([]param{pString, pString}, more...), opt: opt, fixed: types.TString,
		fallible: func(c *call) (Kernel, error) {
			cache, err := newRegexps(c)
			if err != nil {
				return nil, err
			}
			var known memo
			return textOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, out *vec.Vector) ([]byte, error) {
				re, err := cache.get(args[1].Bytes(r))
				if err != nil {
					return dst, err
				}
				group := int64(0)
				if len(args) == 3 {
					group = args[2].I64[r]
				}
				s := args[0].Bytes(r)
				if group < 0 || group > int64(re.NumSubexp()) || cache.never(s) {
					out.SetNull(r)
					return dst, nil
				}
				from, to := known.find(re, group, s, func() (int, int) {
					if at := re.FindSubmatchIndex(s); at != nil {
						return at[2*group], at[2*group+1]
					}
					return -1, -1
				})
				if from < 0 {
					out.SetNull(r)
					return dst, nil
				}
				return append(dst, s[from:to]...), nil
			}), nil
		}}
}
