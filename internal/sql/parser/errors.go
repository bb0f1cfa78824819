package parser

import (
	"fmt"
	"slices"
	"strings"
)

// Error is a syntax error. Its text is one line; a caller who knows the file's name puts it in front.
type Error struct {
	Pos  Pos
	Msg  string
	Hint string // what to write instead; empty when there is no good guess
}

// Error returns "line:col: msg", with the hint in parentheses.
func (e *Error) Error() string {
	s := fmt.Sprintf("%d:%d: %s", e.Pos.Line, e.Pos.Col, e.Msg)
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// expected is the error of finding something else than want, which is a phrase like "')' or ',' after the column".
//
// When the word found is close to a keyword that was looked for at this place, that keyword is the hint. When it is not,
// but the word in front of it was taken for an alias without AS, as FORM in SELECT a FORM t, that word is the suspect.
func (p *parser) expected(want string) *Error {
	t := p.tok()
	if t.kind == tokError {
		return t.err
	}
	if k := nearest(t.upper, p.wanted()); t.kind == tokWord && !reserved[t.upper] && k != "" {
		return &Error{Pos: t.pos, Msg: "expected " + want + ", found " + t.describe(), Hint: "did you mean " + k + "?"}
	}
	if p.i > 0 && p.lastAlias == p.i-1 {
		suspect := p.toks[p.i-1]
		if k := nearest(suspect.upper, p.wanted()); k != "" {
			return &Error{Pos: suspect.pos, Msg: "expected " + want + ", found " + suspect.describe(), Hint: "did you mean " + k + "?"}
		}
	}
	e := &Error{Pos: t.pos, Msg: "expected " + want + ", found " + t.describe()}
	switch {
	case t.kind == tokOp && t.val == "=" && p.i > 0 && p.toks[p.i-1].val == "=":
		e.Hint = "Flink writes ="
	case t.kind == tokOp:
		e.Hint = foreignOperator[t.val]
	}
	return e
}

// foreignOperator holds what to say about marks that other dialects use.
var foreignOperator = map[string]string{
	"!=": "Flink writes <>",
	":":  "Flink casts with CAST(x AS type)",
	"?":  "there are no parameters here",
}

// clauseWords are reserved words that end or join clauses. Where a name is missing in front of one, the fault is the
// missing name and not the word.
var clauseWords = wordSet(`
	AND AS BETWEEN BY CROSS ELSE END EXCEPT FETCH FOR FROM FULL GROUP HAVING IN INNER INTERSECT INTO IS JOIN LEFT LIKE LIMIT
	NATURAL OFFSET ON OR ORDER OVER PARTITION QUALIFY RIGHT SELECT SET THEN TO UNION USING VALUES WHEN WHERE WINDOW WITH`)

// expectedName is the error of finding something else than an identifier. A reserved word gets its own text, since this is
// the most frequent surprise of people who come from other systems.
func (p *parser) expectedName(what string) *Error {
	t := p.tok()
	if t.kind != tokWord || !reserved[t.upper] {
		return p.expected(what)
	}
	if operand := what == anExpression || what == aTable; operand && clauseWords[t.upper] && !p.meantAsName() {
		return p.expected(what)
	}
	return &Error{Pos: t.pos, Msg: fmt.Sprintf("expected %s, but '%s' is a reserved word: write it as `%s` in back-ticks", what, t.val, t.val)}
}

// What the operands of expressions and of FROM are called in messages.
const (
	anExpression = "an expression"
	aTable       = "a table"
)

// meantAsName tells that a word which could start or join a clause does not go on as that clause.
func (p *parser) meantAsName() bool {
	next := p.peek(1)
	switch p.tok().upper {
	case "ORDER", "GROUP", "PARTITION":
		return next.upper != "BY"
	}
	return next.kind == tokOp && next.val != "(" && next.val != "*" && next.val != ";" || next.upper == "AS" || next.upper == "FROM"
}

// wanted returns the keywords that were looked for at the current token.
func (p *parser) wanted() []string {
	if p.triedAt != p.i {
		return nil
	}
	return p.tried
}

// nearest returns the keyword that a word is most probably a misspelling of, or "". The word itself is not a misspelling.
func nearest(word string, keywords []string) string {
	best, bestDist := "", 3
	for _, k := range keywords {
		limit := 2
		if len(word) < 5 || len(k) < 5 {
			limit = 1
		}
		if len(word) < 3 || len(k) < 3 {
			continue
		}
		if d := editDistance(word, k); d > 0 && d <= limit && d < bestDist {
			best, bestDist = k, d
		}
	}
	return best
}

// editDistance counts insertions, deletions, substitutions and swaps of neighbours, up to 3.
func editDistance(a, b string) int {
	if diff := len(a) - len(b); diff > 2 || diff < -2 {
		return 3
	}
	prev2 := make([]int, len(b)+1)
	prev := make([]int, len(b)+1)
	cur := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}

// oneOf writes a list of alternatives: "A, B or C".
func oneOf(words ...string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// sortedKeys returns the keys of a table of words, for use in messages.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
