package lower

import (
	"time"

	"github.com/millrace/millrace/internal/engine"
	"github.com/millrace/millrace/internal/sql/catalog"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/vec"
)

// source makes a source node of a scan with what stands right above it: a Calc that
// computes columns and the watermark. ok is false for all other plans.
//
//	[Watermark] ── [Calc without a condition] ── Scan
//
// A Calc alone above a scan stays an operator: it may be shared differently.
func (b *builder) source(n plan.Node, id string) (index int, ok bool, err error) {
	w, _ := n.(*plan.Watermark)
	below := n
	if w != nil {
		below = w.Input
	}
	var exprs []rex.Expr
	if c, is := below.(*plan.Calc); is && w != nil && c.Where == nil {
		exprs, below = c.Exprs, c.Input
	}
	scan, is := below.(*plan.Scan)
	if !is {
		if v, is := n.(*plan.Values); is {
			return b.values(v, id), true, nil
		}
		return 0, false, nil
	}
	spec := &engine.SourceSpec{
		Table: scan.Table.Path.Name(), Source: scan.Source, Columns: scan.Columns, RowTime: -1,
		NullRowTime: b.env.NullRowTime, IdleTimeout: b.idleTimeout(scan),
	}
	for _, e := range exprs {
		if _, err := rex.Compile(e); err != nil {
			return 0, false, err
		}
		spec.Exprs = append(spec.Exprs, compile(e))
	}
	if w != nil {
		if _, err := rex.Compile(w.Expr); err != nil {
			return 0, false, err
		}
		spec.RowTime, spec.Watermark = w.Column, compile(w.Expr)
		spec.Alignment.Group, spec.Alignment.MaxDrift = scan.Table.Alignment()
	}
	return b.add(&engine.Node{ID: id, Name: "Source(" + spec.Table + ")", Types: plan.Types(n), Source: spec}), true, nil
}

// idleTimeout is the table's own, or the session's.
func (b *builder) idleTimeout(n *plan.Scan) time.Duration {
	if text, ok := n.Table.Option("scan.watermark.idle-timeout"); ok {
		if d, err := catalog.ParseDuration(text); err == nil {
			return d
		}
	}
	return b.env.IdleTimeout
}

// values makes a source of a plan's constants.
func (b *builder) values(v *plan.Values, id string) int {
	columns := make([]int, len(v.Out))
	batch := &vec.Batch{N: len(v.Rows)}
	for c, f := range v.Out {
		columns[c] = c
		col := vec.NewBuilder(f.Type, len(v.Rows))
		for _, row := range v.Rows {
			appendLiteral(col, row[c])
		}
		batch.Cols = append(batch.Cols, col.Finish())
	}
	return b.add(&engine.Node{
		ID: id, Name: "Values", Types: plan.Types(v),
		Source: &engine.SourceSpec{Table: "VALUES", Source: &constants{id, batch}, Columns: columns, RowTime: -1},
	})
}

// appendLiteral appends a constant, whose text is text even where a builder would
// read a string as a number.
func appendLiteral(b *vec.Builder, l *rex.Literal) {
	if s, ok := l.Value.(string); ok {
		b.AppendString(s)
		return
	}
	b.AppendAny(l.Value)
}
