package engine

import (
	"fmt"
	"time"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// split is a split of a source, on the worker that reads it.
type split struct {
	id     string
	worker int
	in     *instance
	reader connector.Reader // nil if the split was done before the job was restored
	status connector.Status

	watermark  int64
	stood      int64     // the watermark at the last look,
	since      time.Time // which was reached then
	idle, done bool

	lag int64 // of the last row that was read: the step's time less its event time, ms

	drift, limit int64 // of its alignment group; limit is vec.MaxTime if nothing holds it
	held         bool  // it was not read in this step, being ahead of its group

	empty         bool   // in this step
	told          bool   // it gave rows in this step
	changed       bool   // since the last commit
	position      []byte // at the last commit
	journaledIdle bool
}

// pipeline is what a source computes on the way from the reader to its output.
type pipeline struct {
	spec      *SourceSpec
	exprs     []vec.Expr
	watermark vec.Expr
	perMilli  int64 // units of the watermark's type in a millisecond
	filter    vec.Expr
}

func newPipeline(s *SourceSpec) *pipeline {
	p := &pipeline{spec: s}
	for _, e := range s.Exprs {
		p.exprs = append(p.exprs, e())
	}
	if s.Watermark != nil {
		p.watermark = s.Watermark()
		p.perMilli = p.watermark.Type().Unit().PerSecond() / 1000
	}
	if s.Filter != nil {
		p.filter = s.Filter()
	}
	return p
}

// poll reads what there is, up to the step's limit: a share from each split in
// turn, beginning where the last step stopped.
func (w *worker) poll() error {
	live := 0
	for _, s := range w.splits {
		s.held, s.told = !s.done && s.ahead(), false
		if s.empty = s.done || s.held; !s.empty {
			live++
		}
	}
	left := w.job.turn.rows
	for share := max(1, left/max(1, live)); left > 0 && live > 0; {
		s := w.splits[w.turn]
		w.turn = (w.turn + 1) % len(w.splits)
		if s.empty {
			continue
		}
		n, err := w.pollSplit(s, min(share, left, vec.BatchRows))
		if err != nil {
			return err
		}
		s.empty = s.empty || s.ahead()
		if s.empty {
			live--
		}
		left -= n
	}
	w.behind = live > 0
	w.at = nil
	return w.look()
}

// pollSplit reads once; the number of rows is at least 1 unless the split is
// empty, so that batches without rows end as well.
func (w *worker) pollSplit(s *split, limit int) (int, error) {
	w.at = s.in
	b, err := s.reader.Poll(limit)
	if err != nil {
		return 0, w.blame(s.in, nil, err)
	}
	if b == nil {
		s.empty = true
		return 0, nil
	}
	w.polled, s.changed = true, true
	w.read += b.Len()
	s.in.metrics.RowsIn += int64(b.Len())
	if b.Len() > 0 {
		s.told = true
		s.wakeUp(s.in.mark.watermark)
		if err := w.pass(s, b); err != nil {
			return 0, err
		}
	}
	return max(1, b.Len()), nil
}

// look asks each split how it stands.
func (w *worker) look() error {
	for _, s := range w.splits {
		if s.done {
			continue
		}
		if s.watermark != s.stood {
			s.stood, s.since = s.watermark, w.job.turn.now
		}
		s.status = s.reader.Status()
		if s.done = s.status.Done; s.done {
			s.idle = false
		} else {
			s.judge(w.job.turn.now, s.in.source.spec.IdleTimeout)
		}
		if s.done || s.idle != s.journaledIdle {
			s.changed = true
		}
	}
	return nil
}

// pass takes a reader's batch through the source's pipeline and on.
func (w *worker) pass(s *split, b *vec.Batch) error {
	p := s.in.source
	out, err := p.run(w, s, b)
	if err != nil {
		// The pipeline keeps the reader's rows, whatever it does to columns.
		w.from = origin{split: s, batch: b}
		return w.blame(s.in, b, err)
	}
	w.from = origin{split: s, batch: out}
	err = s.in.emit(out)
	w.from = origin{}
	return err
}

func (p *pipeline) run(w *worker, s *split, b *vec.Batch) (*vec.Batch, error) {
	if p.exprs != nil {
		cols := make([]*vec.Vector, len(p.exprs))
		for i, e := range p.exprs {
			c, err := e.Eval(&w.eval, b)
			if err != nil {
				return nil, err
			}
			cols[i] = c
		}
		b = b.With(cols)
	}
	if p.watermark != nil {
		var err error
		if b, err = p.tell(w, s, b); err != nil {
			return nil, err
		}
	}
	if p.filter != nil {
		pred, err := p.filter.Eval(&w.eval, b)
		if err != nil {
			return nil, err
		}
		b = b.Select(selectTrue(b, pred))
	}
	return b, nil
}

// tell moves the split's watermark row by row, and writes beside each row what
// it was before.
func (p *pipeline) tell(w *worker, s *split, b *vec.Batch) (*vec.Batch, error) {
	b, err := p.timeless(s, b)
	if err != nil {
		return nil, err
	}
	at, err := p.watermark.Eval(&w.eval, b)
	if err != nil {
		return nil, err
	}
	before := make([]int64, b.N)
	wm := s.watermark
	for i := range b.Len() {
		r := b.Row(i)
		before[r] = wm
		if !at.IsNull(r) {
			wm = max(wm, floorDiv(at.I64[r], p.perMilli))
		}
	}
	s.watermark = wm
	if n := b.Len(); n > 0 {
		if t, r := b.Cols[p.spec.RowTime], b.Row(n-1); !t.IsNull(r) {
			s.fetched(w.job.turn.now, floorDiv(t.I64[r], t.Type.Unit().PerSecond()/1000))
		}
	}
	if w.job.config.Batch {
		return b, nil // time moves once, at the end of all rows: none is late
	}
	out := *b
	out.Before = before
	return &out, nil
}

// floorDiv rounds down, also before 1970.
func floorDiv(v, by int64) int64 {
	if by == 1 {
		return v
	}
	q := v / by
	if v%by < 0 {
		q--
	}
	return q
}

// timeless deals with rows that have no event time.
func (p *pipeline) timeless(s *split, b *vec.Batch) (*vec.Batch, error) {
	t := b.Cols[p.spec.RowTime]
	if t.Valid == nil && t.Type.Root != types.Null {
		return b, nil
	}
	var sel []int32
	nulls := 0
	for i := range b.Len() {
		r := b.Row(i)
		if !t.IsNull(r) {
			if nulls > 0 && p.spec.NullRowTime == Drop {
				sel = append(sel, int32(r))
			}
			continue
		}
		if p.spec.NullRowTime == Fail {
			return nil, vec.RowErrorf(r, "the event time is NULL; set 'table.exec.source.rowtime-null-handling' to DROP or SKIP_WATERMARK to go on without such rows, or without their time")
		}
		if nulls == 0 && p.spec.NullRowTime == Drop {
			sel = rowsBefore(b, i)
		}
		nulls++
	}
	s.in.metrics.NullTimeRows += int64(nulls)
	if nulls > 0 && p.spec.NullRowTime == Drop {
		b = b.Select(sel)
	}
	return b, nil
}

// rowsBefore are the first n selected rows, with room for the others.
func rowsBefore(b *vec.Batch, n int) []int32 {
	sel := make([]int32, 0, b.Len())
	for i := range n {
		sel = append(sel, int32(b.Row(i)))
	}
	return sel
}

// selectTrue are the selected rows where pred is TRUE.
func selectTrue(b *vec.Batch, pred *vec.Vector) []int32 {
	sel := make([]int32, 0, b.Len())
	for i := range b.Len() {
		if r := b.Row(i); pred.Bool[r] && !pred.IsNull(r) {
			sel = append(sel, int32(r))
		}
	}
	return sel
}

// open opens the reader of a split.
func (s *split) open(j *Job, spec *SourceSpec, from connector.Split) error {
	r, err := spec.Source.Open(j.ctx, from, spec.Columns, j.wakeUp)
	if err != nil {
		return fmt.Errorf("%s: split %s: %w", s.in.node.Name, s.id, err)
	}
	s.reader = r
	return nil
}
