package log

import (
	"fmt"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/format"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
	"github.com/millrace/millrace/internal/wire"
)

// readBytes is how much of a partition is copied at a time: enough for full
// vectors, small enough for the second-level cache.
const readBytes = 256 << 10

// reader reads one partition, read_committed: what the log hands out ends at the
// last stable offset, and batches of aborted transactions are passed over.
type reader struct {
	*layout
	partition Partition
	cancel    func()
	id        TopicID
	number    int
	next      int64 // the offset to hand over next
	end       int64 // the bound, -1: none

	buf     []byte // what was read and not yet decoded is rest
	rest    []byte
	aborted []Aborted
	batch   wire.Batch // the batch that iter is in; nil: none
	iter    wire.RecordIter
	scratch wire.Decompressor

	key, value format.Decoder // nil where no column needs them
	outputs    []output
	meta       []*vec.Builder
	metaKeys   []string
	offsets    []int64 // of each row of the last batch
	kinds      []types.RowKind
	valueRow   []int32 // row of the value's vectors, -1 for a deletion; nil while there is none
	valueRows  int32
}

// output says where a column of the reader's batches comes from.
type output struct {
	from  byte // 'k', 'v' or 'm'
	index int
}

func newReader(l *layout, columns []int) (*reader, error) {
	r := &reader{layout: l}
	keyAt, valueAt := indexOf(l.key), indexOf(l.value)
	var keyCols, valueCols []int
	for _, c := range columns {
		if l.table.Columns[c].Metadata != "" {
			r.outputs = append(r.outputs, output{'m', len(r.meta)})
			r.metaKeys = append(r.metaKeys, l.table.Columns[c].Metadata)
			r.meta = append(r.meta, vec.NewBuilder(l.columnType(c), vec.BatchRows))
			continue
		}
		// A key's column is read from the key where the value lacks it, and in an
		// upsert table always: a deletion has nothing else.
		if at, ok := keyAt[c]; ok && (l.upsert || !has(valueAt, c)) {
			r.outputs = append(r.outputs, output{'k', len(keyCols)})
			keyCols = append(keyCols, at)
			continue
		}
		r.outputs = append(r.outputs, output{'v', len(valueCols)})
		valueCols = append(valueCols, valueAt[c])
	}
	return r, r.openDecoders(columns, keyCols, valueCols)
}

func (r *reader) openDecoders(columns, keyCols, valueCols []int) (err error) {
	if len(keyCols) > 0 {
		cfg := r.config(r.keyFormat, r.layout.key, true)
		cfg.Project = keyCols
		if r.key, err = r.keyFormat.NewDecoder(cfg); err != nil {
			return err
		}
	}
	cfg := r.config(r.valueFormat, r.layout.value, false)
	cfg.Project = valueCols
	if cfg.Project == nil {
		cfg.Project = []int{}
	}
	r.value, err = r.valueFormat.NewDecoder(cfg)
	return err
}

func indexOf(columns []int) map[int]int {
	m := make(map[int]int, len(columns))
	for i, c := range columns {
		m[c] = i
	}
	return m
}

func has(m map[int]int, k int) bool { _, ok := m[k]; return ok }

// Poll decodes records up to the last stable offset, or the bound.
func (r *reader) Poll(limit int) (*vec.Batch, error) {
	r.begin(min(limit, vec.BatchRows))
	for len(r.offsets) < limit && !r.done() {
		if r.batch == nil {
			ok, err := r.nextBatch()
			if err != nil {
				return nil, err
			}
			if !ok {
				break
			}
			continue
		}
		if !r.iter.Next() {
			if err := r.iter.Err(); err != nil {
				return nil, fmt.Errorf("topic %s, partition %d, batch at offset %d: %w", r.topic, r.number, r.batch.BaseOffset(), err)
			}
			r.next, r.batch = r.batch.NextOffset(), nil
			continue
		}
		if err := r.take(r.iter.Record()); err != nil {
			return nil, err
		}
	}
	return r.finish(), nil
}

// nextBatch moves to the next batch that is to be seen, reading on where the
// buffer is used up; false: there is none yet.
func (r *reader) nextBatch() (bool, error) {
	if len(r.rest) == 0 {
		buf, err := r.partition.Read(r.next, readBytes, r.buf[:0])
		if err != nil {
			return false, fmt.Errorf("topic %s, partition %d, offset %d: %w", r.topic, r.number, r.next, err)
		}
		if len(buf) == 0 {
			return false, nil
		}
		r.buf, r.rest = buf, buf
		if r.aborted, err = r.partition.Aborted(r.next, r.partition.LastStableOffset()); err != nil {
			return false, err
		}
	}
	b, rest, err := wire.ParseBatch(r.rest)
	if err != nil {
		return false, fmt.Errorf("topic %s, partition %d, after offset %d: %w", r.topic, r.number, r.next, err)
	}
	r.rest = rest
	if b.IsControl() || IsAborted(r.aborted, b) {
		r.next = max(r.next, b.NextOffset())
		return true, nil
	}
	r.batch, r.iter = b, wire.Records(b, &r.scratch)
	return true, nil
}

