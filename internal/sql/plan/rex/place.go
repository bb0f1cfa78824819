package rex

import (
	"fmt"

	"github.com/millrace/millrace/internal/sql/parser"
)

// Place gives a call or cast, if it has none yet, its place in the text: where the error
// of a row points to. A call without a place has that of the one around it. The place is
// no part of what an expression is: two of the same digest are the same.
func Place(e Expr, at parser.Pos) Expr {
	switch e := e.(type) {
	case *Call:
		if e.At.Line == 0 {
			c := *e
			c.At = at
			return &c
		}
	case *Cast:
		if e.At.Line == 0 {
			c := *e
			c.At = at
			return &c
		}
	}
	return e
}

// Move gives all of an expression one place: it was written in another text, that of a
// view or of a table, which is used there.
func Move(e Expr, to parser.Pos) Expr {
	return Place(Rewrite(e, func(e Expr) Expr {
		switch e := e.(type) {
		case *Call:
			c := *e
			c.At = to
			return &c
		case *Cast:
			c := *e
			c.At = to
			return &c
		}
		return e
	}), to)
}

// placeOf is the place of e, or that of what is around it, as text.
func placeOf(e Expr, around string) string {
	var at parser.Pos
	switch e := e.(type) {
	case *Call:
		at = e.At
	case *Cast:
		at = e.At
	}
	if at.Line == 0 {
		return around
	}
	return fmt.Sprintf("%d:%d", at.Line, at.Col)
}
