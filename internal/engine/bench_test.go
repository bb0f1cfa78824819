package engine

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/engine/operator"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// canned is a source whose splits hand out one batch again and again: what is
// measured is the engine, not a decoder.
type canned struct {
	splits, rows int // rows of each split
	batch        *vec.Batch
}

func (c *canned) ChangelogMode() types.KindSet { return types.AppendOnly }
func (c *canned) Bounded() bool                { return true }

func (c *canned) Splits(context.Context) ([]connector.Split, error) {
	var out []connector.Split
	for i := range c.splits {
		out = append(out, connector.Split{ID: fmt.Sprint(i), Start: encodePos(0), End: encodePos(c.rows)})
	}
	return out, nil
}

func (c *canned) Open(_ context.Context, s connector.Split, _ []int, _ func()) (connector.Reader, error) {
	return &cannedReader{c: c, left: c.rows - decodePos(s.Start)}, nil
}

type cannedReader struct {
	c    *canned
	left int
}

func (r *cannedReader) Poll(limit int) (*vec.Batch, error) {
	n := min(limit, r.left, r.c.batch.N)
	if n <= 0 {
		return nil, nil
	}
	r.left -= n
	b := &vec.Batch{N: n}
	for _, col := range r.c.batch.Cols {
		b.Cols = append(b.Cols, vec.Slice(col, 0, n))
	}
	return b, nil
}

func (r *cannedReader) Position() []byte { return encodePos(r.c.rows - r.left) }
func (r *cannedReader) Status() connector.Status {
	return connector.Status{Done: r.left == 0, Drained: r.left == 0, LastAppend: time.Unix(1, 0), Behind: int64(r.left)}
}
func (r *cannedReader) Where(int) string { return "" }
func (r *cannedReader) Close() error     { return nil }

// blackHole is a sink that counts.
type blackHole struct{ ledgerSink }

func (s *blackHole) Writer(context.Context, int, int) (connector.Writer, error) { return &hole{}, nil }
func (s *blackHole) Recover(context.Context, []byte, []byte) error              { return nil }
func (s *blackHole) Seal()                                                      {}
func (s *blackHole) Prepare(context.Context, int64) ([]byte, error)             { return nil, nil }

type hole struct{ rows int }

func (h *hole) Write(b *vec.Batch) error { h.rows += b.Len(); return nil }
func (h *hole) Flush() error             { return nil }
func (h *hole) Close() error             { return nil }

// plus adds one to a column.
type plus struct{ index int }

func (p plus) Type() types.Type { return types.TBigInt.Required() }

func (p plus) Eval(_ *vec.EvalContext, b *vec.Batch) (*vec.Vector, error) {
	v := vec.New(p.Type(), b.N, 0)
	for i, x := range b.Cols[p.index].I64 {
		v.I64[i] = x + 1
	}
	return v, nil
}

func benchGraph(b *testing.B, c *canned) *Graph {
	calc := func() operator.Operator {
		return operator.NewCalc(operator.CalcSpec{Project: []vec.Expr{plus{0}, column{index: 1}, plus{2}}})
	}
	calls := []operator.AggCall{
		{Fn: aggregate(b, "COUNT"), Filter: -1},
		{Fn: aggregate(b, "SUM", rowTypes[2]), Args: []int{2}, Filter: -1},
	}
	agg := func() operator.Operator {
		return operator.NewGroupAggregate(operator.GroupAggregateSpec{Input: rowTypes, Keys: []int{0}, Calls: calls, Fold: true})
	}
	return &Graph{Nodes: []*Node{
		{ID: "scan", Name: "scan", Types: rowTypes, Source: &SourceSpec{Source: c, Columns: []int{0, 1, 2}, RowTime: 1, Watermark: watermarkExpr(4000)}},
		opNode("calc", calc, Input{}),
		opNode("agg", agg, Input{Node: 1, Ship: Hash, Keys: []int{0}}),
		{ID: "sink", Name: "sink", Inputs: []Input{{Node: 2}}, Sink: &SinkSpec{Sink: &blackHole{}}},
	}}
}

func cannedBatch(keys int) *vec.Batch {
	rows := make([]row, vec.BatchRows)
	for i := range rows {
		rows[i] = row{key: int64(i * 7919 % keys), ts: int64(i), n: int64(i)}
	}
	return batchOf(rows)
}

// BenchmarkRows is the engine under load: scan with a watermark, calc, hash, a
// keyed COUNT and SUM that fold, sink, journal in memory.
func BenchmarkRows(b *testing.B) {
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			c := &canned{splits: 4, rows: max(1, b.N/4), batch: cannedBatch(1000)}
			j := NewJob(JobSpec{ID: "bench", Graph: benchGraph(b, c), Journal: newMemLog(), Config: Config{Workers: workers}})
			b.ReportAllocs()
			b.ResetTimer()
			if err := j.Run(context.Background()); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkStep is a step of one row with its commit: what a quiet job does for
// each record.
func BenchmarkStep(b *testing.B) {
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			c := &canned{splits: 1, rows: b.N, batch: cannedBatch(1000)}
			config := Config{Workers: workers, StepRows: 1, CommitInterval: 1}
			j := NewJob(JobSpec{ID: "bench", Graph: benchGraph(b, c), Journal: newMemLog(), Config: config})
			b.ReportAllocs()
			b.ResetTimer()
			if err := j.Run(context.Background()); err != nil {
				b.Fatal(err)
			}
		})
	}
}
