package parser

// Precedences, as in Calcite's operator table; higher binds tighter.
const (
	precMultisetUnion     = 14
	precMultisetIntersect = 18
	precOr                = 22
	precAnd               = 24
	precNot               = 26
	precIs                = 28
	precComparison        = 30
	precLike              = 32 // also BETWEEN and IN
	precAdditive          = 40
	precMultiplicative    = 60 // also ||
	precUnary             = 80
)

// binaryPrec is the precedence of the operators that are one mark.
var binaryPrec = map[string]int{
	"=": precComparison, "<>": precComparison, "<": precComparison, "<=": precComparison, ">": precComparison, ">=": precComparison,
	"+": precAdditive, "-": precAdditive,
	"*": precMultiplicative, "/": precMultiplicative, "%": precMultiplicative, "||": precMultiplicative,
}

// expr parses an expression.
func (p *parser) expr() Expr { return p.exprPrec(0) }

// exprPrec parses an expression of operators that bind at least as tight as minPrec.
func (p *parser) exprPrec(minPrec int) Expr {
	p.enter()
	defer p.leave()
	return p.infix(p.prefix(), minPrec)
}

func (p *parser) prefix() Expr {
	at := At{p.tok().pos}
	switch {
	case p.is("NOT"):
		p.i++
		return &UnaryExpr{At: at, Op: "NOT", X: p.exprPrec(precNot)}
	case p.isOp("-") || p.isOp("+"):
		op := p.take().val
		return &UnaryExpr{At: at, Op: op, X: p.exprPrec(precUnary)}
	}
	return p.postfix(p.primary())
}

// postfix parses [index] and .field.
func (p *parser) postfix(x Expr) Expr {
	n := 0
	for {
		switch {
		case p.isOp("["):
			p.chain(&n)
			p.i++
			index := p.expr()
			p.expectOp("]", "after the index")
			x = &IndexExpr{At: x.Pos().at(), X: x, Index: index}
		case p.isOp("."):
			p.chain(&n)
			p.i++
			x = &FieldAccess{At: x.Pos().at(), X: x, Field: p.ident("a field after '.'")}
		default:
			return x
		}
	}
}

// infix parses what follows a left operand.
func (p *parser) infix(left Expr, minPrec int) Expr {
	n := 0
	for {
		next := p.infixOnce(left, minPrec)
		if next == nil {
			return left
		}
		p.chain(&n)
		left = next
	}
}

// infixOnce parses one operator and its right operand; nil when there is none that binds tight enough.
func (p *parser) infixOnce(left Expr, minPrec int) Expr {
	t := p.tok()
	if t.kind == tokOp {
		prec := binaryPrec[t.val]
		if prec == 0 || prec < minPrec {
			return nil
		}
		p.i++
		if prec == precComparison {
			if q := p.quantified(left, t.val); q != nil {
				return q
			}
		}
		return p.binary(left, t, t.val, prec)
	}
	for _, w := range []string{"AND", "OR"} {
		p.try(w)
	}
	switch {
	case t.upper == "OR" && minPrec <= precOr:
		p.i++
		return p.binary(left, t, OpOr, precOr)
	case t.upper == "AND" && minPrec <= precAnd:
		p.i++
		return p.binary(left, t, OpAnd, precAnd)
	case t.upper == "IS":
		return p.isPredicate(left, minPrec)
	}
	if minPrec <= precLike {
		if e := p.likePredicate(left); e != nil {
			return e
		}
	}
	return p.wordOperator(left, minPrec)
}

func (p *parser) binary(left Expr, op *token, name string, prec int) Expr {
	return &BinaryExpr{At: left.Pos().at(), Op: name, OpPos: op.pos, L: left, R: p.exprPrec(prec + 1)}
}

// quantified parses ANY|SOME|ALL (…) behind a comparison, or returns nil.
func (p *parser) quantified(left Expr, op string) Expr {
	q := p.tok().upper
	if q != "ANY" && q != "SOME" && q != "ALL" || !p.peekOp(1, "(") {
		return nil
	}
	p.i++
	e := &QuantifiedExpr{At: left.Pos().at(), X: left, Op: op, Quantifier: q}
	e.List, e.Query = p.exprListOrQuery()
	return e
}

// exprListOrQuery parses (a, b) or (query).
func (p *parser) exprListOrQuery() ([]Expr, *Query) {
	open := p.expectOp("(", "before the list")
	if p.isQueryStart() {
		first := p.parenContent()
		if s, ok := first.(*SubqueryExpr); ok && p.isOp(")") {
			p.i++
			return nil, s.Query
		}
		exprs := []Expr{first}
		for p.acceptOp(",") {
			exprs = append(exprs, p.expr())
		}
		p.closeList("after the list's element")
		return exprs, nil
	}
	if p.isOp(")") {
		p.failAt(open.pos, "a list of values cannot be empty")
	}
	exprs := list(p, p.expr)
	p.closeList("after the list's element")
	return exprs, nil
}

