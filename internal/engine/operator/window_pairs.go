package operator

import (
	"github.com/millrace/millrace/internal/vec"
)

// windowPairs puts the pairs of a window through the residual, and collects the
// results of all windows that fire in a step. Left and right rows are named by
// their place among the window's; results refer to rows of the tables, which are
// held meanwhile.
type windowPairs struct {
	op  *windowJoin
	out Emit

	left, right     []int32 // ids, by place
	hasLeft         []bool  // by place: has a match
	hasRight        []bool
	l, r            []int32 // candidates, by place
	outLeft, outRgt []int32 // results: ids, -1 for NULLs
}

func (p *windowPairs) begin(op *windowJoin, out Emit) {
	p.op, p.out = op, out
	p.outLeft, p.outRgt = p.outLeft[:0], p.outRgt[:0]
}

// open begins a window.
func (p *windowPairs) open(left, right []int32) {
	p.left, p.right = left, right
	p.l, p.r = p.l[:0], p.r[:0]
	p.hasLeft, p.hasRight = sized(p.hasLeft, len(left)), sized(p.hasRight, len(right))
	clear(p.hasLeft)
	clear(p.hasRight)
}

func (p *windowPairs) add(l, r int32) error {
	p.l, p.r = append(p.l, l), append(p.r, r)
	if len(p.l) < vec.BatchRows {
		return nil
	}
	return p.decide()
}

// decide evaluates the residual on the candidates.
func (p *windowPairs) decide() error {
	if len(p.l) == 0 {
		return nil
	}
	var cond *vec.Vector
	if res := p.op.spec.Residual; res != nil {
		cols := p.op.sides[0].store.gather(gatherRows(p.left, p.l))
		cols = append(cols, p.op.sides[1].store.gather(gatherRows(p.right, p.r))...)
		var err error
		if cond, err = res.Eval(p.op.ctx.Eval, &vec.Batch{N: len(p.l), Cols: cols}); err != nil {
			return err
		}
	}
	for i, l := range p.l {
		if cond != nil && !holds(cond, i) {
			continue
		}
		r := p.r[i]
		p.hasLeft[l], p.hasRight[r] = true, true
		if p.op.semi() {
			continue
		}
		if err := p.put(p.left[l], p.right[r]); err != nil {
			return err
		}
	}
	p.l, p.r = p.l[:0], p.r[:0]
	return nil
}

// close emits what goes alone, when the window's pairs are all decided.
func (p *windowPairs) close() error {
	kind := p.op.spec.Kind
	for i, id := range p.left {
		alone := p.op.sides[0].padded && !p.hasLeft[i]
		if alone || kind == SemiJoin && p.hasLeft[i] {
			if err := p.put(id, -1); err != nil {
				return err
			}
		}
	}
	if !p.op.sides[1].padded {
		return nil
	}
	for i, id := range p.right {
		if !p.hasRight[i] {
			if err := p.put(-1, id); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *windowPairs) put(left, right int32) error {
	p.outLeft, p.outRgt = append(p.outLeft, left), append(p.outRgt, right)
	if len(p.outLeft) < vec.BatchRows {
		return nil
	}
	return p.flush()
}

func (p *windowPairs) flush() error {
	if len(p.outLeft) == 0 {
		return nil
	}
	sides := &p.op.sides
	cols := sides[0].store.gather(p.outLeft)
	if !p.op.semi() {
		if sides[1].padded {
			cols = nullable(cols)
		}
		right := sides[1].store.gather(p.outRgt)
		if sides[0].padded {
			right = nullable(right)
		}
		cols = append(cols, right...)
	}
	n := len(p.outLeft)
	p.outLeft, p.outRgt = p.outLeft[:0], p.outRgt[:0]
	return p.out(&vec.Batch{N: n, Cols: cols})
}