// IsAborted says whether a batch belongs to one of the aborted transactions.
func IsAborted(aborted []Aborted, b wire.Batch) bool {
	if !b.IsTransactional() {
		return false
	}
	for _, a := range aborted {
		if a.ProducerID == b.ProducerID() && a.First <= b.BaseOffset() && b.BaseOffset() <= a.Last {
			return true
		}
	}
	return false
}

// take decodes one record. In an upsert table a null value deletes; elsewhere it
// is no row, as in Flink.
func (r *reader) take(rec *wire.Record) error {
	if rec.Offset < r.next || r.end >= 0 && rec.Offset >= r.end {
		r.next = max(r.next, rec.Offset)
		return nil
	}
	r.next = rec.Offset + 1
	if rec.Value == nil && !r.upsert {
		return nil
	}
	rows, kind := 1, types.Insert
	if r.upsert {
		kind = types.UpdateAfter
	}
	if rec.Value == nil {
		kind = types.Delete
		r.splitValueRows()
		r.valueRow = append(r.valueRow, -1)
	} else {
		var err error
		if rows, err = r.value.Decode(rec.Value); err != nil {
			return r.located(rec.Offset, err)
		}
		if r.valueRow != nil {
			for i := range rows {
				r.valueRow = append(r.valueRow, r.valueRows+int32(i))
			}
		}
		r.valueRows += int32(rows)
	}
	for range rows {
		if r.key != nil {
			if _, err := r.key.Decode(rec.Key); err != nil {
				return r.located(rec.Offset, fmt.Errorf("key: %w", err))
			}
		}
		r.appendMetadata(rec)
		r.offsets = append(r.offsets, rec.Offset)
		r.kinds = append(r.kinds, kind)
	}
	return nil
}

var timestampTypes = [...]string{wire.CreateTime: "CreateTime", wire.LogAppendTime: "LogAppendTime"}

// splitValueRows begins to keep track of which row has a value.
func (r *reader) splitValueRows() {
	if r.valueRow != nil {
		return
	}
	r.valueRow = make([]int32, r.valueRows, vec.BatchRows)
	for i := range r.valueRow {
		r.valueRow[i] = int32(i)
	}
}

func (r *reader) located(offset int64, err error) error {
	return fmt.Errorf("topic %s, partition %d, offset %d, %w", r.topic, r.number, offset, err)
}

func (r *reader) appendMetadata(rec *wire.Record) {
	for m, b := range r.meta {
		switch r.metaKeys[m] {
		case "topic":
			b.AppendString(r.topic)
		case "partition":
			b.AppendInt(int64(r.number))
		case "offset":
			b.AppendInt(rec.Offset)
		case "leader-epoch":
			b.AppendInt(int64(r.batch.LeaderEpoch()))
		case "timestamp":
			b.AppendInt(rec.Timestamp)
		case "timestamp-type":
			b.AppendString(timestampTypes[r.batch.TimestampType()])
		}
	}
}

func (r *reader) begin(rows int) {
	r.offsets, r.kinds = r.offsets[:0], r.kinds[:0]
	r.valueRow, r.valueRows = nil, 0
	r.value.Reset(rows)
	if r.key != nil {
		r.key.Reset(rows)
	}
}

func (r *reader) finish() *vec.Batch {
	if len(r.offsets) == 0 {
		return nil
	}
	values, _ := r.value.Finish()
	var keys []*vec.Vector
	if r.key != nil {
		keys, _ = r.key.Finish()
	}
	b := &vec.Batch{N: len(r.offsets), Cols: make([]*vec.Vector, len(r.outputs))}
	for i, o := range r.outputs {
		switch o.from {
		case 'k':
			b.Cols[i] = keys[o.index]
		case 'm':
			b.Cols[i] = r.meta[o.index].Finish()
		case 'v':
			b.Cols[i] = values[o.index]
			if r.valueRow != nil {
				b.Cols[i] = vec.Copy(values[o.index], r.valueRow)
			}
		}
	}
	if r.upsert {
		b.Kinds = append([]types.RowKind(nil), r.kinds...)
	}
	return b
}

func (r *reader) done() bool { return r.end >= 0 && r.next >= r.end }

func (r *reader) Position() []byte { return encodePosition(r.id, r.next) }

func (r *reader) Status() connector.Status {
	lso := r.partition.LastStableOffset()
	limit := lso
	if r.end >= 0 {
		limit = r.end
	}
	return connector.Status{
		Done:       r.done(),
		Drained:    r.next >= lso,
		LastAppend: r.partition.LastAppend(),
		Behind:     max(0, limit-r.next),
		Skipped:    r.value.Skipped(),
	}
}

func (r *reader) Where(row int) string {
	if row < 0 || row >= len(r.offsets) {
		return fmt.Sprintf("topic %s, partition %d", r.topic, r.number)
	}
	return fmt.Sprintf("topic %s, partition %d, offset %d", r.topic, r.number, r.offsets[row])
}

func (r *reader) Close() error { r.cancel(); return nil }
