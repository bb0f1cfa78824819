package plan

import (
	"fmt"
	"slices"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/sql/catalog"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// Scan reads columns of a table: TableSourceScan.
type Scan struct {
	props
	Table *catalog.Table
	// Columns are indexes into Table.Connector.Columns.
	Columns []int
	Hints   []catalog.Option
	// Source is the connector's, made with the hints.
	Source connector.Source
}

func (n *Scan) Inputs() []Node { return nil }

func (n *Scan) WithInputs([]Node) Node {
	c := *n
	return &c
}

func (n *Scan) Fields() []types.Field {
	all := n.Table.ScanFields()
	out := make([]types.Field, len(n.Columns))
	for i, c := range n.Columns {
		out[i] = all[c]
	}
	return out
}

func (n *Scan) Text(rex.Style) string {
	p := n.Table.Path
	fields := list(FieldNames(n))
	project := ""
	if len(n.Columns) != len(n.Table.Connector.Columns) || !slices.IsSorted(n.Columns) {
		project = ", project=" + fields
		if len(n.Table.Factory.Metadata) > 0 {
			project = ", project=" + list(n.names(false)) + ", metadata=" + list(n.names(true))
		}
	}
	return fmt.Sprintf("TableSourceScan(table=[[%s, %s, %s%s]], fields=%s%s)", p[0], p[1], p[2], project, fields, hintText(n.Hints))
}

// names are the physical columns, or the keys of the metadata columns.
func (n *Scan) names(metadata bool) []string {
	var out []string
	for _, c := range n.Columns {
		col := n.Table.Connector.Columns[c]
		switch {
		case !metadata && col.Metadata == "":
			out = append(out, col.Name)
		case metadata && col.Metadata != "":
			out = append(out, col.Metadata)
		}
	}
	return out
}

// Values is a table of constants.
type Values struct {
	props
	Out  []types.Field
	Rows [][]*rex.Literal
}

func (n *Values) Inputs() []Node        { return nil }
func (n *Values) Fields() []types.Field { return n.Out }

func (n *Values) WithInputs([]Node) Node {
	c := *n
	return &c
}

func (n *Values) Text(style rex.Style) string {
	return "Values(tuples=[" + tuples(n.Rows, style) + "])"
}
