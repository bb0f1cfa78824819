package parser

import (
	"encoding/hex"
	"strconv"
	"strings"
)

const precPrimary = 100

// precOf returns how tight an expression holds together.
func precOf(e Expr) int {
	switch e := e.(type) {
	case *BinaryExpr:
		return binaryOpPrec(e.Op)
	case *UnaryExpr:
		if e.Op == "NOT" {
			return precNot
		}
		return precUnary
	case *IsExpr:
		return precIs
	case *QuantifiedExpr:
		return precComparison
	case *BetweenExpr, *InExpr, *LikeExpr:
		return precLike
	case *MatchScopeExpr:
		return precUnary
	}
	return precPrimary
}

func binaryOpPrec(op string) int {
	if prec := binaryPrec[op]; prec > 0 {
		return prec
	}
	switch {
	case op == OpOr:
		return precOr
	case op == OpAnd:
		return precAnd
	case strings.HasPrefix(op, OpMultisetInter):
		return precMultisetIntersect
	case strings.HasPrefix(op, "MULTISET "):
		return precMultisetUnion
	}
	return precComparison
}

// operand writes an expression, in parentheses when it holds together less than minPrec.
func (b *printer) operand(e Expr, minPrec int) {
	if precOf(e) >= minPrec {
		e.(printable).print(b)
		return
	}
	b.word("(")
	e.(printable).print(b)
	b.word(")")
}

func (b *printer) expr(e Expr) { e.(printable).print(b) }

func (b *printer) exprs(list []Expr) {
	for i, e := range list {
		b.when(i > 0, ", ")
		b.expr(e)
	}
}

func (e *ColumnRef) print(b *printer) { b.path(e.Parts) }

func (e *FieldAccess) print(b *printer) {
	switch x := e.X.(type) {
	case *FuncCall, *IndexExpr, *FieldAccess:
		b.expr(x)
	default:
		// (a).b is not a.b: the one takes a field, the other may be a column of a table.
		b.word("(")
		b.expr(x)
		b.word(")")
	}
	b.word(".")
	e.Field.print(b)
}

func (e *IndexExpr) print(b *printer) {
	b.operand(e.X, precPrimary)
	b.word("[")
	b.expr(e.Index)
	b.word("]")
}

func (e *Star) print(b *printer) {
	b.path(e.Qualifier)
	b.when(len(e.Qualifier) > 0, ".")
	b.word("*")
}

func (e *NumberLit) print(b *printer) { b.word(e.Text) }
func (e *StringLit) print(b *printer) { b.word(quoteString(e.Value)) }
func (e *BinaryLit) print(b *printer) {
	b.word("X'", strings.ToUpper(hex.EncodeToString(e.Value)), "'")
}
func (e *BoolLit) print(b *printer)   { b.word(strings.ToUpper(strconv.FormatBool(e.Value))) }
func (e *Symbol) print(b *printer)    { b.word(e.Name) }
func (*DefaultExpr) print(b *printer) { b.word("DEFAULT") }

func (e *NullLit) print(b *printer) {
	b.word(pick(e.Unknown, "UNKNOWN", "NULL"))
}

func (e *DatetimeLit) print(b *printer) {
	name := e.Type
	if name == TypeTimestampLTZ {
		name = "TIMESTAMP WITH LOCAL TIME ZONE"
	}
	b.word(name, " ", quoteString(e.Value))
}

func (e *IntervalLit) print(b *printer) {
	b.word("INTERVAL ")
	b.when(e.Negative, "-")
	b.word(quoteString(e.Value), " ")
	e.Qualifier.print(b)
}

func (e *IntervalExpr) print(b *printer) {
	b.word("INTERVAL ")
	x := e.X
	if u, ok := x.(*UnaryExpr); ok && u.Op != "NOT" && isIntervalOperand(u.X) {
		b.word(u.Op)
		x = u.X
	}
	if isIntervalOperand(x) {
		b.expr(x)
	} else {
		b.word("(")
		b.expr(x)
		b.word(")")
	}
	b.word(" ")
	e.Qualifier.print(b)
}

func isIntervalOperand(e Expr) bool {
	switch e.(type) {
	case *NumberLit, *ColumnRef:
		return true
	}
	return false
}

func (e *UnaryExpr) print(b *printer) {
	b.word(e.Op)
	if e.Op == "NOT" {
		b.word(" ")
		b.operand(e.X, precNot)
		return
	}
	// Two signs in a row would start a comment.
	b.operand(e.X, precUnary+1)
}

