package log

import (
	"fmt"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/format"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
	"github.com/millrace/millrace/internal/wire"
)

// Rows makes records of a table's rows, for one goroutine.
type Rows struct {
	*layout
	keys, values       format.Encoder // keys is nil where records have none
	meta               recordMeta
	keyCols, valueCols []int
	keyBuf, valueBuf   []byte
}

// Put takes a record; its bytes are valid during the call. A value that is nil takes the
// key's row away.
type Put func(timestampMillis int64, key, value []byte, headers []wire.Header) error

// NewRows makes records for any broker.
func NewRows(t connector.Table, env connector.Env) (*Rows, error) {
	l, err := newLayout(t, env)
	if err != nil {
		return nil, err
	}
	if err := l.writable(); err != nil {
		return nil, err
	}
	return newRows(l)
}

func newRows(l *layout) (r *Rows, err error) {
	r = &Rows{layout: l, meta: recordMeta{timestamp: -1, headers: -1}}
	at := indexOf(l.persisted())
	for _, c := range l.metadata {
		switch i, ok := at[c]; {
		case !ok:
		case l.table.Columns[c].Metadata == "timestamp":
			r.meta.timestamp = i
		case l.table.Columns[c].Metadata == "headers":
			r.meta.headers = i
		}
	}
	for _, c := range l.value {
		r.valueCols = append(r.valueCols, at[c])
	}
	for _, c := range l.key {
		r.keyCols = append(r.keyCols, at[c])
	}
	r.keys, r.values, err = l.encoders()
	return r, err
}

// encoders are those of a record's key, nil if it has none, and value.
func (l *layout) encoders() (key, value format.Encoder, err error) {
	if value, err = l.valueFormat.NewEncoder(l.config(l.valueFormat, l.value, false)); err == nil && l.key != nil {
		key, err = l.keyFormat.NewEncoder(l.config(l.keyFormat, l.key, true))
	}
	return key, value, err
}

// persisted are the table's columns that a sink gets, in order.
func (l *layout) persisted() []int {
	var out []int
	for i, c := range l.table.Columns {
		if !c.Virtual {
			out = append(out, i)
		}
	}
	return out
}

// Changelog is which rows the table takes.
func (r *Rows) Changelog() types.KindSet {
	if r.upsert {
		return types.Upsert
	}
	return types.AppendOnly
}

// Topic is where the records go.
func (r *Rows) Topic() string { return r.topic }

// Encode makes a record of each selected row. A row that is taken away, by -D or by a -U
// that the planner could not drop, is a record without a value, as in Flink's
// upsert-kafka; but a -U that the +U of the same key follows is no record.
func (r *Rows) Encode(b *vec.Batch, nowMillis int64, put Put) error {
	keys, values := pick(b.Cols, r.keyCols), pick(b.Cols, r.valueCols)
	for i := range b.Len() {
		row := b.Row(i)
		kind := b.Kind(row)
		if kind == types.UpdateBefore && i+1 < b.Len() && replaced(keys, b, row, b.Row(i+1)) {
			continue
		}
		key, value, err := r.encode(keys, values, row, kind)
		if err != nil {
			return vec.RowErrorf(row, "table %s: %v", r.table.Path[2], err)
		}
		ts, headers, err := r.meta.of(b, row, nowMillis)
		if err != nil {
			return vec.RowErrorf(row, "table %s: %v", r.table.Path[2], err)
		}
		if err := put(ts, key, value, headers); err != nil {
			return err
		}
	}
	return nil
}

func (r *Rows) encode(keys, values []*vec.Vector, row int, kind types.RowKind) (key, value []byte, err error) {
	if r.keys != nil {
		if r.keyBuf, err = r.keys.Encode(r.keyBuf[:0], keys, row); err != nil {
			return nil, nil, fmt.Errorf("key: %w", err)
		}
		key = r.keyBuf
	}
	if !kind.Adds() {
		return key, nil, nil
	}
	r.valueBuf, err = r.values.Encode(r.valueBuf[:0], values, row)
	return key, r.valueBuf, err
}

func pick(cols []*vec.Vector, at []int) []*vec.Vector {
	out := make([]*vec.Vector, len(at))
	for i, c := range at {
		out[i] = cols[c]
	}
	return out
}

// replaced says whether row next is the new state of row r.
func replaced(keys []*vec.Vector, b *vec.Batch, r, next int) bool {
	if b.Kind(next) != types.UpdateAfter {
		return false
	}
	for _, k := range keys {
		if vec.Compare(k, r, k, next) != 0 {
			return false
		}
	}
	return true
}
