package engine

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/engine/operator"
	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
	"github.com/millrace/millrace/internal/wire"
)

// row is a row of the test's table: a key, an event time, a number.
type row struct {
	key    int64
	ts     int64
	noTime bool
	n      int64
}

var rowTypes = []types.Type{types.TBigInt.Required(), types.TTimestamp(3), types.TBigInt.Required()}

func batchOf(rows []row) *vec.Batch {
	b := &vec.Batch{N: len(rows)}
	for _, t := range rowTypes {
		b.Cols = append(b.Cols, vec.New(t, len(rows), 0))
	}
	for i, r := range rows {
		b.Cols[0].I64[i], b.Cols[1].I64[i], b.Cols[2].I64[i] = r.key, r.ts, r.n
		if r.noTime {
			b.Cols[1].SetNull(i)
		}
	}
	return b
}

// topic is a table in memory; a split is a list of rows that can be appended to.
type topic struct {
	bounded bool
	asked   int // how often Splits was called
	mu      struct {
		sync.Mutex
		splits []topicSplit
		wakes  []func()
	}
}

type topicSplit struct {
	rows       []row
	lastAppend time.Time
	hidden     int // rows at the end that are there and cannot be read yet
}

func newTopic(splits int) *topic {
	t := &topic{}
	t.mu.splits = make([]topicSplit, splits)
	return t
}

func (t *topic) append(split int, at time.Time, rows ...row) {
	t.mu.Lock()
	s := &t.mu.splits[split]
	s.rows, s.lastAppend = append(s.rows, rows...), at
	wakes := t.mu.wakes
	t.mu.Unlock()
	for _, wake := range wakes {
		wake()
	}
}

func (t *topic) ChangelogMode() types.KindSet { return types.AppendOnly }
func (t *topic) Bounded() bool                { return t.bounded }

func encodePos(n int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }
func decodePos(b []byte) int { return int(binary.BigEndian.Uint64(b)) }

func (t *topic) Splits(context.Context) ([]connector.Split, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked++
	var out []connector.Split
	for i, s := range t.mu.splits {
		sp := connector.Split{ID: fmt.Sprintf("t-%d", i), Start: encodePos(0)}
		if t.bounded {
			sp.End = encodePos(len(s.rows))
		}
		out = append(out, sp)
	}
	return out, nil
}

func (t *topic) Open(_ context.Context, s connector.Split, _ []int, wake func()) (connector.Reader, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.wakes = append(t.mu.wakes, wake)
	r := &topicReader{t: t, next: decodePos(s.Start), end: -1}
	if _, err := fmt.Sscanf(s.ID, "t-%d", &r.split); err != nil {
		return nil, err
	}
	if s.End != nil {
		r.end = decodePos(s.End)
	}
	return r, nil
}

type topicReader struct {
	t           *topic
	split, next int
	first, end  int
}

func (r *topicReader) state() (topicSplit, int) {
	r.t.mu.Lock()
	defer r.t.mu.Unlock()
	s := r.t.mu.splits[r.split]
	end := len(s.rows)
	if r.end >= 0 {
		end = min(end, r.end)
	}
	return s, end
}

func (r *topicReader) Poll(limit int) (*vec.Batch, error) {
	s, end := r.state()
	n := min(limit, end-s.hidden-r.next)
	if n <= 0 {
		return nil, nil
	}
	r.first = r.next
	r.next += n
	return batchOf(s.rows[r.first:r.next]), nil
}

func (r *topicReader) Position() []byte { return encodePos(r.next) }

func (r *topicReader) Status() connector.Status {
	s, end := r.state()
	return connector.Status{Done: r.end >= 0 && r.next == r.end, Drained: r.next >= end, LastAppend: s.lastAppend, Behind: int64(end - r.next)}
}

func (r *topicReader) Where(i int) string {
	return fmt.Sprintf("topic t, partition %d, offset %d", r.split, r.first+i)
}

func (r *topicReader) Close() error { return nil }

// disk guards all that survives a crash, so that a crash is one moment of it.
var disk sync.Mutex

// ledger is what a sink has outside of the process: a value that survives. As in a
// topic, a commit decides all that is open, whoever meant it for which epoch.
type ledger struct {
	identity  []byte
	committed []string
	open      []string
	done      map[int64]bool
}

func newLedger() *ledger { return &ledger{done: map[int64]bool{}} }

func (l *ledger) clone() *ledger {
	return &ledger{
		identity: l.identity, committed: slices.Clone(l.committed), open: slices.Clone(l.open), done: maps.Clone(l.done),
	}
}

