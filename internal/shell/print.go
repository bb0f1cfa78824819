package shell

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/millrace/millrace/internal/format"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// Print writes a result's rows as they come, and returns how many there were.
func Print(ctx context.Context, w io.Writer, f Format, r Result) (rows int64, err error) {
	columns := r.Columns()
	if columns == nil {
		_, err = r.Next(ctx)
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return 0, err
	}
	p, err := newPrinter(w, f, columns, r.Streaming())
	if err != nil {
		return 0, err
	}
	for {
		b, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return rows, p.end()
		}
		if err != nil {
			p.cut()
			return rows, err
		}
		if err := p.rows(b); err != nil {
			return rows, err
		}
		rows += int64(b.Len())
	}
}

type printer interface {
	rows(*vec.Batch) error
	end() error
	// cut shows the rows that came before an error.
	cut()
}

func newPrinter(w io.Writer, f Format, columns []types.Field, streaming bool) (printer, error) {
	f, err := ParseFormat(string(f))
	switch {
	case err != nil:
		return nil, err
	case f == Table:
		return &tablePrinter{w: bufio.NewWriter(w), columns: columns, streaming: streaming}, nil
	}
	return newLinePrinter(w, f, columns)
}

// linePrinter prints a line a row: values alone as CSV, or
// {"op":"+I","row":{…}} with values as Flink's json format writes them. A MAP or MULTISET
// whose keys are no strings, which that refuses, is an array of {"key":…,"value":…}.
type linePrinter struct {
	w    *bufio.Writer
	enc  format.Encoder
	json bool
	buf  []byte
}

func newLinePrinter(w io.Writer, f Format, columns []types.Field) (*linePrinter, error) {
	factory, _ := format.Lookup(string(f))
	cfg := format.Config{Options: map[string]string{}, Entries: true}
	if f == JSON {
		cfg.Options["map-null-key.mode"] = "LITERAL" // as Flink's gateway shows them
	}
	for _, c := range columns {
		cfg.Columns = append(cfg.Columns, format.Column{Name: c.Name, Type: c.Type})
	}
	enc, err := factory.NewEncoder(cfg)
	return &linePrinter{w: bufio.NewWriter(w), enc: enc, json: f == JSON}, err
}

func (p *linePrinter) rows(b *vec.Batch) error {
	for i := range b.Len() {
		r := b.Row(i)
		p.buf = p.buf[:0]
		if p.json {
			p.buf = append(p.buf, `{"op":"`...)
			p.buf = append(p.buf, b.Kind(r).String()...)
			p.buf = append(p.buf, `","row":`...)
		}
		var err error
		if p.buf, err = p.enc.Encode(p.buf, b.Cols, r); err != nil {
			return err
		}
		if p.json {
			p.buf = append(p.buf, '}')
		}
		p.buf = append(p.buf, '\n')
		if _, err := p.w.Write(p.buf); err != nil {
			return err
		}
	}
	return p.w.Flush()
}

func (p *linePrinter) end() error { return p.w.Flush() }
func (p *linePrinter) cut()       { p.w.Flush() }

// tablePrinter draws a table as Flink's client does in tableau mode. The rows of a
// streaming result appear as they come, with a column for the row kind, in widths that
// the types need; those of a result that ends are held until the end, or until there
// are heldRows, and set the widths.
type tablePrinter struct {
	w         *bufio.Writer
	columns   []types.Field
	streaming bool
	held      [][]string
	widths    []int
	count     int64
	plain     bool // what was printed is no table
	buf       []byte
}

// heldRows is how many rows set the widths of a table.
const heldRows = 1000

// maxWidth is where a value is cut in a table (sql-client.display.max-column-width).
const maxWidth = 60

func (p *tablePrinter) cells(b *vec.Batch, r int) []string {
	var cells []string
	if p.streaming {
		cells = append(cells, b.Kind(r).String())
	}
	for _, c := range b.Cols {
		if c.IsNull(r) {
			cells = append(cells, "<NULL>")
			continue
		}
		p.buf = appendCell(p.buf[:0], c, r)
		cells = append(cells, clip(string(p.buf)))
	}
	return cells
}

