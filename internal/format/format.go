// Package format says what a format is: how the bytes of a record become values of
// columns, and the other way round. Each format has a folder of its own below this
// one, which registers it when it is imported.
package format

import (
	"sort"
	"time"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// Option is the specification of one option of a format, its name without the
// format's prefix: from it come the check of WITH (…) and the reference pages.
type Option struct {
	Name string
	// Type is one of string, bool, int, duration, size, enum.
	Type     string
	Default  string
	Required bool
	Values   []string // of an enum
	Doc      string
}

// Factory makes decoders and encoders of one format.
type Factory struct {
	// Name is the value of the option 'format', and the prefix of its options.
	Name string
	// Summary is one sentence for the reference pages.
	Summary string
	Options []Option
	// ChangelogMode is which row kinds decoded rows can have.
	ChangelogMode types.KindSet

	NewDecoder func(Config) (Decoder, error)
	NewEncoder func(Config) (Encoder, error)
}

// Column is a column that is decoded or encoded.
type Column struct {
	Name string
	Type types.Type
}

// Config is what a decoder or encoder is made for.
type Config struct {
	// Columns are those of the record: all of them for a format that goes by place
	// (csv), at least the wanted ones for one that goes by name (json).
	Columns []Column
	// Project are indexes into Columns: the columns that Finish gives, in this
	// order. nil stands for all.
	Project []int
	// Fields are, for a column that is a ROW, the fields of the first level that are
	// used, by the column's index into Columns; a column that is not in it is used
	// whole. A decoder may leave out the others, which are NULL then.
	Fields map[int][]int
	// Options are those of the format, their prefix cut off: "ignore-parse-errors".
	Options map[string]string
	// Location is table.local-time-zone.
	Location *time.Location
	// Entries is for people and programs that are shown a result: format json then writes
	// a MAP or MULTISET whose keys are no strings, which Flink's format does not take, as
	// an array of {"key":…,"value":…}. No table has it.
	Entries bool
}

// Projected are the columns that a decoder gives.
func (c Config) Projected() []Column {
	if c.Project == nil {
		return c.Columns
	}
	out := make([]Column, len(c.Project))
	for i, p := range c.Project {
		out[i] = c.Columns[p]
	}
	return out
}

// UsedFields are the fields that are used of the i-th projected column; nil: all.
func (c Config) UsedFields(i int) []int {
	if c.Project != nil {
		i = c.Project[i]
	}
	return c.Fields[i]
}

// Decoder decodes records straight into vectors. One belongs to one reader.
//
//	Reset ── Decode … Decode ── Finish ─┐
//	   ^────────────────────────────────┘
type Decoder interface {
	// Reset begins a batch of about capRows rows. What Finish gave before stays
	// untouched.
	Reset(capRows int)
	// Decode appends the rows of one record and says how many these are: usually
	// one, none if the record was skipped (and counted), several if it holds
	// several. An error is a *ParseError, and leaves the batch as it was before.
	Decode(record []byte) (rows int, err error)
	// Finish gives the batch's columns, and the kinds of its rows: nil if all are
	// inserts.
	Finish() (cols []*vec.Vector, kinds []types.RowKind)
	// Skipped counts the records left out by ignore-parse-errors so far.
	Skipped() int64
}

// Splitter is a Decoder whose records in a file are more than lines, or whose files
// have a header.
type Splitter interface {
	// RecordEnd says how long the first record of buf is, without (n) and with
	// (next) what ends it. next is 0 if buf does not hold its end; at the end of
	// the file (last) a record need not be ended.
	RecordEnd(buf []byte, last bool) (n, next int)
	// HasHeader says that the first record of every file is its header, which
	// Header is given instead of Decode.
	HasHeader() bool
	Header(record []byte) error
}

// Encoder encodes rows, a record each. One belongs to one writer.
type Encoder interface {
	// Encode appends the record of a row. The columns are Config.Columns.
	Encode(dst []byte, cols []*vec.Vector, row int) ([]byte, error)
}

var registry = map[string]*Factory{}

// Register adds a format: the packages below this one call it in init, so that
// importing them is enough.
func Register(f *Factory) { registry[f.Name] = f }

// Lookup finds a format by name.
func Lookup(name string) (*Factory, bool) {
	f, ok := registry[name]
	return f, ok
}

// Names are the names of all formats, sorted.
func Names() []string {
	var out []string
	for n := range registry {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}