// ledgerSink is a transactional sink; its own fields are under disk too.
type ledgerSink struct {
	l         *ledger
	ctx       context.Context
	recovered bool
	closed    bool
	limit     int // rows that it keeps, at least one; 0: any number
	refuse    func(call string) error

	prepared int64         // the epoch that may be committed
	shut     chan struct{} // while an epoch is sealed
	kept     []string
}

func newLedgerSink(l *ledger) *ledgerSink {
	return &ledgerSink{l: l, refuse: func(string) error { return nil }}
}

func (s *ledgerSink) ChangelogMode(types.KindSet) types.KindSet { return types.Retract }
func (s *ledgerSink) Transactional() bool                       { return true }

func (s *ledgerSink) Identity(context.Context) ([]byte, error) { return []byte("ledger"), nil }

func (s *ledgerSink) Recover(_ context.Context, identity, token []byte) error {
	disk.Lock()
	defer disk.Unlock()
	if s.l.identity != nil && string(s.l.identity) != string(identity) {
		return fmt.Errorf("identity %q, was %q", identity, s.l.identity)
	}
	s.l.identity = identity
	switch {
	case token != nil:
		if epoch := int64(binary.BigEndian.Uint64(token)); !s.l.done[epoch] {
			s.decide(epoch)
		}
	case len(s.l.done) > 0:
		return fmt.Errorf("no token, although epochs were committed")
	}
	s.l.open = nil
	s.recovered = true
	return nil
}

func (s *ledgerSink) Writer(ctx context.Context, _, _ int) (connector.Writer, error) {
	if !s.recovered {
		return nil, fmt.Errorf("a writer before Recover")
	}
	s.ctx = ctx
	return &ledgerWriter{sink: s}, nil
}

func (s *ledgerSink) Seal() {
	disk.Lock()
	defer disk.Unlock()
	if s.shut != nil {
		panic("sealed twice")
	}
	if len(s.l.open) > 0 {
		s.shut = make(chan struct{})
	}
}

func (s *ledgerSink) Prepare(_ context.Context, epoch int64) ([]byte, error) {
	err := s.refuse("prepare")
	disk.Lock()
	defer disk.Unlock()
	if len(s.l.open) == 0 || s.shut == nil {
		return nil, err
	}
	s.prepared = epoch
	return binary.BigEndian.AppendUint64(nil, uint64(epoch)), err
}

func (s *ledgerSink) Commit(_ context.Context, token []byte) error {
	if err := s.refuse("commit"); err != nil {
		return err
	}
	disk.Lock()
	defer disk.Unlock()
	epoch := int64(binary.BigEndian.Uint64(token))
	if s.l.done[epoch] {
		return nil
	}
	if s.prepared != epoch {
		return fmt.Errorf("epoch %d was never prepared", epoch)
	}
	s.decide(epoch)
	s.l.open, s.kept = s.kept, nil
	close(s.shut)
	s.shut = nil
	return nil
}

// decide is the marker of a commit.
func (s *ledgerSink) decide(epoch int64) {
	s.l.committed = append(s.l.committed, s.l.open...)
	s.l.open = nil
	s.l.done[epoch] = true
}

func (s *ledgerSink) Abort(context.Context) error {
	disk.Lock()
	defer disk.Unlock()
	s.l.open, s.kept = nil, nil
	return nil
}

// visible is what a reader of the committed rows sees.
func (s *ledgerSink) visible() []string {
	disk.Lock()
	defer disk.Unlock()
	return slices.Sorted(slices.Values(s.l.committed))
}

func (s *ledgerSink) Close() error { s.closed = true; return nil }

type ledgerWriter struct {
	sink *ledgerSink
	rows []string
}

func (w *ledgerWriter) Write(b *vec.Batch) error {
	for i := range b.Len() {
		r := b.Row(i)
		text := b.Kind(r).String()
		for _, c := range b.Cols {
			switch {
			case c.IsNull(r):
				text += " -"
			case c.I64 != nil:
				text += fmt.Sprintf(" %d", c.I64[r])
			default:
				text += " " + string(vec.AppendText(nil, c, r))
			}
		}
		w.rows = append(w.rows, text)
	}
	return nil
}

func (w *ledgerWriter) Flush() error {
	s := w.sink
	disk.Lock()
	defer disk.Unlock()
	for len(w.rows) > 0 {
		switch {
		case s.shut == nil:
			s.l.open = append(s.l.open, w.rows...)
		case s.limit == 0 || len(s.kept) < s.limit:
			s.kept = append(s.kept, w.rows...)
		default:
			shut := s.shut
			disk.Unlock()
			select {
			case <-shut:
			case <-s.ctx.Done():
			}
			disk.Lock()
			if err := s.ctx.Err(); err != nil {
				return err
			}
			continue
		}
		w.rows = w.rows[:0]
	}
	return nil
}

