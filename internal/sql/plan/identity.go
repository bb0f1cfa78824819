package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// Identities name the operators of a statement's plans by what they compute, so that a
// savepoint's state is found again after the statement was edited. They are kept in
// savepoints: what they are made of must not change from version to version.
//
// A column is known by where it comes from, not by its place or name, and a stream by which
// rows are in it, not by which columns. So a source that reads a column more, because another
// operator wants it, and a projection on the way change nothing above them:
//
//	                  rows              columns
//	scan              table, hints      table.column
//	calc              condition         expressions over the columns' origins
//	exchange          —                 —
//	others            the operator, over origins, and its inputs' rows
//
// What an operator keeps of whole rows depends on all columns of its inputs; an aggregation
// depends on those that it names. The kinds of changes that an input has count, for they
// decide what must be kept of it; those that the operator emits itself do not.
//
// An identity has the form ROWS.REST. Operators whose first parts are the same keep the same
// state, and sources read the same rows; the rest tells apart what differs in its output
// only: other columns, or updates with or without what was before them.
type Identities struct {
	known map[Node]*origin
	// shapes are the source nodes of each stream of rows. Where there are several, each
	// is read on its own and may have come elsewhere, so that they are not to be confused.
	shapes map[string]map[string]bool
}

// origin is where a node's rows and columns come from.
type origin struct {
	rows    string
	columns []string
}

// NewIdentities looks at all plans of a statement.
func NewIdentities(roots []Node) *Identities {
	d := &Identities{known: map[Node]*origin{}, shapes: map[string]map[string]bool{}}
	for _, r := range roots {
		d.findSources(r)
	}
	clear(d.known) // from here on with what was found
	return d
}

func (d *Identities) findSources(n Node) {
	if isSource(n) {
		o := d.of(n)
		if d.shapes[o.rows] == nil {
			d.shapes[o.rows] = map[string]bool{}
		}
		d.shapes[o.rows][digest(o.columns...)] = true
		return
	}
	for _, in := range n.Inputs() {
		d.findSources(in)
	}
}

// isSource says whether a node becomes a source: a scan, with its watermark.
func isSource(n Node) bool {
	switch n.(type) {
	case *Scan, *Watermark:
		return true
	}
	return false
}

// Of is a node's identity.
func (d *Identities) Of(n Node) string {
	o := d.of(n)
	rest := []string{fmt.Sprint(mode(n))}
	switch n.(type) {
	case *Calc, *DropBefore:
		// What goes row by row keeps nothing.
		return digest(append(append([]string{"rows", o.rows}, rest...), o.columns...)...)
	case *Scan, *Watermark:
		rest = append(rest, o.columns...)
	}
	return o.rows + "." + digest(rest...)[:8]
}

// mode is the row kinds of a node's output, as far as they change what is kept of it.
func mode(n Node) types.KindSet {
	if p, ok := n.(Physical); ok {
		return p.Traits().Mode
	}
	return 0
}

func (d *Identities) of(n Node) *origin {
	if o := d.known[n]; o != nil {
		return o
	}
	o := d.make(n)
	if isSource(n) && len(d.shapes[o.rows]) > 1 {
		o = &origin{rows: digest(append([]string{o.rows}, o.columns...)...), columns: o.columns}
	}
	d.known[n] = o
	return o
}

func (d *Identities) make(n Node) *origin {
	switch n := n.(type) {
	case *Scan:
		p := n.Table.Path
		o := &origin{rows: digest("scan", p[0], p[1], p[2], hintText(n.Hints))}
		for _, f := range n.Fields() {
			o.columns = append(o.columns, digest("column", p[0], p[1], p[2], f.Name, f.Type.Plain().String()))
		}
		return o
	case *Watermark:
		// The scan below is part of the source, and not one of its own.
		in := d.make(n.Input)
		return &origin{rows: digest("watermark", in.rows, n.WithInputs([]Node{in.row(n.Input)}).Text(rex.Identity)), columns: in.columns}
	case *Calc:
		return d.calc(n, d.below(n))
	case *Exchange:
		return d.of(n.Input)
	case *DropBefore:
		return d.of(n.Input)
	case *WindowFunction:
		in := d.of(n.Input)
		o := &origin{rows: d.operator(n, false), columns: append([]string{}, in.columns...)}
		for i := len(in.columns); i < len(n.Fields()); i++ {
			o.columns = append(o.columns, digest("window", o.rows, fmt.Sprint(i-len(in.columns))))
		}
		return o
	}
	aggregates := false
	switch n.(type) {
	case *GroupAggregate, *WindowAggregate:
		aggregates = true
	}
	o := &origin{rows: d.operator(n, !aggregates)}
	for i := range n.Fields() {
		o.columns = append(o.columns, digest("output", o.rows, fmt.Sprint(i)))
	}
	return o
}

// below is the origin of a Calc's input. Computed columns between a scan and its watermark
// belong to the source.
func (d *Identities) below(n *Calc) *origin {
	if scan, ok := n.Input.(*Scan); ok {
		if len(d.shapes[d.make(scan).rows]) <= 1 {
			return d.make(scan)
		}
	}
	return d.of(n.Input)
}

func (d *Identities) calc(n *Calc, in *origin) *origin {
	row := in.row(n.Input)
	o := &origin{rows: in.rows}
	if n.Where != nil {
		o.rows = digest("where", in.rows, format(n.Where, row, rex.Identity))
	}
	for _, e := range n.Exprs {
		text := format(e, row, rex.Identity)
		if _, ok := e.(*rex.Column); !ok {
			text = digest("expression", text, e.Type().Plain().String())
		}
		o.columns = append(o.columns, text)
	}
	return o
}

// operator is the rows that a node makes of its inputs.
func (d *Identities) operator(n Node, whole bool) string {
	in := n.Inputs()
	rows := make([]Node, len(in))
	parts := []string{"operator"}
	for i, c := range in {
		o := d.of(c)
		rows[i] = o.row(c)
		parts = append(parts, o.rows, fmt.Sprint(mode(c)))
		if whole {
			parts = append(parts, strings.Join(o.columns, " "))
		}
	}
	parts = append(parts, n.WithInputs(rows).Text(rex.Identity))
	if p, ok := n.(Physical); ok && p.Traits().FinalOnly {
		parts = append(parts, "final")
	}
	return digest(parts...)
}

// row is a stand-in for a node whose columns are called by their origins.
func (o *origin) row(n Node) *fieldsOnly {
	out := &fieldsOnly{}
	for i, f := range n.Fields() {
		out.fields = append(out.fields, types.Field{Name: o.columns[i], Type: f.Type})
	}
	return out
}

// digest is a hash of texts, 20 hexadecimal digits.
func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d %s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:10])
}
