package plan

import (
	"fmt"
	"strings"

	"github.com/millrace/millrace/internal/sql/catalog"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

func (n *LogicalScan) Text(rex.Style) string {
	p := n.Table.Path
	return fmt.Sprintf("LogicalTableScan(table=[[%s, %s, %s]]%s)", p[0], p[1], p[2], hintText(n.Hints))
}

func hintText(hints []catalog.Option) string {
	if len(hints) == 0 {
		return ""
	}
	items := make([]string, len(hints))
	for i, h := range hints {
		items[i] = h.Key + "=" + h.Value
	}
	return ", hints=[[[OPTIONS options:{" + strings.Join(items, ", ") + "}]]]"
}

func (n *LogicalProject) Text(rex.Style) string {
	items := make([]string, len(n.Exprs))
	for i, e := range n.Exprs {
		items[i] = n.Names[i] + "=[" + logical(e) + "]"
	}
	return "LogicalProject(" + strings.Join(items, ", ") + ")"
}

func logical(e rex.Expr) string { return rex.Format(e, rex.Logical, dollar) }

func (n *LogicalFilter) Text(rex.Style) string {
	return "LogicalFilter(condition=[" + logical(n.Cond) + "])"
}

func (n *LogicalWatermark) Text(rex.Style) string {
	return fmt.Sprintf("LogicalWatermarkAssigner(rowtime=[%s], watermark=[%s])", n.Input.Fields()[n.Column].Name, logical(n.Expr))
}

func (n *LogicalWindow) Text(rex.Style) string {
	w := n.Window
	args := []string{fmt.Sprintf("DESCRIPTOR($%d)", n.Time)}
	if len(n.Partition) > 0 {
		keys := make([]string, len(n.Partition))
		for i, k := range n.Partition {
			keys[i] = dollar(k)
		}
		args = append([]string{"PARTITION BY(" + strings.Join(keys, ", ") + ")"}, args...)
	}
	if w.Kind == Hop || w.Kind == Cumulate {
		args = append(args, interval(w.Step))
	}
	args = append(args, interval(w.Size))
	if w.Offset != 0 {
		args = append(args, interval(w.Offset))
	}
	fields := n.Fields()
	rows := make([]string, len(fields))
	for i, f := range fields {
		rows[i] = recordType(f.Type) + " " + f.Name
	}
	return fmt.Sprintf("LogicalTableFunctionScan(invocation=[%s(%s)], rowType=[RecordType(%s)])", w.Kind, strings.Join(args, ", "), strings.Join(rows, ", "))
}

// recordType is a type inside of a RecordType: without NOT NULL, with its time
// attribute.
func recordType(t types.Type) string {
	s := rex.TypeName(t.Nullable().Plain())
	switch t.Attr {
	case types.RowTime:
		s += " *ROWTIME*"
	case types.ProcTime:
		s += " *PROCTIME*"
	}
	return s
}

func interval(ms int64) string {
	unit := map[string]string{"d": "DAY", "h": "HOUR", "min": "MINUTE", "s": "SECOND", "ms": "SECOND"}
	_, u, _ := strings.Cut(length(ms), " ")
	return fmt.Sprintf("%d:INTERVAL %s", ms, unit[u])
}

func (n *LogicalAggregate) Text(rex.Style) string {
	groups := make([]string, len(n.Groups))
	for i, g := range n.Groups {
		groups[i] = fmt.Sprint(g)
	}
	s := "LogicalAggregate(group=[{" + strings.Join(groups, ", ") + "}]"
	for i := range n.Calls {
		s += ", " + n.Calls[i].Out + "=[" + n.Calls[i].text(dollar, "", "") + "]"
	}
	return s + ")"
}

func (n *LogicalJoin) Text(rex.Style) string {
	kind := [...]string{"inner", "left", "right", "full", "semi", "anti"}[n.Kind]
	if n.AsOf != nil {
		return fmt.Sprintf("LogicalJoin(condition=[%s], joinType=[%s], asOf=[$%d])", logical(n.Cond), kind, n.AsOf.Time)
	}
	return fmt.Sprintf("LogicalJoin(condition=[%s], joinType=[%s])", logical(n.Cond), kind)
}

func (n *LogicalSort) Text(rex.Style) string {
	var items []string
	for i, k := range n.Keys {
		items = append(items, fmt.Sprintf("sort%d=[$%d]", i, k.Column))
	}
	for i, k := range n.Keys {
		items = append(items, fmt.Sprintf("dir%d=[%s]", i, direction(k)))
	}
	if n.Offset > 0 {
		items = append(items, fmt.Sprintf("offset=[%d]", n.Offset))
	}
	if n.Fetch >= 0 {
		items = append(items, fmt.Sprintf("fetch=[%d]", n.Fetch))
	}
	return "LogicalSort(" + strings.Join(items, ", ") + ")"
}

func direction(k SortKey) string {
	s := "ASC"
	if k.Desc {
		s = "DESC"
	}
	if k.NullsFirst {
		return s + "-nulls-first"
	}
	return s + "-nulls-last"
}

func (n *LogicalRank) Text(rex.Style) string {
	return fmt.Sprintf("LogicalRank(rankRange=[rankStart=%d, rankEnd=%d], partitionBy=%v)", n.Start, n.End, n.Partition)
}

func (n *LogicalUnion) Text(rex.Style) string { return "LogicalUnion(all=[true])" }

func (n *LogicalValues) Text(rex.Style) string {
	return "LogicalValues(tuples=[" + tuples(n.Rows, rex.Logical) + "])"
}

func tuples(rows [][]*rex.Literal, style rex.Style) string {
	out := make([]string, len(rows))
	for i, r := range rows {
		items := make([]string, len(r))
		for j, l := range r {
			items[j] = rex.Format(l, style, dollar)
		}
		out[i] = "{ " + strings.Join(items, ", ") + " }"
	}
	return list(out)
}

func (n *LogicalSink) Text(rex.Style) string {
	return "LogicalSink(table=[" + n.Table.Path.String() + "]" + targetText(n.Targets) + ", fields=" + list(FieldNames(n.Input)) + ")"
}

func targetText(targets []int) string {
	if targets == nil {
		return ""
	}
	items := make([]string, len(targets))
	for i, t := range targets {
		items[i] = fmt.Sprintf("[%d]", t)
	}
	return ", targetColumns=[" + strings.Join(items, ",") + "]"
}