func (w *ledgerWriter) Close() error { return nil }

// memLog is a journal's partition as a value.
type memLog struct {
	batches    []wire.Batch
	start, end int64
	fail       func(call string) error
}

func newMemLog() *memLog { return &memLog{fail: func(string) error { return nil }} }

func (l *memLog) clone() *memLog {
	return &memLog{batches: slices.Clone(l.batches), start: l.start, end: l.end, fail: newMemLog().fail}
}

func (l *memLog) Append(batches []byte) (int64, error) {
	if err := l.fail("append"); err != nil {
		return 0, err
	}
	disk.Lock()
	defer disk.Unlock()
	for len(batches) > 0 {
		b, rest, err := wire.ParseBatch(batches)
		if err != nil {
			return 0, err
		}
		b = slices.Clone(b)
		b.SetBaseOffset(l.end)
		l.batches, l.end, batches = append(l.batches, b), b.NextOffset(), rest
	}
	return l.end - 1, nil
}

func (l *memLog) WaitDurable(context.Context, int64) error { return l.fail("durable") }

func (l *memLog) Read(from int64, limit int, buf []byte) ([]byte, error) {
	disk.Lock()
	defer disk.Unlock()
	buf = buf[:0]
	for _, b := range l.batches {
		if b.LastOffset() < from {
			continue
		}
		if len(buf) > 0 && len(buf)+len(b) > limit {
			break
		}
		buf = append(buf, b...)
	}
	return buf, nil
}

func (l *memLog) Start() int64 {
	disk.Lock()
	defer disk.Unlock()
	return l.start
}

func (l *memLog) End() int64 {
	disk.Lock()
	defer disk.Unlock()
	return l.end
}

func (l *memLog) DeleteBefore(offset int64) error {
	disk.Lock()
	defer disk.Unlock()
	l.start = max(l.start, offset)
	l.batches = slices.DeleteFunc(l.batches, func(b wire.Batch) bool { return b.LastOffset() < offset })
	return nil
}

// counter emits for each row its key and how many rows the key has had, itself
// included.
type counter struct{ table *state.Table }

func (c *counter) Open(ctx *operator.Context) error {
	c.table = ctx.State.Table(state.TableSpec{
		Name: "count", Key: rowTypes[:1], HashKey: 1, Value: []types.Type{types.TBigInt.Required()},
	})
	return nil
}

func (c *counter) Process(_ int, b *vec.Batch, out operator.Emit) error {
	rows := b.Sel
	if rows == nil {
		for i := range b.N {
			rows = append(rows, int32(i))
		}
	}
	ids := make([]int32, len(rows))
	c.table.Lookup(b.Cols[:1], rows, true, ids)
	res := batchOf(make([]row, len(rows)))
	res.Cols = res.Cols[:2]
	res.Cols[1] = vec.New(types.TBigInt.Required(), len(rows), 0)
	for i, id := range ids {
		counts := c.table.Value(0).I64
		counts[id]++
		c.table.Touch(id)
		res.Cols[0].I64[i], res.Cols[1].I64[i] = b.Cols[0].I64[rows[i]], counts[id]
	}
	return out(res)
}

func (c *counter) Advance(wm int64, _ operator.Emit) (int64, error) { return wm, nil }

// stateless is an operator without state.
type stateless struct {
	process func(port int, b *vec.Batch, out operator.Emit) error
	advance func(wm int64, out operator.Emit) (int64, error)
}

func (f *stateless) Open(*operator.Context) error { return nil }

func (f *stateless) Process(port int, b *vec.Batch, out operator.Emit) error {
	if f.process == nil {
		return out(b)
	}
	return f.process(port, b, out)
}

func (f *stateless) Advance(wm int64, out operator.Emit) (int64, error) {
	if f.advance == nil {
		return wm, nil
	}
	return f.advance(wm, out)
}

func made(op func() operator.Operator) func(int) (operator.Operator, error) {
	return func(int) (operator.Operator, error) { return op(), nil }
}

// column is the expression of a column, less some milliseconds.
type column struct {
	index int
	less  int64
}

func (c column) Type() types.Type { return types.TTimestamp(3) }

func (c column) Eval(_ *vec.EvalContext, b *vec.Batch) (*vec.Vector, error) {
	v := *b.Cols[c.index]
	v.I64 = slices.Clone(v.I64)
	for i := range v.I64 {
		v.I64[i] -= c.less
	}
	return &v, nil
}

func watermarkExpr(less int64) func() vec.Expr {
	return func() vec.Expr { return column{index: 1, less: less} }
}