func (e *BinaryExpr) print(b *printer) {
	prec := binaryOpPrec(e.Op)
	b.operand(e.L, prec)
	b.word(" ", e.Op, " ")
	b.operand(e.R, prec+1)
}

func (e *IsExpr) print(b *printer) {
	b.operand(e.X, precIs)
	b.word(" IS ")
	b.when(e.Not, "NOT ")
	b.word(e.What)
}

func (e *BetweenExpr) print(b *printer) {
	b.operand(e.X, precLike+1)
	b.when(e.Not, " NOT")
	b.word(" BETWEEN ")
	b.when(e.Symmetric, "SYMMETRIC ")
	b.operand(e.Low, precLike+1)
	b.word(" AND ")
	b.operand(e.High, precLike+1)
}

func (b *printer) listOrQuery(list []Expr, q *Query) {
	b.word("(")
	if q != nil {
		q.print(b)
	} else {
		b.exprs(list)
	}
	b.word(")")
}

func (e *InExpr) print(b *printer) {
	b.operand(e.X, precLike+1)
	b.when(e.Not, " NOT")
	b.word(" IN ")
	b.listOrQuery(e.List, e.Query)
}

func (e *QuantifiedExpr) print(b *printer) {
	b.operand(e.X, precComparison)
	b.word(" ", e.Op, " ", e.Quantifier, " ")
	b.listOrQuery(e.List, e.Query)
}

func (e *LikeExpr) print(b *printer) {
	b.operand(e.X, precLike+1)
	b.when(e.Not, " NOT")
	b.word(" ", e.Op, " ")
	b.operand(e.Pattern, precLike+1)
	if e.Escape != nil {
		b.word(" ESCAPE ")
		b.operand(e.Escape, precLike+1)
	}
}

func (e *ExistsExpr) print(b *printer) {
	b.word("EXISTS ")
	b.listOrQuery(nil, e.Query)
}

func (e *SubqueryExpr) print(b *printer) { b.listOrQuery(nil, e.Query) }

func (e *CaseExpr) print(b *printer) {
	b.word("CASE")
	if e.Operand != nil {
		b.word(" ")
		b.expr(e.Operand)
	}
	for _, w := range e.Whens {
		b.word(" WHEN ")
		b.exprs(w.Conds)
		b.word(" THEN ")
		b.expr(w.Then)
	}
	if e.Else != nil {
		b.word(" ELSE ")
		b.expr(e.Else)
	}
	b.word(" END")
}

func (e *CastExpr) print(b *printer) {
	b.when(e.Try, "TRY_")
	b.word("CAST(")
	b.expr(e.X)
	b.word(" AS ")
	e.Type.print(b)
	b.word(")")
}

func (e *NamedArg) print(b *printer) {
	e.Name.print(b)
	b.word(" => ")
	b.expr(e.Value)
}

func (e *TableArg) print(b *printer) {
	if e.Query != nil {
		b.listOrQuery(nil, e.Query)
	} else {
		b.word("TABLE ")
		e.Table.print(b)
	}
	if len(e.PartitionBy) > 0 {
		b.word(" PARTITION BY (")
		b.exprs(e.PartitionBy)
		b.word(")")
	}
	if len(e.OrderBy) > 0 {
		b.word(" ORDER BY ")
		printParens(b, e.OrderBy)
	}
}

func (e *Descriptor) print(b *printer) {
	b.word("DESCRIPTOR(")
	for i, c := range e.Columns {
		b.when(i > 0, ", ")
		c.print(b)
	}
	b.word(")")
}

func (e *ModelArg) print(b *printer) {
	b.word("MODEL ")
	e.Model.print(b)
}

func (b *printer) collection(name string, elems []Expr, q *Query) {
	b.word(name)
	if q != nil {
		b.listOrQuery(nil, q)
		return
	}
	b.word("[")
	b.exprs(elems)
	b.word("]")
}

func (e *ArrayExpr) print(b *printer)    { b.collection("ARRAY", e.Elems, e.Query) }
func (e *MapExpr) print(b *printer)      { b.collection("MAP", e.Elems, e.Query) }
func (e *MultisetExpr) print(b *printer) { b.collection("MULTISET", e.Elems, e.Query) }

func (e *RowExpr) print(b *printer) {
	b.when(e.Explicit, "ROW")
	b.listOrQuery(e.Elems, nil)
}

func (e *MatchScopeExpr) print(b *printer) {
	b.word(pick(e.Final, "FINAL ", "RUNNING "))
	b.operand(e.X, precPrimary)
}
