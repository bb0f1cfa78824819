package parser

func (p *parser) namedWindow() *NamedWindow {
	w := &NamedWindow{Name: p.ident("a window's name")}
	w.At = w.Name.At
	p.expect("after the window's name", "AS")
	w.Spec = p.windowSpec()
	return w
}

// windowSpec parses ([name] [PARTITION BY …] [ORDER BY …] [frame]).
func (p *parser) windowSpec() *WindowSpec {
	w := &WindowSpec{At: At{p.tok().pos}}
	p.expectOp("(", "before the window's specification")
	if p.isName() {
		ref := p.ident("a window's name")
		w.Ref = &ref
	}
	if p.accept("PARTITION") {
		p.expect("after PARTITION", "BY")
		w.PartitionBy = list(p, p.expr)
	}
	if p.is("ORDER") {
		w.OrderBy = p.orderBy()
	}
	if p.is("ROWS") || p.is("RANGE") {
		w.Frame = p.frame()
	}
	p.expectOp(")", "at the end of the window's specification")
	return w
}

func (p *parser) frame() *Frame {
	t := p.take()
	f := &Frame{At: At{t.pos}, Rows: t.upper == "ROWS"}
	if !p.accept("BETWEEN") {
		f.Start = p.frameBound()
		return f
	}
	f.Start = p.frameBound()
	p.expect("after the frame's first bound", "AND")
	f.End = p.frameBound()
	return f
}

func (p *parser) frameBound() *FrameBound {
	b := &FrameBound{At: At{p.tok().pos}}
	switch {
	case p.accept("CURRENT", "ROW"):
		b.Kind = BoundCurrentRow
	case p.accept("UNBOUNDED", "PRECEDING"):
		b.Kind = BoundUnboundedPreceding
	case p.accept("UNBOUNDED", "FOLLOWING"):
		b.Kind = BoundUnboundedFollowing
	default:
		b.Offset = p.exprPrec(precAdditive)
		b.Kind = p.expectAny("after the frame's bound", BoundPreceding, BoundFollowing)
	}
	return b
}
