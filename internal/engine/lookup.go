package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/engine/operator"
	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// LookupTable says how a source is looked up.
type LookupTable struct {
	Name   string
	Source connector.Source
	// Columns are the table's columns that are read; Types are theirs.
	Columns []int
	Types   []types.Type
	// Keys are those of Columns that are looked up, Primary those of the primary key,
	// by which an updating source changes its rows.
	Keys, Primary []int
}

// tableLookup is a lookup by holding the whole table: a bounded source is read once,
// when it is first needed; of an unbounded one all that has come is read at the
// beginning of a step, so that a topic with a key is a table as it is now. It is
// derived from the source alone, and made anew at a restart.
//
//	rows      lookup key, number -> the other columns
//	primary   primary key -> id in rows
type tableLookup struct {
	of      LookupTable
	ctx     context.Context
	cancel  context.CancelFunc
	readers []connector.Reader
	opened  bool

	rows    *state.Table
	primary *state.Table
	rest    []int
	cols    []*vec.Column
	number  *vec.Vector
}

// NewTableLookup makes the lookup of one worker.
func NewTableLookup(t LookupTable) operator.Lookup {
	l := &tableLookup{of: t, number: vec.New(types.TBigInt.Required(), 0, 0)}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	spec := state.TableSpec{Index: []int{}}
	in := make(map[int]bool)
	for i, k := range t.Keys {
		spec.Key, spec.Index = append(spec.Key, t.Types[k]), append(spec.Index, i)
		in[k] = true
	}
	spec.Key = append(spec.Key, types.TBigInt.Required())
	for c, typ := range t.Types {
		if !in[c] {
			l.rest, spec.Value = append(l.rest, c), append(spec.Value, typ)
		}
	}
	l.rows = state.NewTable(spec)
	l.cols = make([]*vec.Column, len(t.Types))
	for i, k := range t.Keys {
		l.cols[k] = l.rows.Key(i)
	}
	for i, c := range l.rest {
		l.cols[c] = l.rows.Value(i)
	}
	if t.Source.ChangelogMode()&^types.AppendOnly != 0 {
		primary := state.TableSpec{Value: []types.Type{types.TBigInt.Required()}}
		for _, c := range t.Primary {
			primary.Key = append(primary.Key, t.Types[c])
		}
		l.primary = state.NewTable(primary)
	}
	return l
}

// Refresh reads what there is.
func (l *tableLookup) Refresh(time.Time) error {
	if !l.opened {
		if err := l.open(); err != nil {
			return err
		}
	}
	open := l.readers[:0]
	for _, r := range l.readers {
		done, err := l.drain(r)
		if err != nil {
			return fmt.Errorf("table %s: %w", l.of.Name, err)
		}
		if !done {
			open = append(open, r)
			continue
		}
		if err := r.Close(); err != nil {
			return err
		}
	}
	l.readers = open
	return nil
}

func (l *tableLookup) open() error {
	l.opened = true
	splits, err := l.of.Source.Splits(l.ctx)
	if err != nil {
		return err
	}
	for _, s := range splits {
		r, err := l.of.Source.Open(l.ctx, s, l.of.Columns, func() {})
		if err != nil {
			return err
		}
		l.readers = append(l.readers, r)
	}
	return nil
}

// drain reads a split to where it has rows now.
func (l *tableLookup) drain(r connector.Reader) (done bool, err error) {
	for {
		b, err := r.Poll(vec.BatchRows)
		if err != nil {
			return false, err
		}
		if b != nil {
			l.apply(b)
		}
		st := r.Status()
		if st.Done {
			return true, nil
		}
		if b == nil || b.N == 0 {
			return false, nil
		}
	}
}

func (l *tableLookup) apply(b *vec.Batch) {
	keys := make([]*vec.Vector, 0, len(l.of.Keys)+1)
	for _, k := range l.of.Keys {
		keys = append(keys, b.Cols[k])
	}
	l.number = vec.New(types.TBigInt.Required(), b.N, 0)
	keys = append(keys, l.number)
	var primary []*vec.Vector
	for _, c := range l.of.Primary {
		primary = append(primary, b.Cols[c])
	}
	for i := range b.Len() {
		r := b.Row(i)
		kind := b.Kind(r)
		if l.primary != nil {
			if at := l.primary.Find(primary, r); at >= 0 {
				l.rows.Delete(int32(l.primary.Value(0).I64[at]))
				l.primary.Delete(at)
			}
		}
		if !kind.Adds() {
			continue
		}
		l.number.I64[r] = l.rows.NextAge()
		id := l.rows.Make(keys, r)
		for k, c := range l.rest {
			l.rows.Value(k).Set(int(id), b.Cols[c], r)
		}
		if l.primary != nil {
			l.primary.Value(0).I64[l.primary.Make(primary, r)] = int64(id)
		}
	}
}

// Find walks over the rows with each key.
func (l *tableLookup) Find(keys []*vec.Vector, batch []int32, from, rows []int32) ([]int32, []int32, error) {
	heads := make([]int32, len(batch))
	l.rows.First(keys, batch, heads)
	for i, id := range heads {
		for ; id >= 0; id = l.rows.Next(id) {
			from, rows = append(from, int32(i)), append(rows, id)
		}
	}
	return from, rows, nil
}

// Columns gathers rows.
func (l *tableLookup) Columns(rows []int32) []*vec.Vector {
	out := make([]*vec.Vector, len(l.cols))
	for i, c := range l.cols {
		out[i] = c.Gather(rows)
	}
	return out
}

// Close closes what is open.
func (l *tableLookup) Close() error {
	var first error
	for _, r := range l.readers {
		if err := r.Close(); err != nil && first == nil {
			first = err
		}
	}
	l.readers = nil
	l.cancel()
	return first
}
