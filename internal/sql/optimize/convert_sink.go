package optimize

import (
	"errors"
	"slices"

	"github.com/millrace/millrace/internal/sql/catalog"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// sink converts an INSERT, and holds what the query emits against what the table
// takes.
func (c *converter) sink(n *plan.LogicalSink, in plan.Node) (plan.Node, error) {
	made, err := n.Table.Factory.Sink(n.Table.Connector, c.env)
	if err != nil {
		return nil, errorAt(n.At, "table '%s': %s", n.Table.Path, err)
	}
	c.made = append(c.made, made)
	out := &plan.Sink{Table: n.Table, Targets: n.Targets, Sink: made, Keys: sinkKeys(n.Table), NotNull: notNull(n.Table, in)}
	takes := made.ChangelogMode(emits(in))
	if takes == types.AppendOnly && c.batch {
		in = final(in)
	}
	if takes == types.AppendOnly {
		out.Input = in
		return out, onlyTakesInserts(n, in)
	}
	if !takes.Has(types.UpdateBefore) && len(out.Keys) == 0 {
		if !inserts(in) {
			return nil, errorAt(n.At, "table '%s' takes updates by a primary key, but declares none: the query %s", n.Table.Path, changes(in))
		}
		out.Input = in
		return out, nil
	}
	c.keyed(out, in, takes, n.OnConflict == "NOTHING")
	return out, nil
}

// keyed gives a sink its rows by the primary key. If the query's changes are not
// by this key, or all rows but the first of a key are to be left out, one row of
// each is chosen before the sink.
func (c *converter) keyed(out *plan.Sink, in plan.Node, takes types.KindSet, first bool) {
	out.Input = in
	if takes.Has(types.UpdateBefore) {
		return
	}
	have, known := distribution(in)
	out.First = first
	out.Materialize = first || !inserts(in) && !hasSubset(orderedKeys(in), out.Keys)
	switch {
	case out.Materialize:
		out.Input = exchange(in, out.Keys)
	case !known || !within(have, out.Keys):
		out.Input = &plan.Exchange{Input: in, Keys: out.Keys}
	}
}

// hasKey says whether a key is among the keys, in any order.
func hasKey(keys [][]int, key []int) bool {
	return slices.ContainsFunc(keys, func(k []int) bool { return within(k, key) && within(key, k) })
}

// sinkKeys is the primary key among the columns that an INSERT writes.
func sinkKeys(t *catalog.Table) []int {
	var out []int
	for _, k := range t.PrimaryKey {
		out = append(out, slices.Index(t.SinkColumns(), k))
	}
	return out
}

// notNull are the columns that must be checked row by row.
func notNull(t *catalog.Table, in plan.Node) []int {
	var out []int
	fields := in.Fields()
	for i, c := range t.SinkColumns() {
		if t.Columns[c].Type.NotNull && !fields[i].Type.NotNull {
			out = append(out, i)
		}
	}
	return out
}

func onlyTakesInserts(n *plan.LogicalSink, in plan.Node) error {
	if inserts(in) {
		return nil
	}
	return errorAt(n.At, "Table sink '%s' doesn't support consuming %s", n.Table.Path, changes(in))
}

// onlyInserts refuses a changing input of an operator that cannot take it.
func onlyInserts(operator string, in plan.Node, at parser.Pos) error {
	if inserts(in) {
		return nil
	}
	return errorAt(at, "%s doesn't support consuming %s", operator, changes(in))
}

// changes says in Flink's words which changes a node has, and where from.
func changes(in plan.Node) string {
	what := "update changes"
	if emits(in).Has(types.Delete) {
		what = "update and delete changes"
	}
	return what + " which is produced by node " + origin(in).Text(rex.Prefix)
}

// origin is the node that makes changes which others only hand on.
func origin(n plan.Node) plan.Node {
	switch n.(type) {
	case *plan.Calc, *plan.Exchange, *plan.Watermark, *plan.Union, *plan.WindowFunction:
		for _, in := range n.Inputs() {
			if !inserts(in) {
				return origin(in)
			}
		}
	}
	return n
}

// root makes a batch query final: what is shown are its last rows.
func (c *converter) root(n plan.Node) plan.Node {
	if _, sink := n.(*plan.Sink); sink || !c.batch {
		return n
	}
	return final(n)
}

// final keeps a changing input until its end, and gives the rows there are then.
func final(n plan.Node) plan.Node {
	if inserts(n) {
		return n
	}
	out := &plan.SortLimit{Input: exchange(n, nil), Fetch: -1, Strategy: plan.Retract}
	out.Traits().FinalOnly = true
	return out
}

// closeExcept closes the sinks that are in no plan of the statement.
func (c *converter) closeExcept(s *plan.Statement) error {
	var errs []error
	for _, k := range c.made[min(len(s.Sinks()), len(c.made)):] {
		errs = append(errs, k.Close())
	}
	return errors.Join(errs...)
}
