package nexmark

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"sync"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// Ledger is a result as it is seen from outside, exactly once: the digest of what was
// committed, and of each epoch that was prepared. As a value it survives the crashes
// of tests.
type Ledger struct {
	mu struct {
		sync.Mutex
		committed Digest
		rows      map[string]int64 // nil if rows are not kept
		open      part             // since the last Seal
		sealed    part             // until Prepare
		prepared  map[int64]part
		done      int64 // the last epoch that was committed
	}
}

// part is what an epoch changes.
type part struct {
	digest Digest
	rows   map[string]int64
	any    bool
}

// NewLedger makes an empty one; with keep the rows are kept as well, as text.
func NewLedger(keep bool) *Ledger {
	l := &Ledger{}
	l.mu.prepared = map[int64]part{}
	if keep {
		l.mu.rows = map[string]int64{}
	}
	return l
}

// Clone is what a crash would leave of the ledger now.
func (l *Ledger) Clone() *Ledger {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := NewLedger(l.mu.rows != nil)
	c.mu.committed, c.mu.prepared, c.mu.done = l.mu.committed, maps.Clone(l.mu.prepared), l.mu.done
	maps.Copy(c.mu.rows, l.mu.rows)
	return c
}

// Result is the digest of what was committed.
func (l *Ledger) Result() *Digest {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := l.mu.committed
	return &d
}

// Rows are the committed rows as text, and how often each is there.
func (l *Ledger) Rows() map[string]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.mu.rows)
}

// Sink is the name of the connector that Factory makes.
const Sink = "digest"

// Factory is a connector whose tables digest what is written to them into the ledger
// that is current when a job begins.
func Factory(q Query, ledger func() *Ledger) *connector.Factory {
	return &connector.Factory{
		Name:    Sink,
		Summary: "A sink that keeps a digest of its rows.",
		NewSink: func(connector.Table, connector.Env) (connector.Sink, error) {
			return &sink{query: q, ledger: ledger()}, nil
		},
	}
}

type sink struct {
	query  Query
	ledger *Ledger
}

func (s *sink) ChangelogMode(query types.KindSet) types.KindSet { return query }
func (s *sink) Transactional() bool                             { return true }
func (s *sink) Identity(context.Context) ([]byte, error)        { return []byte(Sink), nil }
func (s *sink) Close() error                                    { return nil }

func (s *sink) Recover(ctx context.Context, _, token []byte) error {
	if err := s.Commit(ctx, token); err != nil {
		return err
	}
	return s.Abort(ctx)
}

func (s *sink) Writer(context.Context, int, int) (connector.Writer, error) {
	return &writer{ledger: s.ledger, digester: digester{compare: s.query.Compare, total: s.query.Total}}, nil
}

func (s *sink) Seal() {
	l := &s.ledger.mu
	l.Lock()
	defer l.Unlock()
	l.sealed, l.open = l.open, part{}
}

func (s *sink) Prepare(_ context.Context, epoch int64) ([]byte, error) {
	l := &s.ledger.mu
	l.Lock()
	defer l.Unlock()
	if !l.sealed.any {
		return nil, nil
	}
	l.prepared[epoch], l.sealed = l.sealed, part{}
	return binary.BigEndian.AppendUint64(nil, uint64(epoch)), nil
}

func (s *sink) Commit(_ context.Context, token []byte) error {
	if token == nil {
		return nil
	}
	l := &s.ledger.mu
	l.Lock()
	defer l.Unlock()
	epoch := int64(binary.BigEndian.Uint64(token))
	p, ok := l.prepared[epoch]
	switch {
	case ok:
	case epoch <= l.done:
		return nil
	default:
		return fmt.Errorf("epoch %d was never prepared", epoch)
	}
	l.committed.Add(&p.digest)
	for row, n := range p.rows {
		if l.rows[row] += n; l.rows[row] == 0 {
			delete(l.rows, row)
		}
	}
	delete(l.prepared, epoch)
	l.done = epoch
	return nil
}

func (s *sink) Abort(context.Context) error {
	l := &s.ledger.mu
	l.Lock()
	defer l.Unlock()
	l.open, l.sealed, l.prepared = part{}, part{}, map[int64]part{}
	return nil
}

// writer digests by itself and hands over at the end of a step.
type writer struct {
	ledger *Ledger
	digester
	wrote bool
	rows  map[string]int64
	text  []byte
}

func (w *writer) Write(b *vec.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	w.wrote = true
	w.add(b)
	w.ledger.mu.Lock()
	keep := w.ledger.mu.rows != nil
	w.ledger.mu.Unlock()
	if keep {
		w.keep(b)
	}
	return nil
}

func (w *writer) keep(b *vec.Batch) {
	if w.rows == nil {
		w.rows = map[string]int64{}
	}
	for i := range b.Len() {
		w.rows[w.row(b, b.Row(i))] += sign(b.Kind(b.Row(i)))
	}
}

// row is the compared columns of a row as text.
func (w *writer) row(b *vec.Batch, r int) string {
	w.text = w.text[:0]
	for c, v := range b.Cols {
		if w.compare != nil && !contains(w.compare, c) {
			continue
		}
		if len(w.text) > 0 {
			w.text = append(w.text, '\t')
		}
		w.text = vec.AppendText(w.text, v, r)
	}
	return string(w.text)
}

func contains(list []int, x int) bool {
	for _, y := range list {
		if x == y {
			return true
		}
	}
	return false
}

// Flush hands what was digested to the epoch.
func (w *writer) Flush() error {
	if !w.wrote {
		return nil
	}
	l := &w.ledger.mu
	l.Lock()
	defer l.Unlock()
	l.open.any = true
	l.open.digest.Add(&w.Digest)
	if w.rows != nil {
		if l.open.rows == nil {
			l.open.rows = map[string]int64{}
		}
		for row, n := range w.rows {
			l.open.rows[row] += n
		}
		clear(w.rows)
	}
	w.Digest, w.wrote = Digest{}, false
	return nil
}

func (w *writer) Close() error { return nil }

// Writer digests rows that come from elsewhere, such as another engine's answer.
type Writer struct{ w *writer }

// NewWriter makes one that writes to the ledger.
func NewWriter(q Query, l *Ledger) *Writer {
	return &Writer{&writer{ledger: l, digester: digester{compare: q.Compare, total: q.Total}}}
}

// Write takes the rows of a batch.
func (w *Writer) Write(b *vec.Batch) error { return w.w.Write(b) }

// Row is a row's compared columns as text: Ledger.Rows has the same.
func (w *Writer) Row(b *vec.Batch, r int) string { return w.w.row(b, r) }

// Settle commits what was written.
func (w *Writer) Settle() error {
	ctx := context.Background()
	s := &sink{ledger: w.w.ledger}
	if err := w.w.Flush(); err != nil {
		return err
	}
	s.Seal()
	token, err := s.Prepare(ctx, 1)
	if err != nil {
		return err
	}
	return s.Commit(ctx, token)
}
