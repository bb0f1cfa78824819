package parser

import (
	"fmt"
	"strconv"
)

const (
	// maxDepth bounds the nesting of a statement, since the parser and what works on its trees recurse.
	maxDepth = 500
	// maxChain bounds one chain of operators, which makes a tree that is as deep as the chain is long.
	maxChain = 10_000
	// maxChains bounds all chains of a statement together, which may be nested in each other's left operands.
	maxChains = 200_000
)

// parser is a recursive descent parser over the tokens of a text. Its methods return at the first error, by panicking
// with bailout: every production would otherwise end in the same three lines. The panic never leaves the package.
type parser struct {
	src    string
	toks   []token
	i      int // the current token
	depth  int
	chains int

	// tried are the keywords looked for at token triedAt; one of them may be what the user meant.
	tried   []string
	triedAt int
	// lastAlias is the index of the token last taken for an alias without AS, or -1.
	lastAlias int
	// inMatch is set inside of MATCH_RECOGNIZE, where FINAL and RUNNING are words of the language.
	inMatch bool
}

// bailout carries an error from the place of its finding to the entry point.
type bailout struct{ err *Error }

func newParser(src string) *parser {
	return &parser{src: src, toks: lex(src), triedAt: -1, lastAlias: -1}
}

// guard runs a production and returns the error that it bailed out with.
func guard(production func()) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case bailout:
			err = r.err
		default:
			panic(r)
		}
	}()
	production()
	return nil
}

// ParseScript parses the statements of a text, which semicolons separate. When one is wrong, those in front of it are
// returned together with the error.
func ParseScript(src string) ([]Stmt, error) {
	p := newParser(src)
	var stmts []Stmt
	err := guard(func() {
		for p.skipSemicolons(); p.tok().kind != tokEOF; p.skipSemicolons() {
			s := p.statement()
			p.endOfStatement()
			stmts = append(stmts, s)
		}
	})
	return stmts, err
}

