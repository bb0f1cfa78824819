package rex

import "slices"

// Walk calls visit for e and all below it, from the outside in; where visit
// returns false it does not go deeper.
func Walk(e Expr, visit func(Expr) bool) {
	if e == nil || !visit(e) {
		return
	}
	for _, a := range e.Args() {
		Walk(a, visit)
	}
}

// Rewrite replaces from the inside out: f gets each expression with its parts
// already replaced.
func Rewrite(e Expr, f func(Expr) Expr) Expr {
	if e == nil {
		return nil
	}
	return f(rebuild(e, func(a Expr) Expr { return Rewrite(a, f) }))
}

// RewriteDown replaces from the outside in: where f returns something, that
// stays as it is; where it returns nil, the parts are tried.
func RewriteDown(e Expr, f func(Expr) Expr) Expr {
	if e == nil {
		return nil
	}
	if r := f(e); r != nil {
		return r
	}
	return rebuild(e, func(a Expr) Expr { return RewriteDown(a, f) })
}

func rebuild(e Expr, f func(Expr) Expr) Expr {
	args := e.Args()
	var changed []Expr
	for i, a := range args {
		if n := f(a); n != a {
			if changed == nil {
				changed = slices.Clone(args)
			}
			changed[i] = n
		}
	}
	if changed == nil {
		return e
	}
	return e.WithArgs(changed)
}

// Columns collects the columns that the expressions use, ascending.
func Columns(exprs ...Expr) []int {
	var out []int
	for _, e := range exprs {
		Walk(e, func(e Expr) bool {
			if c, ok := e.(*Column); ok {
				out = append(out, c.Index)
			}
			return true
		})
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Remap gives columns other numbers; to returns -1 for a column that must not
// occur, which is a mistake of the caller.
func Remap(e Expr, to func(int) int) Expr {
	return Rewrite(e, func(e Expr) Expr {
		c, ok := e.(*Column)
		if !ok {
			return e
		}
		i := to(c.Index)
		switch {
		case i < 0:
			panic("rex: a column is used that its input does not have")
		case i == c.Index:
			return e
		}
		return Col(i, c.T)
	})
}

// Shift adds n to all column numbers.
func Shift(e Expr, n int) Expr {
	return Remap(e, func(i int) int { return i + n })
}

// Substitute replaces columns by the expressions that compute them: an
// expression over a projection becomes one over the projection's input.
func Substitute(e Expr, by []Expr) Expr {
	return Rewrite(e, func(e Expr) Expr {
		if c, ok := e.(*Column); ok {
			return by[c.Index]
		}
		return e
	})
}

// Deterministic says whether the expression gives the same for the same row at
// any time: only such ones may be moved, merged or computed twice.
func Deterministic(e Expr) bool {
	ok := true
	Walk(e, func(e Expr) bool {
		if c, is := e.(*Call); is && c.Fn != nil && !c.Fn.Deterministic {
			ok = false
		}
		return ok
	})
	return ok
}

// HasOver says whether a window function is in the expression.
func HasOver(e Expr) bool {
	found := false
	Walk(e, func(e Expr) bool {
		_, is := e.(*Over)
		found = found || is
		return !found
	})
	return found
}

// Same says whether two expressions are the same.
func Same(a, b Expr) bool { return Digest(a) == Digest(b) }
