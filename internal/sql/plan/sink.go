package plan

import (
	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/sql/catalog"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// Sink writes into a table.
type Sink struct {
	props
	Input   Node
	Table   *catalog.Table
	Targets []int
	// Materialize: the query does not keep the rows of one primary key together;
	// one of them is chosen before the sink.
	Materialize bool
	// First: of these the oldest one (ON CONFLICT DO NOTHING), not the newest.
	First bool
	// Keys is the primary key among the input's columns.
	Keys []int
	// NotNull are the columns in which the query may have a NULL and the table
	// may not.
	NotNull []int
	// Sink is the connector's.
	Sink connector.Sink
}

func (n *Sink) Inputs() []Node        { return []Node{n.Input} }
func (n *Sink) Fields() []types.Field { return n.Input.Fields() }

func (n *Sink) WithInputs(in []Node) Node {
	c := *n
	c.Input = in[0]
	return &c
}

func (n *Sink) Text(style rex.Style) string {
	s := "Sink(table=[" + n.Table.Path.String() + "]" + targetText(n.Targets)
	if style != rex.Identity {
		s += ", fields=" + list(FieldNames(n.Input))
	}
	if n.Materialize {
		s += ", upsertMaterialize=[true]"
	}
	return s + ")"
}
