package function

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// decArith is arithmetic of decimals. A result that does not fit its type is
// NULL, as in Flink.
func decArith(op byte, c *call) Kernel {
	f := decOp(op, c.args[0].Scale, c.args[1].Scale, c.result.Scale)
	p, check := c.result.Precision, c.mayNull
	divides := op == '/' || op == '%'
	return func(_ *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
		a, b := args[0].Dec, args[1].Dec
		one := func(r int) error {
			if divides && b[r] == (types.Dec{}) {
				return rowError(r, errDivision)
			}
			d, ok := f(a[r], b[r])
			if !ok || check && !d.Fits(p) {
				out.SetNull(r)
				return nil
			}
			out.Dec[r] = d
			return nil
		}
		if sel == nil {
			for r := range n {
				if err := one(r); err != nil {
					return err
				}
			}
		}
		for _, r := range sel {
			if err := one(int(r)); err != nil {
				return err
			}
		}
		return nil
	}
}

// decOp is the operation on unscaled values of scales as and bs, giving one of
// scale rs.
func decOp(op byte, as, bs, rs int) func(a, b types.Dec) (types.Dec, bool) {
	s := max(as, bs)
	switch op {
	case '*':
		return func(a, b types.Dec) (types.Dec, bool) { return a.Mul(b, as+bs-rs) }
	case '/':
		return func(a, b types.Dec) (types.Dec, bool) { return a.Div(b, rs+bs-as) }
	case '%':
		return func(a, b types.Dec) (types.Dec, bool) {
			d, ok := a.Mod(b, as, bs)
			if ok && s != rs {
				return d.Rescale(s, rs)
			}
			return d, ok
		}
	}
	add := types.Dec.Add
	if op == '-' {
		add = types.Dec.Sub
	}
	if as == bs && s == rs {
		return func(a, b types.Dec) (types.Dec, bool) { return add(a, b) }
	}
	return func(a, b types.Dec) (types.Dec, bool) {
		a, ok1 := a.Rescale(as, s)
		b, ok2 := b.Rescale(bs, s)
		d, ok3 := add(a, b)
		if s != rs {
			var ok bool
			d, ok = d.Rescale(s, rs)
			ok3 = ok3 && ok
		}
		return d, ok1 && ok2 && ok3
	}
}
