package catalog

import (
	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// Path is the full name of an object: catalog, database, name.
type Path [3]string

// String is the path with dots, as messages show it.
func (p Path) String() string { return p[0] + "." + p[1] + "." + p[2] }

// Name is the last part.
func (p Path) Name() string { return p[2] }

// ColumnKind tells the three kinds of columns apart.
type ColumnKind uint8

// The kinds of columns.
const (
	Physical ColumnKind = iota
	Metadata
	Computed
)

// Column is a column of a table as it was declared.
type Column struct {
	Name    string
	Type    types.Type
	Comment string
	Kind    ColumnKind
	// MetadataKey is what METADATA FROM says, or the column's name.
	MetadataKey string
	// HasKey: FROM was written.
	HasKey  bool
	Virtual bool
	// Expr computes a computed column from the columns of Table.Connector; Text
	// is how it was written.
	Expr rex.Expr
	Text string
	// Position is the column's index in Table.Connector.Columns, -1 if it is
	// computed.
	Position int
}

// Persisted says whether the column is written by an INSERT.
func (c *Column) Persisted() bool {
	return c.Kind == Physical || c.Kind == Metadata && !c.Virtual
}

// Watermark is WATERMARK FOR Column AS Expr, over the table's columns.
type Watermark struct {
	Column int
	Expr   rex.Expr
	Text   string
}

// Option is one entry of WITH, in the order in which it was written.
type Option struct{ Key, Value string }

// Table is a resolved table.
type Table struct {
	Path      Path
	Comment   string
	Temporary bool
	// Columns are all columns in the declared order. The type of the watermark's
	// column has its time attribute.
	Columns   []Column
	Watermark *Watermark
	// PrimaryKey are indexes into Columns; nil if there is none.
	PrimaryKey     []int
	ConstraintName string
	PartitionedBy  []string
	Options        []Option
	// Factory makes the table's sources and sinks from Connector, which leaves
	// out computed columns.
	Factory   *connector.Factory
	Connector connector.Table
	// Def is the statement that made the table; a changed table is bound anew
	// from a changed Def.
	Def *parser.CreateTable
}

// Option is an option's value.
func (t *Table) Option(key string) (string, bool) {
	v, ok := t.Connector.Options[key]
	return v, ok
}

// Fields are the columns with their types.
func (t *Table) Fields() []types.Field {
	out := make([]types.Field, len(t.Columns))
	for i, c := range t.Columns {
		out[i] = types.Field{Name: c.Name, Type: c.Type, Comment: c.Comment}
	}
	return out
}

// ScanFields are the columns that the connector reads: all but the computed.
func (t *Table) ScanFields() []types.Field {
	out := make([]types.Field, len(t.Connector.Columns))
	for i, c := range t.Connector.Columns {
		out[i] = types.Field{Name: c.Name, Type: c.Type}
	}
	return out
}

// SinkColumns are the indexes of the columns that an INSERT writes.
func (t *Table) SinkColumns() []int {
	var out []int
	for i := range t.Columns {
		if t.Columns[i].Persisted() {
			out = append(out, i)
		}
	}
	return out
}

// HasComputed says whether any column is computed.
func (t *Table) HasComputed() bool {
	for i := range t.Columns {
		if t.Columns[i].Kind == Computed {
			return true
		}
	}
	return false
}

// IsKey says whether column i belongs to the primary key.
func (t *Table) IsKey(i int) bool {
	for _, k := range t.PrimaryKey {
		if k == i {
			return true
		}
	}
	return false
}