// ParseStatement parses a text that is one statement, with or without a semicolon at its end.
func ParseStatement(src string) (Stmt, error) {
	p := newParser(src)
	var s Stmt
	err := guard(func() {
		p.skipSemicolons()
		if p.tok().kind == tokEOF {
			p.fail(p.expected("a statement"))
		}
		s = p.statement()
		p.endOfStatement()
		p.skipSemicolons()
		if t := p.tok(); t.kind != tokEOF {
			p.fail(&Error{Pos: t.pos, Msg: "expected one statement, found a second one"})
		}
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// ParseExpr parses a text that is one expression.
func ParseExpr(src string) (Expr, error) {
	p := newParser(src)
	var e Expr
	err := guard(func() {
		e = p.expr()
		if p.tok().kind != tokEOF {
			p.fail(p.expected("an operator or the end of the expression"))
		}
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}

// Complete reports whether a text that is being typed ends with a whole statement, so that a shell can run it. It knows
// strings, comments and statement sets, and does not look for errors.
func Complete(src string) bool {
	p := newParser(src)
	for p.skipSemicolons(); p.tok().kind != tokEOF; p.skipSemicolons() {
		if p.tok().kind == tokError {
			return false
		}
		if p.i = p.statementEnd(); p.tok().kind != tokOp {
			return false
		}
	}
	return p.i > 0
}

func (p *parser) skipSemicolons() {
	for p.isOp(";") {
		p.i++
	}
}

func (p *parser) endOfStatement() {
	t := p.tok()
	if t.kind == tokEOF || p.isOp(";") {
		return
	}
	err := p.expected("';' or the end of the statement")
	if err.Hint == "" && reserved[t.upper] && !clauseWords[t.upper] {
		err.Hint = fmt.Sprintf("'%s' is a reserved word: as a name it stands in `back-ticks`", t.val)
	}
	p.fail(err)
}

// statementEnd returns the index of the token behind the current statement without parsing it: a semicolon, an error or
// the end. The statements between STATEMENT SET BEGIN and END belong to it.
func (p *parser) statementEnd() int {
	inSet, start := false, true
	for i := p.i; ; i++ {
		t := p.toks[i]
		switch {
		case t.kind == tokEOF || t.kind == tokError:
			return i
		case t.kind == tokOp && t.val == ";":
			if !inSet {
				return i
			}
			start = true
			continue
		case t.upper == "BEGIN" && i >= 2 && p.toks[i-1].upper == "SET" && p.toks[i-2].upper == "STATEMENT":
			inSet = true
			start = true
			continue
		case t.upper == "END" && start:
			inSet = false
		}
		start = false
	}
}

// --- tokens

func (p *parser) tok() *token { return &p.toks[p.i] }

// peek returns the token n behind the current one, or the last.
func (p *parser) peek(n int) *token { return &p.toks[min(p.i+n, len(p.toks)-1)] }

// take returns the current token and moves behind it.
func (p *parser) take() *token {
	t := &p.toks[p.i]
	if p.i < len(p.toks)-1 {
		p.i++
	}
	return t
}

func (p *parser) fail(err *Error) { panic(bailout{err}) }

func (p *parser) failAt(at Pos, format string, args ...any) {
	p.fail(&Error{Pos: at, Msg: fmt.Sprintf(format, args...)})
}

// try notes that a keyword would be welcome here.
func (p *parser) try(word string) {
	if p.triedAt != p.i {
		p.triedAt, p.tried = p.i, p.tried[:0]
	}
	p.tried = append(p.tried, word)
}

// is reports whether the current tokens are these keywords.
func (p *parser) is(words ...string) bool {
	p.try(words[0])
	for n, w := range words {
		if p.peek(n).upper != w {
			return false
		}
	}
	return true
}

// accept moves over these keywords if they come next.
func (p *parser) accept(words ...string) bool {
	if !p.is(words...) {
		return false
	}
	p.i += len(words)
	return true
}

// acceptAny moves over one of these keywords and returns it, or "".
func (p *parser) acceptAny(words ...string) string {
	for _, w := range words {
		if p.accept(w) {
			return w
		}
	}
	return ""
}

// expect moves over these keywords; context says behind or in front of what they stand, and may be empty.
func (p *parser) expect(context string, words ...string) {
	for _, w := range words {
		if !p.accept(w) {
			p.fail(p.expected(join(w, context)))
		}
	}
}

// expectAny moves over one of these keywords and returns it.
func (p *parser) expectAny(context string, words ...string) string {
	w := p.acceptAny(words...)
	if w == "" {
		p.fail(p.expected(join(oneOf(words...), context)))
	}
	return w
}

func (p *parser) isOp(op string) bool { t := p.tok(); return t.kind == tokOp && t.val == op }

func (p *parser) peekOp(n int, op string) bool { t := p.peek(n); return t.kind == tokOp && t.val == op }

func (p *parser) acceptOp(op string) bool {
	if !p.isOp(op) {
		return false
	}
	p.i++
	return true
}

func (p *parser) expectOp(op, context string) *token {
	if !p.isOp(op) {
		p.fail(p.expected(join("'"+op+"'", context)))
	}
	return p.take()
}

// closeList moves over the parenthesis that closes a list of which no other element follows.
func (p *parser) closeList(context string) *token {
	if !p.isOp(")") {
		p.fail(p.expected(join("')' or ','", context)))
	}
	return p.take()
}

func join(what, context string) string {
	if context == "" {
		return what
	}
	return what + " " + context
}

// list parses elements with commas between them.
func list[T any](p *parser, element func() T) []T {
	out := []T{element()}
	for p.acceptOp(",") {
		out = append(out, element())
	}
	return out
}

// each is list for elements that their production puts away itself.
func (p *parser) each(element func()) {
	element()
	for p.acceptOp(",") {
		element()
	}
}

// enter is called at every production that can contain itself; leave when it is done.
func (p *parser) enter() {
	if p.depth++; p.depth > maxDepth {
		p.failAt(p.tok().pos, "the statement is nested more than %d levels deep", maxDepth)
	}
}

func (p *parser) leave() { p.depth-- }

// chain is called for each operator of a chain and counts them.
func (p *parser) chain(n *int) {
	*n++
	p.chains++
	if *n > maxChain || p.chains > maxChains {
		p.failAt(p.tok().pos, "the statement has a chain of more than %d operators", maxChain)
	}
}

// text returns the source from a position to the end of the token in front of the current one.
func (p *parser) text(from Pos) string {
	if p.i == 0 {
		return ""
	}
	return p.src[from.Offset:max(from.Offset, p.toks[p.i-1].end)]
}

// --- names and simple values

func (p *parser) isName() bool {
	t := p.tok()
	return t.kind == tokQuoted || t.kind == tokWord && !reserved[t.upper]
}

// ident parses one identifier; what says what it names.
func (p *parser) ident(what string) Ident {
	if !p.isName() {
		p.fail(p.expectedName(what))
	}
	t := p.take()
	return Ident{At: At{t.pos}, Name: t.val, Quoted: t.kind == tokQuoted}
}

// path parses identifiers with points between them.
func (p *parser) path(what string) []Ident {
	parts := []Ident{p.ident(what)}
	for p.isOp(".") {
		p.i++
		parts = append(parts, p.ident("a name after '.'"))
	}
	return parts
}

func (p *parser) objectName(what string) ObjectName {
	parts := p.path(what)
	if len(parts) > 3 {
		p.failAt(parts[3].Start, "a name has at most three parts: catalog, database and object")
	}
	return ObjectName{At: parts[0].At, Parts: parts}
}

// identList parses (a, b).
func (p *parser) identList(what string) []Ident {
	p.expectOp("(", "before "+what)
	ids := list(p, func() Ident { return p.ident(what) })
	p.closeList("after " + what)
	return ids
}

func (p *parser) isString() bool {
	k := p.tok().kind
	return k == tokString || k == tokUnicode
}

// str parses a string literal; what says what it is.
func (p *parser) str(what string) *StringLit {
	if !p.isString() {
		p.fail(p.expected(what))
	}
	return p.stringLit()
}

// integer parses an unsigned integer.
func (p *parser) integer(what string) int {
	t := p.tok()
	if t.kind == tokNumber {
		if n, err := strconv.ParseInt(t.val, 10, 32); err == nil {
			p.i++
			return int(n)
		}
	}
	p.fail(p.expected(what))
	return 0
}

// options parses ('k' = 'v', …).
func (p *parser) options(context string) []Option {
	p.expectOp("(", context)
	if p.acceptOp(")") {
		return nil
	}
	opts := list(p, p.option)
	p.closeList("after the option's value")
	return opts
}

func (p *parser) option() Option {
	key := p.str("an option's key as a 'string'")
	p.expectOp("=", "after the option's key")
	value := p.str("the option's value as a 'string'")
	return Option{At: key.At, Key: key.Value, Value: value.Value, ValuePos: value.Start}
}