// appendCell writes a value as text, bytes as SQL's literal of them.
func appendCell(dst []byte, c *vec.Vector, r int) []byte {
	if c.Type.IsBytes() {
		return fmt.Appendf(dst, "x'%x'", c.Bytes(r))
	}
	return vec.AppendText(dst, c, r)
}

func clip(s string) string {
	s = strings.NewReplacer("\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s)
	if utf8.RuneCountInString(s) <= maxWidth {
		return s
	}
	return string([]rune(s)[:maxWidth-1]) + "…"
}

func (p *tablePrinter) header() []string {
	var names []string
	if p.streaming {
		names = append(names, "op")
	}
	for _, c := range p.columns {
		names = append(names, clip(c.Name))
	}
	return names
}

// text prints results that are a text of several lines, such as EXPLAIN's, as they
// are.
func (p *tablePrinter) text(b *vec.Batch) error {
	for i := range b.Len() {
		p.w.Write(b.Cols[0].Bytes(b.Row(i)))
		p.w.WriteByte('\n')
	}
	p.plain = true
	return p.w.Flush()
}

func (p *tablePrinter) rows(b *vec.Batch) error {
	if len(p.columns) == 1 && p.columns[0].Name == "result" && p.columns[0].Type.IsString() && !p.streaming {
		return p.text(b)
	}
	lines := make([][]string, b.Len())
	for i := range lines {
		lines[i] = p.cells(b, b.Row(i))
	}
	p.count += int64(len(lines))
	if p.held = append(p.held, lines...); p.streaming || len(p.held) >= heldRows || p.widths != nil {
		p.draw()
	}
	return p.w.Flush()
}

// draw draws the rows that are held, and before the first of them the head.
func (p *tablePrinter) draw() {
	if p.widths == nil {
		p.begin()
	}
	for _, cells := range p.held {
		p.line(cells)
	}
	p.held = nil
}

// begin fixes the widths and draws the head.
func (p *tablePrinter) begin() {
	head := p.header()
	p.widths = make([]int, len(head))
	if p.streaming {
		for i, c := range p.columns {
			p.widths[i+1] = typeWidth(c.Type)
		}
	}
	for _, l := range append([][]string{head}, p.held...) {
		for i, c := range l {
			p.widths[i] = max(p.widths[i], utf8.RuneCountInString(c))
		}
	}
	p.rule()
	p.line(head)
	p.rule()
}

func (p *tablePrinter) rule() {
	for _, n := range p.widths {
		p.w.WriteString("+" + strings.Repeat("-", n+2))
	}
	p.w.WriteString("+\n")
}

// line draws a row: numbers to the right, all else to the left.
func (p *tablePrinter) line(cells []string) {
	for i, c := range cells {
		pad := strings.Repeat(" ", max(0, p.widths[i]-utf8.RuneCountInString(c)))
		col := i
		if p.streaming {
			col--
		}
		if col >= 0 && p.columns[col].Type.IsNumeric() {
			p.w.WriteString("| " + pad + c + " ")
		} else {
			p.w.WriteString("| " + c + pad + " ")
		}
	}
	p.w.WriteString("|\n")
}

func (p *tablePrinter) cut() {
	if len(p.held) > 0 {
		p.draw()
	}
	p.w.Flush()
}

func (p *tablePrinter) end() error {
	if p.plain {
		return nil
	}
	if p.count == 0 {
		p.w.WriteString("Empty set\n")
		return p.w.Flush()
	}
	p.draw()
	p.rule()
	rows := "rows"
	if p.count == 1 {
		rows = "row"
	}
	if p.streaming {
		fmt.Fprintf(p.w, "Received a total of %d %s\n", p.count, rows)
	} else {
		fmt.Fprintf(p.w, "%d %s in set\n", p.count, rows)
	}
	return p.w.Flush()
}
