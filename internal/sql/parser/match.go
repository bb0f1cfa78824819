package parser

// matchRecognize parses MATCH_RECOGNIZE (…) behind its input. It takes all of SQL's row pattern recognition, also what
// Flink does not execute; what can run is decided later.
func (p *parser) matchRecognize(input TableExpr) TableExpr {
	p.i++
	m := &MatchRecognize{At: input.Pos().at(), Input: input}
	p.expectOp("(", "after MATCH_RECOGNIZE")
	outer := p.inMatch
	p.inMatch = true
	if p.accept("PARTITION") {
		p.expect("after PARTITION", "BY")
		m.PartitionBy = list(p, p.expr)
	}
	if p.is("ORDER") {
		m.OrderBy = p.orderBy()
	}
	if p.accept("MEASURES") {
		m.Measures = list(p, p.measure)
	}
	p.rowsPerMatch(m)
	if p.is("AFTER") {
		m.After = p.afterMatch()
	}
	p.expect("in MATCH_RECOGNIZE", "PATTERN")
	p.expectOp("(", "after PATTERN")
	m.StrictStart = p.acceptOp("^")
	m.Pattern = p.pattern()
	m.StrictEnd = p.acceptOp("$")
	p.expectOp(")", "after the pattern")
	if p.accept("WITHIN") {
		m.Within = p.exprPrec(precAdditive)
	}
	if p.accept("SUBSET") {
		m.Subsets = list(p, p.subset)
	}
	p.expect("in MATCH_RECOGNIZE", "DEFINE")
	m.Define = list(p, p.define)
	p.expectOp(")", "or ',' after the definition")
	p.inMatch = outer
	return m
}

func (p *parser) measure() *Measure {
	e := p.expr()
	p.expect("after the measure", "AS")
	return &Measure{At: e.Pos().at(), Expr: e, Alias: p.ident("the measure's name")}
}

func (p *parser) rowsPerMatch(m *MatchRecognize) {
	switch {
	case p.accept("ONE"):
		p.expect("in ONE ROW PER MATCH", "ROW", "PER", "MATCH")
	case p.accept("ALL"):
		p.expect("in ALL ROWS PER MATCH", "ROWS", "PER", "MATCH")
		m.AllRows = true
	}
}

func (p *parser) afterMatch() *AfterMatch {
	a := &AfterMatch{At: At{p.take().pos}}
	p.expect("in AFTER MATCH SKIP", "MATCH", "SKIP")
	switch {
	case p.accept("PAST"):
		p.expect("in SKIP PAST LAST ROW", "LAST", "ROW")
		a.Kind = "PAST LAST ROW"
		return a
	case !p.accept("TO"):
		p.fail(p.expected("PAST LAST ROW or TO after SKIP"))
	case p.accept("NEXT", "ROW"):
		a.Kind = "TO NEXT ROW"
		return a
	}
	a.Kind = "TO LAST"
	if p.acceptAny("FIRST", "LAST") == "FIRST" {
		a.Kind = "TO FIRST"
	}
	v := p.ident("NEXT ROW, FIRST, LAST or a pattern variable")
	a.Var = &v
	return a
}

// pattern parses alternatives.
func (p *parser) pattern() *Pattern {
	p.enter()
	defer p.leave()
	first := p.patternConcat()
	if !p.isOp("|") {
		return first
	}
	alt := &Pattern{At: first.At, Kind: PatternAlt, Subs: []*Pattern{first}}
	for p.acceptOp("|") {
		alt.Subs = append(alt.Subs, p.patternConcat())
	}
	return alt
}

func (p *parser) patternConcat() *Pattern {
	first := p.patternFactor()
	concat := &Pattern{At: first.At, Kind: PatternConcat, Subs: []*Pattern{first}}
	for p.isName() || p.isOp("(") || p.isOp("{-") || p.is("PERMUTE") {
		concat.Subs = append(concat.Subs, p.patternFactor())
	}
	if len(concat.Subs) == 1 {
		return first
	}
	return concat
}

// patternFactor parses an atom with its quantifier.
func (p *parser) patternFactor() *Pattern {
	atom := p.patternAtom()
	r := &Pattern{At: atom.At, Kind: PatternRepeat, Subs: []*Pattern{atom}, Max: -1}
	switch {
	case p.acceptOp("*"):
	case p.acceptOp("+"):
		r.Min = 1
	case p.acceptOp("?"):
		r.Max = 1
	case p.acceptOp("{"):
		p.patternBounds(r)
	default:
		return atom
	}
	r.Reluctant = p.acceptOp("?")
	return r
}

// patternBounds parses {n}, {n,}, {n,m} and {,m} behind the brace.
func (p *parser) patternBounds(r *Pattern) {
	at := p.tok().pos
	const what = "a number of repetitions"
	if p.acceptOp(",") {
		r.Max = p.integer(what)
	} else {
		r.Min = p.integer(what)
		switch {
		case !p.acceptOp(","):
			r.Max = r.Min
		case !p.isOp("}"):
			r.Max = p.integer(what)
		}
	}
	p.expectOp("}", "after the number of repetitions")
	if r.Max >= 0 && r.Max < r.Min || r.Max == 0 {
		p.failAt(at, "a pattern cannot repeat at least %d and at most %d times", r.Min, r.Max)
	}
}

func (p *parser) patternAtom() *Pattern {
	t := p.tok()
	switch {
	case p.acceptOp("("):
		sub := p.pattern()
		p.expectOp(")", "after the group")
		return sub
	case p.acceptOp("{-"):
		sub := p.pattern()
		p.expectOp("-}", "after the excluded pattern")
		return &Pattern{At: At{t.pos}, Kind: PatternExclude, Subs: []*Pattern{sub}}
	case p.accept("PERMUTE"):
		p.expectOp("(", "after PERMUTE")
		subs := list(p, p.pattern)
		p.closeList("after the pattern")
		return &Pattern{At: At{t.pos}, Kind: PatternPermute, Subs: subs}
	}
	v := p.ident("a pattern variable")
	return &Pattern{At: v.At, Kind: PatternVar, Var: v}
}

func (p *parser) subset() *SubsetDef {
	s := &SubsetDef{Name: p.ident("a pattern variable")}
	s.At = s.Name.At
	p.expectOp("=", "after the variable")
	s.Vars = p.identList("a pattern variable")
	return s
}

func (p *parser) define() *Define {
	d := &Define{Var: p.ident("a pattern variable")}
	d.At = d.Var.At
	p.expect("after the pattern variable", "AS")
	d.Cond = p.expr()
	return d
}
