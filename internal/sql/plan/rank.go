package plan

import (
	"fmt"

	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// RankStrategy is what a Top-N must expect of its input, and so has to keep.
type RankStrategy uint8

// Only inserts; updates by a key, whose order only gets better (Flink's
// condition; here the key is enough); anything.
const (
	AppendFast RankStrategy = iota
	UpdateFast
	Retract
)

// Rank is a Top-N: the rows with the numbers Start to End in each partition.
type Rank struct {
	props
	Input      Node
	Partition  []int
	Order      []SortKey
	Start, End int64 // End < 0: no bound
	// Number adds the row number as the last column, called NumberName.
	Number     bool
	NumberName string
	Strategy   RankStrategy
	// Unique identifies an input row of UpdateFast.
	Unique []int
}

func (n *Rank) Inputs() []Node { return []Node{n.Input} }

func (n *Rank) WithInputs(in []Node) Node {
	c := *n
	c.Input = in[0]
	return &c
}

func (n *Rank) Fields() []types.Field {
	out := append([]types.Field{}, n.Input.Fields()...)
	if n.Number {
		out = append(out, types.Field{Name: n.NumberName, Type: types.TBigInt.Required()})
	}
	return out
}

func strategyText(s RankStrategy, unique []int) string {
	switch s {
	case AppendFast:
		return "AppendFastStrategy"
	case UpdateFast:
		text := ""
		for i, c := range unique {
			if i > 0 {
				text += ","
			}
			text += fmt.Sprint(c)
		}
		return "UpdateFastStrategy[" + text + "]"
	}
	return "RetractStrategy"
}

func (n *Rank) Text(rex.Style) string {
	return fmt.Sprintf("Rank(strategy=[%s], rankType=[ROW_NUMBER], rankRange=[rankStart=%d, rankEnd=%d], partitionBy=[%s], orderBy=%s, select=%s)",
		strategyText(n.Strategy, n.Unique), n.Start, n.End, columnList(n.Input, n.Partition), orderText(n.Order, n.Input), list(FieldNames(n)))
}

// Deduplicate keeps the first or last row of a key by a time attribute.
type Deduplicate struct {
	props
	Input Node
	Keys  []int
	Time  int
	Proc  bool
	Last  bool
}

func (n *Deduplicate) Inputs() []Node { return []Node{n.Input} }

func (n *Deduplicate) WithInputs(in []Node) Node {
	c := *n
	c.Input = in[0]
	return &c
}

func (n *Deduplicate) Fields() []types.Field {
	return append([]types.Field{}, n.Input.Fields()...)
}

func (n *Deduplicate) Text(rex.Style) string {
	keep, order := "FirstRow", "ROWTIME"
	if n.Last {
		keep = "LastRow"
	}
	if n.Proc {
		order = "PROCTIME"
	}
	return fmt.Sprintf("Deduplicate(keep=[%s], key=[%s], order=[%s], outputInsertOnly=[%v])", keep, columnList(n.Input, n.Keys), order, n.InsertOnly())
}

// InsertOnly says whether a row, once given, stays: the first to arrive.
func (n *Deduplicate) InsertOnly() bool { return n.Proc && !n.Last }

// SortLimit is ORDER BY with LIMIT.
type SortLimit struct {
	props
	Input         Node
	Order         []SortKey
	Offset, Fetch int64 // Fetch < 0: no limit
	Strategy      RankStrategy
	Unique        []int
}

func (n *SortLimit) Inputs() []Node { return []Node{n.Input} }

func (n *SortLimit) WithInputs(in []Node) Node {
	c := *n
	c.Input = in[0]
	return &c
}

func (n *SortLimit) Fields() []types.Field {
	out := append([]types.Field{}, n.Input.Fields()...)
	stripTime(out)
	return out
}

func (n *SortLimit) Text(rex.Style) string {
	return fmt.Sprintf("SortLimit(orderBy=%s, offset=[%d], fetch=[%s], strategy=[%s])",
		orderText(n.Order, n.Input), n.Offset, fetchText(n.Fetch), strategyText(n.Strategy, n.Unique))
}

func fetchText(n int64) string {
	if n < 0 {
		return "unlimited"
	}
	return fmt.Sprint(n)
}

// Limit is LIMIT without ORDER BY, of rows that are only inserted.
type Limit struct {
	props
	Input         Node
	Offset, Fetch int64
}

func (n *Limit) Inputs() []Node        { return []Node{n.Input} }
func (n *Limit) Fields() []types.Field { return n.Input.Fields() }

func (n *Limit) WithInputs(in []Node) Node {
	c := *n
	c.Input = in[0]
	return &c
}

func (n *Limit) Text(rex.Style) string {
	return fmt.Sprintf("Limit(offset=[%d], fetch=[%s])", n.Offset, fetchText(n.Fetch))
}

// Sort is ORDER BY without LIMIT: by event time as the watermark passes
// (TemporalSort), or of a bounded input at its end.
type Sort struct {
	props
	Input    Node
	Order    []SortKey
	Temporal bool
}

func (n *Sort) Inputs() []Node        { return []Node{n.Input} }
func (n *Sort) Fields() []types.Field { return n.Input.Fields() }

func (n *Sort) WithInputs(in []Node) Node {
	c := *n
	c.Input = in[0]
	return &c
}

func (n *Sort) Text(rex.Style) string {
	name := "Sort"
	if n.Temporal {
		name = "TemporalSort"
	}
	return name + "(orderBy=" + orderText(n.Order, n.Input) + ")"
}