// isPredicate parses what follows IS, or returns nil when it does not bind tight enough.
func (p *parser) isPredicate(left Expr, minPrec int) Expr {
	at, op := left.Pos().at(), p.tok()
	if minPrec <= precComparison {
		if p.accept("IS", "DISTINCT", "FROM") {
			return p.binary(left, op, OpDistinctFrom, precComparison)
		}
		if p.accept("IS", "NOT", "DISTINCT", "FROM") {
			return p.binary(left, op, OpNotDistinctFrom, precComparison)
		}
	}
	if minPrec > precIs {
		return nil
	}
	p.i++
	e := &IsExpr{At: at, X: left, Not: p.accept("NOT")}
	switch {
	case p.accept("A", "SET"):
		e.What = IsASet
	case p.accept("JSON"):
		e.What = IsJSON
		if kind := p.acceptAny("VALUE", "OBJECT", "ARRAY", "SCALAR"); kind != "" {
			e.What = IsJSON + " " + kind
		}
	default:
		e.What = p.acceptAny("NULL", "TRUE", "FALSE", "UNKNOWN", "EMPTY")
		if e.What == "" {
			p.fail(p.expected("NULL, TRUE, FALSE, UNKNOWN, JSON or DISTINCT FROM after IS"))
		}
	}
	return e
}

// likePredicate parses [NOT] BETWEEN, IN, LIKE and SIMILAR TO, or returns nil. As in Calcite, LIKE associates to the right:
// a LIKE b IN (c) is a LIKE (b IN (c)).
func (p *parser) likePredicate(left Expr) Expr {
	at := left.Pos().at()
	not := p.is("NOT")
	word := p.tok().upper
	if not {
		word = p.peek(1).upper
	}
	for _, w := range []string{"BETWEEN", "IN", "LIKE", "SIMILAR"} {
		p.try(w)
	}
	switch word {
	case "BETWEEN", "IN", "LIKE", "SIMILAR":
	case "ILIKE", "RLIKE":
		if not {
			p.i++
		}
		p.fail(&Error{Pos: p.tok().pos, Msg: word + " is not an operator of Flink SQL", Hint: "use LIKE with LOWER, or REGEXP"})
	default:
		if not {
			p.i++
			p.fail(p.expected("BETWEEN, IN, LIKE or SIMILAR TO after NOT"))
		}
		return nil
	}
	if not {
		p.i++
	}
	p.i++
	switch word {
	case "BETWEEN":
		e := &BetweenExpr{At: at, X: left, Not: not, Symmetric: p.accept("SYMMETRIC")}
		if !e.Symmetric {
			p.accept("ASYMMETRIC")
		}
		e.Low = p.exprPrec(precLike + 1)
		p.expect("after the lower bound of BETWEEN", "AND")
		e.High = p.exprPrec(precLike + 1)
		return e
	case "IN":
		e := &InExpr{At: at, X: left, Not: not}
		e.List, e.Query = p.exprListOrQuery()
		return e
	}
	e := &LikeExpr{At: at, X: left, Op: word, Not: not}
	if word == "SIMILAR" {
		p.expect("after SIMILAR", "TO")
		e.Op = "SIMILAR TO"
	}
	e.Pattern = p.exprPrec(precLike)
	if p.accept("ESCAPE") {
		e.Escape = p.exprPrec(precLike + 1)
	}
	return e
}

// wordOperator parses the operators that are words and seldom used, or returns nil.
func (p *parser) wordOperator(left Expr, minPrec int) Expr {
	op := p.tok()
	switch op.upper {
	case "OVERLAPS", "CONTAINS":
		if minPrec <= precComparison {
			p.i++
			return p.binary(left, op, op.upper, precComparison)
		}
	case "MEMBER", "SUBMULTISET":
		if minPrec <= precComparison {
			p.i++
			p.expect("after "+op.upper, "OF")
			return p.binary(left, op, op.upper+" OF", precComparison)
		}
	case "MULTISET":
		return p.multisetOperator(left, minPrec)
	}
	return nil
}

func (p *parser) multisetOperator(left Expr, minPrec int) Expr {
	op, word := p.tok(), p.peek(1).upper
	prec := precMultisetUnion
	if word == "INTERSECT" {
		prec = precMultisetIntersect
	}
	if word != "UNION" && word != "INTERSECT" && word != "EXCEPT" || minPrec > prec {
		return nil
	}
	p.i += 2
	name := "MULTISET " + word
	if q := p.acceptAny("ALL", "DISTINCT"); q != "" {
		name += " " + q
	}
	return p.binary(left, op, name, prec)
}
