package csv

import (
	"bytes"
	"fmt"

	"github.com/millrace/millrace/internal/format"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// decoder decodes records into the columns that are wanted, and passes over the
// others.
type decoder struct {
	dialect
	columns   []format.Column // of the record
	fields    []*field        // by place in the record, nil where not wanted
	out       []*field        // by place in the result
	comments  bool
	ignore    bool
	trim      bool
	emptyNull bool
	skipFirst bool
	header    bool

	rows    int
	skipped int64
	scratch []byte // a field without its quotes and escapes
}

func newDecoder(cfg format.Config) (format.Decoder, error) {
	dia, set, err := newDialect(cfg.Options)
	if err != nil {
		return nil, err
	}
	d := &decoder{
		dialect: dia, columns: cfg.Columns, fields: make([]*field, len(cfg.Columns)),
		comments: set.Bool(optComments), ignore: set.Bool(optIgnore), trim: set.Bool(optTrim),
		emptyNull: set.Bool(optEmptyNull), skipFirst: set.Bool(optIgnoreFirst), header: set.Bool(optHeader),
	}
	project := cfg.Project
	if project == nil {
		for i := range cfg.Columns {
			project = append(project, i)
		}
	}
	for _, p := range project {
		f, err := newField(cfg.Columns[p])
		if err != nil {
			return nil, err
		}
		if d.fields[p] != nil {
			return nil, fmt.Errorf("column %s is asked for twice", f.name)
		}
		d.fields[p] = f
		d.out = append(d.out, f)
	}
	return d, nil
}

// Reset begins a batch.
func (d *decoder) Reset(capRows int) {
	d.rows = 0
	for _, f := range d.out {
		if f.b == nil {
			f.b = vec.NewBuilder(f.typ, capRows)
		}
		f.b.Truncate(0)
	}
}

// Finish gives the columns decoded since Reset.
func (d *decoder) Finish() ([]*vec.Vector, []types.RowKind) {
	cols := make([]*vec.Vector, len(d.out))
	for i, f := range d.out {
		cols[i] = f.b.Finish()
	}
	d.rows = 0
	return cols, nil
}

// Skipped counts the records left out.
func (d *decoder) Skipped() int64 { return d.skipped }

// Decode appends the row of one record.
func (d *decoder) Decode(record []byte) (int, error) {
	record = trimLineEnd(record)
	if len(record) == 0 && len(d.columns) > 1 || d.comments && len(record) > 0 && record[0] == '#' {
		return 0, nil
	}
	err := d.record(record)
	if err == nil {
		d.rows++
		return 1, nil
	}
	for _, f := range d.out {
		f.b.Truncate(d.rows)
		f.b.TruncateOpen()
	}
	if d.ignore {
		d.skipped++
		return 0, nil
	}
	return 0, err
}

func trimLineEnd(b []byte) []byte {
	if n := len(b); n > 0 && b[n-1] == '\n' {
		b = b[:n-1]
	}
	if n := len(b); n > 0 && b[n-1] == '\r' {
		b = b[:n-1]
	}
	return b
}

func (d *decoder) record(s []byte) error {
	i := 0
	for place := 0; ; place++ {
		var f *field
		if place < len(d.fields) {
			f = d.fields[place]
		} else if i == len(s) {
			return nil // one delimiter more, after the last field
		} else {
			return d.wrongCount(s)
		}
		text, next, ok := d.cut(s, i)
		if !ok {
			return d.unclosed(place, s[i:])
		}
		if f != nil {
			if err := d.field(f, text); err != nil {
				return err
			}
		}
		if next > len(s) {
			return d.fillMissing(s, place+1)
		}
		i = next
	}
}

// field appends a field's value.
func (d *decoder) field(f *field, text []byte) error {
	if len(text) == 0 && d.emptyNull || d.hasNull && bytes.Equal(text, d.null) {
		f.b.AppendNull()
		return nil
	}
	err := f.append(&d.dialect, text)
	if err == nil {
		return nil
	}
	if d.ignore {
		f.b.TruncateOpen()
		f.b.AppendNull()
		return nil
	}
	t := f.typ
	t.NotNull = false
	return format.NewParseError(f.name, text, t.SQL(), format.Reason(t, err))
}

// fillMissing ends a record that had n fields.
func (d *decoder) fillMissing(s []byte, n int) error {
	if n == len(d.fields) {
		return nil
	}
	if !d.ignore {
		return d.wrongCount(s)
	}
	for _, f := range d.fields[n:] {
		if f != nil {
			f.b.AppendNull()
		}
	}
	return nil
}

// wrongCount says that a record has not as many fields as the table columns.
func (d *decoder) wrongCount(s []byte) error {
	n := d.count(s)
	want := fmt.Sprintf("record of %d fields", len(d.columns))
	if n < len(d.columns) {
		return format.NewParseError(d.columns[n].Name, s, want, fmt.Sprintf("it has %d", n))
	}
	return format.NewParseError("", s, want, fmt.Sprintf("it has %d", n))
}

func (d *decoder) unclosed(place int, s []byte) error {
	name := ""
	if place < len(d.columns) {
		name = d.columns[place].Name
	}
	return format.NewParseError(name, s, "field in quotes", "the quote is not closed, or something follows it")
}

// count is how many fields a record has.
func (d *decoder) count(s []byte) int {
	n := 0
	for i := 0; i <= len(s); n++ {
		_, next, ok := d.cut(s, i)
		if !ok {
			return n + 1
		}
		i = next
	}
	return n
}

// HasHeader says that the first record of a file is not to be decoded.
func (d *decoder) HasHeader() bool { return d.header || d.skipFirst }

// Header looks whether a file's header has as many columns as the table.
func (d *decoder) Header(record []byte) error {
	record = trimLineEnd(record)
	if !d.header || d.count(record) == len(d.columns) {
		return nil
	}
	return fmt.Errorf("the header names %d columns, and the table has %d%s", d.count(record), len(d.columns), d.missing(record))
}

// missing names the columns that a header leaves out.
func (d *decoder) missing(header []byte) string {
	names := map[string]bool{}
	for i := 0; i <= len(header); {
		text, next, ok := d.cut(header, i)
		if !ok {
			break
		}
		names[string(bytes.ToLower(bytes.TrimSpace(text)))] = true
		i = next
	}
	out := ""
	for _, c := range d.columns {
		if !names[string(bytes.ToLower([]byte(c.Name)))] {
			if out != "" {
				out += ", "
			}
			out += c.Name
		}
	}
	if out == "" {
		return ""
	}
	return "; it does not name " + out
}
