package lower

import (
	"strings"

	"github.com/millrace/millrace/internal/engine/operator"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// materializer chooses one row of each primary key for a sink whose query has
// several, or gives the changes of one in no order: the newest row that has not been
// taken back, or with ON CONFLICT DO NOTHING the oldest.
func (b *builder) materializer(n *plan.Sink) maker {
	return fixed(func() operator.Operator {
		if !n.First {
			return operator.NewUpsertMaterialize(operator.UpsertMaterializeSpec{Input: plan.Types(n.Input), Keys: n.Keys, TTL: b.env.StateTTL})
		}
		spec := operator.TopNSpec{Input: plan.Types(n.Input), Partition: n.Keys, Start: 1, End: 1, Mode: operator.TopNAppend, TTL: b.env.StateTTL}
		if plan.Retracts(n.Input) {
			spec.Mode = operator.TopNRetract
		}
		return operator.NewTopN(spec)
	})
}

// enforcer checks that no NULL comes into a column that is NOT NULL.
func enforcer(n *plan.Sink, drop bool) maker {
	return fixed(func() operator.Operator {
		return operator.NewCalc(operator.CalcSpec{Filter: &required{columns: n.NotNull, sink: n, drop: drop}})
	})
}

func enforcerName(n *plan.Sink) string {
	names := plan.FieldNames(n.Input)
	fields := make([]string, len(n.NotNull))
	for i, c := range n.NotNull {
		fields[i] = names[c]
	}
	return "ConstraintEnforcer[NotNullEnforcer(fields=[" + strings.Join(fields, ", ") + "])]"
}

// required is TRUE on the rows that have all their required values. On others it
// is FALSE, or fails.
type required struct {
	columns []int
	sink    *plan.Sink
	drop    bool
}

// Type is BOOLEAN NOT NULL.
func (e *required) Type() types.Type { return types.TBool.Required() }

// Eval checks the selected rows.
func (e *required) Eval(_ *vec.EvalContext, b *vec.Batch) (*vec.Vector, error) {
	out := vec.New(e.Type(), b.N, 0)
	for i := range out.Bool {
		out.Bool[i] = true
	}
	for _, c := range e.columns {
		col := b.Cols[c]
		if col.Valid == nil && col.Type.Root != types.Null {
			continue
		}
		for i := range b.Len() {
			r := b.Row(i)
			if !col.IsNull(r) {
				continue
			}
			if !e.drop {
				return nil, e.failure(r, c)
			}
			out.Bool[r] = false
		}
	}
	return out, nil
}

func (e *required) failure(row, column int) error {
	name := e.sink.Table.Columns[e.sink.Table.SinkColumns()[column]].Name
	return vec.RowErrorf(row, "column '%s' of table %s is NOT NULL, but the query gives NULL: filter such rows out, or SET 'table.exec.sink.not-null-enforcer' = 'DROP'",
		name, e.sink.Table.Path)
}
