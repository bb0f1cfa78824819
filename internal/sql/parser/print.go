package parser

import (
	"strconv"
	"strings"
)

// printer writes SQL. What it writes parses to the tree that was printed, with two liberties: back-ticks stand only where
// they are needed, and literals have their plainest form.
type printer struct{ strings.Builder }

// printable is every part of a tree.
type printable interface{ print(b *printer) }

func format(x printable) string {
	var b printer
	x.print(&b)
	return b.String()
}

// word writes each text as it is.
func (b *printer) word(texts ...string) {
	for _, t := range texts {
		b.WriteString(t)
	}
}

func (b *printer) when(cond bool, text string) {
	if cond {
		b.WriteString(text)
	}
}

// pick returns the one or the other.
func pick(cond bool, yes, no string) string {
	if cond {
		return yes
	}
	return no
}

// printList writes elements with commas between them.
func printList[T printable](b *printer, elems []T) {
	for i, e := range elems {
		b.when(i > 0, ", ")
		e.print(b)
	}
}

// printClause writes a keyword and a list, or nothing for an empty one.
func printClause[T printable](b *printer, keyword string, elems []T) {
	if len(elems) > 0 {
		b.word(" ", keyword, " ")
		printList(b, elems)
	}
}

func printParens[T printable](b *printer, elems []T) {
	b.word("(")
	printList(b, elems)
	b.word(")")
}

// columns writes columns in parentheses, by their paths where they have some.
func (b *printer) columns(names []Ident, paths [][]Ident) {
	if paths == nil {
		printParens(b, names)
		return
	}
	b.word("(")
	for i, p := range paths {
		b.when(i > 0, ", ")
		b.path(p)
	}
	b.word(")")
}

func (b *printer) path(parts []Ident) {
	for i, id := range parts {
		b.when(i > 0, ".")
		id.print(b)
	}
}

// quoteIdent writes a name, in back-ticks where it would not be read as a name without.
func quoteIdent(name string) string {
	upper := strings.ToUpper(name)
	if name != "" && wordLen(name) == len(name) && !reserved[upper] && !quotedWhenPrinted[upper] {
		return name
	}
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}

func (id Ident) print(b *printer) { b.word(quoteIdent(id.Name)) }

func (n ObjectName) print(b *printer) { b.path(n.Parts) }

func (o Option) print(b *printer) { b.word(quoteString(o.Key), " = ", quoteString(o.Value)) }

func (f *TypeField) print(b *printer) {
	f.Name.print(b)
	b.word(" ")
	f.Type.print(b)
	if f.Comment != nil {
		b.word(" ")
		f.Comment.print(b)
	}
}

func (t *TypeName) print(b *printer) {
	t.printBase(b)
	b.when(t.NotNull, " NOT NULL")
	b.when(t.Null, " NULL")
}

func (t *TypeName) printBase(b *printer) {
	switch t.Name {
	case TypeUser:
		t.User.print(b)
		return
	case TypeInterval:
		b.word("INTERVAL ")
		t.Interval.print(b)
		return
	case TypeRaw:
		b.word("RAW(", quoteString(t.Strings[0]), ", ", quoteString(t.Strings[1]), ")")
		return
	}
	b.word(t.Name)
	for i, a := range t.Args {
		b.word(pick(i == 0, "(", ", "), strconv.Itoa(a))
	}
	b.when(len(t.Args) > 0, ")")
	switch t.Name {
	case TypeArray, TypeMultiset, TypeMap:
		b.word("<")
		if t.Key != nil {
			t.Key.print(b)
			b.word(", ")
		}
		t.Elem.print(b)
		b.word(">")
	case TypeRow:
		b.word("<")
		printList(b, t.Fields)
		b.word(">")
	case TypeStructured:
		b.word("<", quoteString(t.Strings[0]))
		for _, f := range t.Fields {
			b.word(", ")
			f.print(b)
		}
		b.word(">")
	}
}

func (q *IntervalQualifier) print(b *printer) {
	b.word(q.From)
	if q.Precision != nil {
		b.word("(", strconv.Itoa(*q.Precision))
		if q.To == "" && q.Fractional != nil {
			b.word(", ", strconv.Itoa(*q.Fractional))
		}
		b.word(")")
	}
	if q.To != "" {
		b.word(" TO ", q.To)
		if q.Fractional != nil {
			b.word("(", strconv.Itoa(*q.Fractional), ")")
		}
	}
}
