package function

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"testing"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// TestExtractTwin holds REGEXP_EXTRACT, which remembers matches and passes over texts
// that cannot match, to the plain expression: with few texts and with many, of all
// lengths, and with a pattern that changes.
func TestExtractTwin(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	patterns := []string{"(&|^)channel_id=([^&]*)", "a+(b)?", "x(ab|cd)y", "(?i)AB(c)", "", "(a)|(b)", "^b", "ab*c+d"}
	for _, texts := range []int{1, 10, 3000, 1 << 20} {
		for _, constant := range []bool{true, false} {
			lits := []*Literal{nil, nil, nil}
			if constant {
				lits[1] = &Literal{types.TString, patterns[0]}
			}
			f, _ := LookupScalar("REGEXP_EXTRACT")
			bound, err := f.Bind([]types.Type{types.TString, types.TString, types.TBigInt}, lits)
			if err != nil {
				t.Fatal(err)
			}
			for range 4 {
				const n = 1000
				s, p, g := vec.NewBuilder(types.TString, n), vec.NewBuilder(types.TString, n), vec.NewBuilder(types.TBigInt, n)
				for range n {
					text := fmt.Sprintf("%d&channel_id=%d&ab", rng.IntN(texts), rng.IntN(3))
					switch rng.IntN(8) {
					case 0:
						text = ""
					case 1:
						text = "no match here xcdy"
					case 2:
						text += string(make([]byte, rng.IntN(500)))
					}
					pattern := patterns[0]
					if !constant && rng.IntN(50) == 0 {
						pattern = patterns[rng.IntN(len(patterns))]
					}
					s.AppendString(text)
					p.AppendString(pattern)
					g.AppendInt64(int64(rng.IntN(4) - 1))
				}
				cols := []*vec.Vector{s.Finish(), p.Finish(), g.Finish()}
				exprs := []vec.Expr{NewColumn(0, types.TString), NewColumn(1, types.TString), NewColumn(2, types.TBigInt)}
				got, err := NewCall(bound, exprs).Eval(&vec.EvalContext{}, &vec.Batch{N: n, Cols: cols})
				if err != nil {
					t.Fatal(err)
				}
				for r := range n {
					want, null := plainExtract(cols[0].Str(r), cols[1].Str(r), cols[2].I64[r])
					if got.IsNull(r) != null || !null && got.Str(r) != want {
						t.Fatalf("'%s', '%s', %d: '%s' (NULL %t), want '%s' (NULL %t)", cols[0].Str(r), cols[1].Str(r), cols[2].I64[r], got.Str(r), got.IsNull(r), want, null)
					}
				}
			}
		}
	}
}

var compiled = map[string]*regexp.Regexp{}

func plainExtract(s, pattern string, group int64) (string, bool) {
	re := compiled[pattern]
	if re == nil {
		re = regexp.MustCompile(pattern)
		compiled[pattern] = re
	}
	at := re.FindStringSubmatchIndex(s)
	if group < 0 || group > int64(re.NumSubexp()) || at == nil || at[2*group] < 0 {
		return "", true
	}
	return s[at[2*group]:at[2*group+1]], false
}

func TestRequiredText(t *testing.T) {
	for pattern, want := range map[string]string{
		"(&|^)channel_id=([^&]*)": "channel_id=", "abc": "abc", "(?i)abc": "", "a|b": "", "a*bcd?": "bc", "(ab)+c": "ab", "x{3}y": "x", "": "", "(": "", "[0-9]+ms": "ms",
	} {
		if got := requiredText(pattern); got != want {
			t.Errorf("%s: '%s', want '%s'", pattern, got, want)
		}
	}
}
