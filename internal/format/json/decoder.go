package json

import (
	"fmt"

	"github.com/millrace/millrace/internal/format"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// decoder decodes objects into the columns of root, a ROW that is never built
// itself: only its fields are.
type decoder struct {
	root        *node
	rows        int
	failMissing bool
	ignore      bool
	sep         byte // between date and time: a blank, or T for ISO-8601
	skipped     int64
	widen       []*widener // of each column, nil where all of it is decoded

	fault    fault
	scratch  []byte // an unescaped string
	brackets []byte // what skipNested has to find closed
}

// fault is why the current record cannot be decoded.
type fault struct {
	node   *node // the column, nil if it is the JSON itself
	at     int   // where in the record
	end    int   // where the offending value ends, 0 for a fault of the JSON
	reason string
	miss   *node // the field that is missing
}

func newDecoder(cfg format.Config) (format.Decoder, error) {
	set, err := Factory.Settings(cfg.Options)
	if err != nil {
		return nil, err
	}
	d := &decoder{
		failMissing: set.Bool(optFailOnMissing),
		ignore:      set.Bool(optIgnoreErrors),
		sep:         separator(set),
	}
	if d.failMissing && d.ignore {
		return nil, fmt.Errorf("options 'json.%s' and 'json.%s' cannot both be true", optFailOnMissing, optIgnoreErrors)
	}
	var fields []types.Field
	for i, c := range cfg.Projected() {
		typ, w := narrow(c.Type, cfg.UsedFields(i))
		fields = append(fields, types.Field{Name: c.Name, Type: typ})
		d.widen = append(d.widen, w)
	}
	d.root = &node{kind: kindRow, typ: types.TRow(fields...)}
	if err := (compiler{d.sep, cfg.Entries}).fields(d.root); err != nil {
		return nil, err
	}
	return d, nil
}

// separator is what stands between date and time.
func separator(set format.Settings) byte {
	if set.String(optTimestamp) == standardISO {
		return 'T'
	}
	return ' '
}

// Reset begins a batch.
func (d *decoder) Reset(capRows int) {
	d.rows = 0
	for i := range d.root.fields {
		f := d.root.fields[i].node
		if f.b == nil {
			f.bind(vec.NewBuilder(f.typ, capRows))
		}
		f.b.Truncate(0)
	}
}

// Decode appends the rows of one record.
func (d *decoder) Decode(record []byte) (int, error) {
	start := d.rows
	if d.record(record) {
		return d.rows - start, nil
	}
	d.rows = start
	for i := range d.root.fields {
		b := d.root.fields[i].node.b
		b.Truncate(start)
		b.TruncateOpen()
	}
	if d.ignore {
		d.skipped++
		return 0, nil
	}
	return 0, d.parseError(record)
}

// record decodes an object, an array of objects, or nothing; false if there is a
// fault.
func (d *decoder) record(s []byte) bool {
	i := skipSpace(s, 0)
	if i == len(s) {
		return true
	}
	switch {
	case s[i] == '{':
		i = d.topRow(s, i)
	case s[i] == '[':
		i = d.topArray(s, i)
	case word(s, i, "null"):
		i += 4
	default:
		d.syntax(i, "an object expected")
		return false
	}
	if i < 0 {
		return false
	}
	if i = skipSpace(s, i); i < len(s) {
		d.syntax(i, "the end of the record expected")
		return false
	}
	return true
}

func (d *decoder) topRow(s []byte, i int) int {
	if i = d.row(d.root, s, i, d.rows); i >= 0 {
		d.rows++
	}
	return i
}

func (d *decoder) topArray(s []byte, i int) int {
	return d.elements(s, i, func(i int) int {
		if s[i] != '{' {
			return d.syntax(i, "an object expected")
		}
		return d.topRow(s, i)
	})
}

// Finish gives the columns decoded since Reset.
func (d *decoder) Finish() ([]*vec.Vector, []types.RowKind) {
	cols := make([]*vec.Vector, len(d.root.fields))
	for i := range d.root.fields {
		cols[i] = d.root.fields[i].node.b.Finish()
		if d.widen[i] != nil {
			cols[i] = d.widen[i].vector(cols[i])
		}
	}
	d.rows = 0
	return cols, nil
}

// Skipped counts the records left out.
func (d *decoder) Skipped() int64 { return d.skipped }

// syntax notes a fault of the JSON at s[at] and gives -1.
func (d *decoder) syntax(at int, reason string) int {
	d.fault = fault{at: at, reason: reason}
	return -1
}

// parseError puts the fault into words.
func (d *decoder) parseError(s []byte) error {
	f := d.fault
	switch {
	case f.miss != nil:
		return format.NewParseError(f.miss.path, s[f.at:], "record with this field", "")
	case f.node == nil:
		return format.NewParseError("", s[min(f.at, len(s)):], "JSON", fmt.Sprintf("byte %d: %s", f.at, f.reason))
	}
	text := s[f.at:f.end]
	if n := len(text); n >= 2 && text[0] == '"' {
		text = text[1 : n-1]
	}
	t := f.node.typ
	t.NotNull = false
	return format.NewParseError(f.node.path, text, t.SQL(), f.reason)
}
