package lower

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/engine"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
	"github.com/millrace/millrace/internal/wire"
)

// world is all that a job leaves outside of its process, as a value: its journal and
// what it wrote. mu makes a crash one moment of both.
type world struct {
	mu      sync.Mutex
	journal *journalLog
	ledgers map[string]*ledger // by the sinks' nodes
}

func newWorld() *world {
	w := &world{ledgers: map[string]*ledger{}}
	w.journal = &journalLog{world: w}
	return w
}

// crash is the world as it is now, without the process.
func (w *world) crash() *world {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := newWorld()
	c.journal.batches, c.journal.start, c.journal.end = slices.Clone(w.journal.batches), w.journal.start, w.journal.end
	for id, l := range w.ledgers {
		c.ledgers[id] = &ledger{
			mode: l.mode, key: l.key, committed: slices.Clone(l.committed), open: slices.Clone(l.open), done: maps.Clone(l.done),
		}
	}
	return c
}

// write gives the graph's sinks their places in this world.
func (w *world) write(g *engine.Graph) {
	for _, n := range g.Nodes {
		if n.Sink == nil {
			continue
		}
		m := n.Sink.Sink.(*memory)
		if w.ledgers[n.ID] == nil {
			w.ledgers[n.ID] = &ledger{mode: m.mode, key: m.key, done: map[int64]bool{}}
		}
		n.Sink.Sink = &ledgerSink{world: w, ledger: w.ledgers[n.ID]}
	}
}

// table is what a reader of committed rows makes of them.
func (w *world) table() (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	for _, id := range slices.Sorted(maps.Keys(w.ledgers)) {
		lines, err := w.ledgers[id].table()
		if err != nil {
			return "", err
		}
		for _, l := range lines {
			b.WriteString(l + "\n")
		}
	}
	return b.String(), nil
}

// ledger is a table outside of the process. Like a marker in a topic, a commit decides
// all that is open.
type ledger struct {
	mode      types.KindSet
	key       []int
	committed []change
	open      []change
	done      map[int64]bool // epochs
}

type change struct {
	kind      types.RowKind
	key, text string
}

// table has equal rows as often as they were added and not taken away. Workers write
// side by side, so that a row may be taken away before it comes.
func (l *ledger) table() (lines []string, err error) {
	if l.mode == types.Upsert {
		last := map[string]string{}
		for _, c := range l.committed {
			if delete(last, c.key); c.kind.Adds() {
				last[c.key] = c.text
			}
		}
		return slices.Sorted(maps.Values(last)), nil
	}
	counts := map[string]int{}
	for _, c := range l.committed {
		if c.kind.Adds() {
			counts[c.text]++
		} else {
			counts[c.text]--
		}
	}
	for text, n := range counts {
		if n < 0 {
			return nil, fmt.Errorf("%s was taken away %d times more than it was added", text, -n)
		}
		lines = append(lines, slices.Repeat([]string{text}, n)...)
	}
	slices.Sort(lines)
	return lines, nil
}

// ledgerSink writes a ledger in transactions, one an epoch.
type ledgerSink struct {
	*world
	*ledger
	prepared int64
	shut     bool
	kept     []change
}

func (s *ledgerSink) ChangelogMode(types.KindSet) types.KindSet { return s.mode }
func (s *ledgerSink) Transactional() bool                       { return true }
func (s *ledgerSink) Identity(context.Context) ([]byte, error)  { return []byte("ledger"), nil }
func (s *ledgerSink) Close() error                              { return nil }

func (s *ledgerSink) Recover(_ context.Context, _, token []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if token == nil && len(s.done) > 0 {
		return fmt.Errorf("no token, although %d epochs were committed", len(s.done))
	}
	if token != nil {
		s.decide(int64(binary.BigEndian.Uint64(token)))
	}
	s.open = nil
	return nil
}

func (s *ledgerSink) decide(epoch int64) {
	if !s.done[epoch] {
		s.committed, s.open = append(s.committed, s.open...), nil
		s.done[epoch] = true
	}
}

func (s *ledgerSink) Seal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut = len(s.open) > 0
}

func (s *ledgerSink) Prepare(_ context.Context, epoch int64) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.shut {
		return nil, nil
	}
	s.prepared = epoch
	return binary.BigEndian.AppendUint64(nil, uint64(epoch)), nil
}

func (s *ledgerSink) Commit(_ context.Context, token []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	epoch := int64(binary.BigEndian.Uint64(token))
	if epoch != s.prepared {
		return fmt.Errorf("epoch %d was not prepared", epoch)
	}
	s.decide(epoch)
	s.open, s.kept, s.shut = s.kept, nil, false
	return nil
}

func (s *ledgerSink) Abort(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open, s.kept = nil, nil
	return nil
}

func (s *ledgerSink) Writer(context.Context, int, int) (connector.Writer, error) {
	return &ledgerWriter{sink: s}, nil
}

type ledgerWriter struct {
	sink *ledgerSink
	rows []change
}

func (w *ledgerWriter) Write(b *vec.Batch) error {
	for i := range b.Len() {
		r := b.Row(i)
		values := make([]string, len(b.Cols))
		for k, c := range b.Cols {
			values[k] = valueText(vec.Value(c, r))
		}
		c := change{kind: b.Kind(r), text: strings.Join(values, "|")}
		for _, k := range w.sink.key {
			c.key += values[k] + "|"
		}
		w.rows = append(w.rows, c)
	}
	return nil
}

// valueText leaves out the last digits of floating point numbers: sums have them by the
// order of the rows.
func valueText(v any) string {
	switch f := v.(type) {
	case float64:
		return fmt.Sprintf("%.10g", f)
	case float32:
		return fmt.Sprintf("%.4g", f)
	}
	return fmt.Sprint(v)
}

func (w *ledgerWriter) Flush() error {
	s := w.sink
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shut {
		s.kept = append(s.kept, w.rows...)
	} else {
		s.open = append(s.open, w.rows...)
	}
	w.rows = nil
	return nil
}

func (w *ledgerWriter) Close() error { return nil }

// journalLog is a journal's partition; world.mu guards it.
type journalLog struct {
	world      *world
	batches    []wire.Batch
	start, end int64
}

func (l *journalLog) Append(batches []byte) (int64, error) {
	l.world.mu.Lock()
	defer l.world.mu.Unlock()
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

func (l *journalLog) WaitDurable(context.Context, int64) error { return nil }

func (l *journalLog) Read(from int64, limit int, buf []byte) ([]byte, error) {
	l.world.mu.Lock()
	defer l.world.mu.Unlock()
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

func (l *journalLog) Start() int64 {
	l.world.mu.Lock()
	defer l.world.mu.Unlock()
	return l.start
}

func (l *journalLog) End() int64 {
	l.world.mu.Lock()
	defer l.world.mu.Unlock()
	return l.end
}

func (l *journalLog) DeleteBefore(offset int64) error {
	l.world.mu.Lock()
	defer l.world.mu.Unlock()
	l.start = max(l.start, offset)
	l.batches = slices.DeleteFunc(l.batches, func(b wire.Batch) bool { return b.LastOffset() < offset })
	return nil
}
