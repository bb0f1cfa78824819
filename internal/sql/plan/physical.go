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

// ID is a text that is the same for sub-plans that compute the same: the node
// with its inputs, but not the names of columns and not the place in the
// statement. State in a job's journal is found by it.
func ID(n Node) string {
	in := n.Inputs()
	bare := make([]Node, len(in))
	h := sha256.New()
	for i, c := range in {
		h.Write([]byte(ID(c)))
		bare[i] = nameless(c.Fields())
	}
	h.Write([]byte(n.WithInputs(bare).Text(rex.Identity)))
	for _, f := range n.Fields() {
		h.Write([]byte(f.Type.String()))
	}
	if p, ok := n.(Physical); ok {
		fmt.Fprintf(h, "%d %v", p.Traits().Mode, p.Traits().FinalOnly)
	}
	return hex.EncodeToString(h.Sum(nil)[:10])
}

// nameless stands for an input whose columns have only numbers.
type nameless []types.Field

func (n nameless) Inputs() []Node         { return nil }
func (n nameless) WithInputs([]Node) Node { return n }
func (n nameless) Text(rex.Style) string  { return "" }
func (n nameless) Fields() []types.Field {
	out := make([]types.Field, len(n))
	for i, f := range n {
		out[i] = types.Field{Name: dollar(i), Type: f.Type}
	}
	return out
}

// format writes an expression with the columns of an input.
func format(e rex.Expr, in Node, style rex.Style) string {
	return rex.Format(e, style, rex.Names(in.Fields()))
}

// selectText is a list of expressions as a Calc shows them: an expression gets
// AS, unless it is a column of the same name.
func selectText(exprs []rex.Expr, names []string, in Node, style rex.Style) string {
	items := make([]string, len(exprs))
	for i, e := range exprs {
		items[i] = format(e, in, style)
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
