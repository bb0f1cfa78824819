package parser

import "slices"

func (e *FuncCall) print(b *printer) {
	if first := e.Name.Parts[0]; len(e.Name.Parts) == 1 && !first.Quoted {
		b.word(first.Name)
	} else {
		b.path(e.Name.Parts)
	}
	if e.Niladic && len(e.Args) == 0 {
		e.printTail(b)
		return
	}
	b.word("(")
	b.when(e.Distinct, "DISTINCT ")
	b.when(e.All, "ALL ")
	e.printArgs(b)
	if len(e.OrderBy) > 0 {
		b.when(len(e.Args) > 0, " ")
		b.word("ORDER BY ")
		printList(b, e.OrderBy)
	}
	if e.JSON != nil {
		e.JSON.printTail(b)
	}
	b.word(")")
	e.printTail(b)
}

// printArgs writes the arguments with the syntax of the function, if it has one of its own.
func (e *FuncCall) printArgs(b *printer) {
	args, name := e.Args, ""
	if len(e.Name.Parts) == 1 && !e.Name.Parts[0].Quoted {
		name = e.Name.Parts[0].Name
	}
	switch {
	case name == "EXTRACT" && len(args) == 2:
		b.interleave(args, " FROM ")
	case (name == "FLOOR" || name == "CEIL") && len(args) == 2:
		b.interleave(args, " TO ")
	case name == "TRIM" && len(args) == 3:
		b.interleave(args, " ", " FROM ")
	case name == "OVERLAY" && len(args) >= 3:
		b.interleave(args, " PLACING ", " FROM ", " FOR ")
	case name == "POSITION" && len(args) >= 2:
		b.operand(args[0], precLike+1)
		b.word(" IN ")
		b.interleave(args[1:], " FROM ")
	case name == "JSON_OBJECT" || name == "JSON_OBJECTAGG":
		for i := 0; i+1 < len(args); i += 2 {
			b.when(i > 0, ", ")
			b.word("KEY ")
			b.interleave(args[i:i+2], " VALUE ")
			e.printFormat(b, i+1)
		}
	default:
		for i, a := range args {
			b.when(i > 0, ", ")
			b.expr(a)
			e.printFormat(b, i)
		}
	}
}

func (e *FuncCall) printFormat(b *printer, arg int) {
	b.when(e.JSON != nil && slices.Contains(e.JSON.FormatJSON, arg), " FORMAT JSON")
}

// interleave writes expressions with words between them.
func (b *printer) interleave(args []Expr, words ...string) {
	for i, a := range args {
		if i > 0 {
			b.word(words[i-1])
		}
		b.expr(a)
	}
}

func (e *FuncCall) printTail(b *printer) {
	if e.NullTreatment != "" {
		b.word(" ", e.NullTreatment)
	}
	if len(e.WithinGroup) > 0 {
		b.word(" WITHIN GROUP (ORDER BY ")
		printList(b, e.WithinGroup)
		b.word(")")
	}
	if e.Filter != nil {
		b.word(" FILTER (WHERE ")
		b.expr(e.Filter)
		b.word(")")
	}
	if e.Over != nil {
		b.word(" ")
		e.Over.print(b)
	}
}

func (j *JSONClause) printTail(b *printer) {
	if j.Returning != nil {
		b.word(" RETURNING ")
		j.Returning.print(b)
	}
	if j.Wrapper != "" {
		b.word(" ", j.Wrapper, " WRAPPER")
	}
	if j.OnEmpty != nil {
		j.OnEmpty.print(b)
		b.word(" ON EMPTY")
	}
	if j.OnError != nil {
		j.OnError.print(b)
		b.word(" ON ERROR")
	}
	if j.OnNull != "" {
		b.word(" ", j.OnNull, " ON NULL")
	}
}

func (j *JSONBehavior) print(b *printer) {
	b.word(" ", j.Kind)
	if j.Default != nil {
		b.word(" ")
		b.expr(j.Default)
	}
}

func (o *Over) print(b *printer) {
	b.word("OVER ")
	if o.Name != nil {
		o.Name.print(b)
		return
	}
	o.Spec.print(b)
}

func (w *WindowSpec) print(b *printer) {
	b.word("(")
	sep := ""
	if w.Ref != nil {
		w.Ref.print(b)
		sep = " "
	}
	if len(w.PartitionBy) > 0 {
		b.word(sep, "PARTITION BY ")
		b.exprs(w.PartitionBy)
		sep = " "
	}
	if len(w.OrderBy) > 0 {
		b.word(sep, "ORDER BY ")
		printList(b, w.OrderBy)
		sep = " "
	}
	if w.Frame != nil {
		b.word(sep)
		w.Frame.print(b)
	}
	b.word(")")
}

func (f *Frame) print(b *printer) {
	b.word(pick(f.Rows, "ROWS ", "RANGE "))
	if f.End == nil {
		f.Start.print(b)
		return
	}
	b.word("BETWEEN ")
	f.Start.print(b)
	b.word(" AND ")
	f.End.print(b)
}

func (f *FrameBound) print(b *printer) {
	if f.Offset != nil {
		b.operand(f.Offset, precAdditive)
		b.word(" ")
	}
	b.word(f.Kind)
}
