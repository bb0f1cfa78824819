package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// Physical is a node of a physical plan.
type Physical interface {
	Node
	// Traits are what the optimizer has found out and decided about the node's
	// output.
	Traits() *Traits
}

// Traits are properties of a physical node's output.
type Traits struct {
	// Mode is which row kinds the node emits; 0 for a sink.
	Mode types.KindSet
	// Fold: the node may emit the changes of a step once a key, for all who read
	// it need only the latest row of a key.
	Fold bool
	// FinalOnly: the node emits only final results, at the end of its input.
	FinalOnly bool
}

// props makes a node that embeds it Physical.
type props struct{ traits Traits }

// Traits are the node's.
func (p *props) Traits() *Traits { return &p.traits }

// IDs gives the nodes of finished plans their IDs. It remembers them: an ID is made of
// those below, and whoever asks for one asks for all.
type IDs struct{ known map[Node]known }

type known struct {
	id string
	as *fieldsOnly // the node's columns, with numbers for names
}

// Of is a text that is the same for sub-plans that compute the same: the node
// with its inputs, but not the names of columns and not the place in the
// statement. State in a job's journal is found by it.
func (d *IDs) Of(n Node) string { return d.node(n).id }

func (d *IDs) node(n Node) known {
	if k, ok := d.known[n]; ok {
		return k
	}
	in := n.Inputs()
	bare := make([]Node, len(in))
	h := sha256.New()
	for i, c := range in {
		k := d.node(c)
		h.Write([]byte(k.id))
		bare[i] = k.as
	}
	over := n.WithInputs(bare)
	h.Write([]byte(over.Text(rex.Identity)))
	k := known{as: &fieldsOnly{}}
	for i, f := range over.Fields() {
		h.Write([]byte(f.Type.String()))
		k.as.fields = append(k.as.fields, types.Field{Name: dollar(i), Type: f.Type})
	}
	if p, ok := n.(Physical); ok {
		fmt.Fprintf(h, "%d %v", p.Traits().Mode, p.Traits().FinalOnly)
	}
	k.id = hex.EncodeToString(h.Sum(nil)[:10])
	if d.known == nil {
		d.known = map[Node]known{}
	}
	d.known[n] = k
	return k
}

// format writes an expression with the columns of an input.
func format(e rex.Expr, in Node, style rex.Style) string {
	return rex.Format(e, style, rex.Names(in.Fields()))
}

// selectText is a list of expressions as a Calc shows them: an expression gets
// AS, unless it is a column of the same name.
func selectText(exprs []rex.Expr, names []string, in Node, style rex.Style) string {
	items := make([]string, len(exprs))
	columns := rex.Names(in.Fields())
	for i, e := range exprs {
		items[i] = rex.Format(e, style, columns)
		if style != rex.Identity && items[i] != names[i] {
			items[i] += " AS " + names[i]
		}
	}
	return list(items)
}

// orderText is a list of sort keys: [a ASC, b DESC].
func orderText(keys []SortKey, in Node) string {
	fields := in.Fields()
	items := make([]string, len(keys))
	for i, k := range keys {
		items[i] = fields[k.Column].Name + " ASC"
		if k.Desc {
			items[i] = fields[k.Column].Name + " DESC"
		}
		if k.NullsFirst == k.Desc { // not the default of the direction
			items[i] += " NULLS " + map[bool]string{true: "FIRST", false: "LAST"}[k.NullsFirst]
		}
	}
	return list(items)
}

// columnList is columns of an input by name, with a comma and a blank between.
func columnList(in Node, columns []int) string {
	return strings.Join(pick(FieldNames(in), columns), ", ")
}
