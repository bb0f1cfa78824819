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
	partition ReadPartition
	topic     string
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
	keyRow     []int32 // the same of the key's vectors; nil while all rows have one each
	keyRows    int32
	keyless    int64 // records left out because their key has no row
}

// output says where a column of the reader's batches comes from.
type output struct {
	from  byte // 'k', 'v' or 'm'
	index int
}

func newReader(l *layout, columns []int) (*reader, error) {
	r := &reader{layout: l, topic: l.topic}
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
	// A key that only the record's key has is decoded even if nobody asks for its
	// columns: whether a record is a row must not hang on that.
	if len(keyCols) > 0 || len(r.layout.value)+len(r.metadata) < len(r.table.Columns) {
		cfg := r.config(r.keyFormat, r.layout.key, true)
		cfg.Project = append([]int{}, keyCols...)
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
	for len(r.offsets) < limit && int(r.valueRows) < limit && !r.done() {
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
// is no row, as in Flink. A record is a row for each row of its key with each of
// its value: usually one, none if one of them is absent or was left out by
// ignore-parse-errors.
func (r *reader) take(rec *wire.Record) error {
	if rec.Offset < r.next || r.end >= 0 && rec.Offset >= r.end {
		r.next = max(r.next, rec.Offset)
		return nil
	}
	r.next = rec.Offset + 1
	if rec.Value == nil && !r.upsert {
		return nil
	}
	values, kind := 1, types.Insert
	if r.upsert {
		kind = types.UpdateAfter
	}
	first := r.valueRows
	if rec.Value == nil {
		kind, first = types.Delete, -1
		r.valueRow = split(r.valueRow, r.valueRows)
	} else {
		var err error
		if values, err = r.value.Decode(rec.Value); err != nil {
			return r.located(rec.Offset, err)
		}
		r.valueRows += int32(values)
	}
	keys, err := r.takeKey(rec, values)
	if err != nil {
		return r.located(rec.Offset, fmt.Errorf("key: %w", err))
	}
	for k := range keys {
		for v := range values {
			r.add(rec, kind, r.keyRows-int32(keys-k), max(first+int32(v), -1))
		}
	}
	return nil
}

// takeKey decodes the key of a record with that many values and says how many
// rows it has; one, if the key is not looked at.
func (r *reader) takeKey(rec *wire.Record, values int) (rows int, err error) {
	if r.key == nil {
		return 1, nil
	}
	if rows, err = r.key.Decode(rec.Key); err != nil {
		return 0, err
	}
	if rows == 0 {
		r.keyless++
	}
	if rows != 1 || values != 1 {
		// From here on rows are not one of the key and one of the value each.
		r.keyRow = split(r.keyRow, r.keyRows)
		if r.valueRow == nil {
			r.valueRow = split(nil, int32(len(r.offsets)))
		}
	}
	r.keyRows += int32(rows)
	return rows, nil
}

func (r *reader) add(rec *wire.Record, kind types.RowKind, key, value int32) {
	if r.keyRow != nil {
		r.keyRow = append(r.keyRow, key)
	}
	if r.valueRow != nil {
		r.valueRow = append(r.valueRow, value)
	}
	r.appendMetadata(rec)
	r.offsets = append(r.offsets, rec.Offset)
	r.kinds = append(r.kinds, kind)
}

// split begins to keep track of which row of the vectors a row of the batch is,
// where this was the same until now.
func split(rows []int32, n int32) []int32 {
	if rows != nil {
		return rows
	}
	rows = make([]int32, n, vec.BatchRows)
	for i := range rows {
		rows[i] = int32(i)
	}
	return rows
}

var timestampTypes = [...]string{wire.CreateTime: "CreateTime", wire.LogAppendTime: "LogAppendTime"}

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
		case "headers":
			appendHeaders(b, rec.Headers)
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
	r.keyRow, r.keyRows = nil, 0
	r.value.Reset(rows)
	if r.key != nil {
		r.key.Reset(rows)
	}
}

func (r *reader) finish() *vec.Batch {
	if len(r.offsets) == 0 {
		if r.valueRows > 0 {
			return &vec.Batch{} // something was read, though no row came of it
		}
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
			if r.keyRow != nil {
				b.Cols[i] = vec.Copy(keys[o.index], r.keyRow)
			}
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
		Hidden:     r.hidden(lso),
		Skipped:    r.value.Skipped() + r.keyless,
	}
}

func (r *reader) Where(row int) string {
	if row < 0 || row >= len(r.offsets) {
		return fmt.Sprintf("topic %s, partition %d", r.topic, r.number)
	}
	return fmt.Sprintf("topic %s, partition %d, offset %d", r.topic, r.number, r.offsets[row])
}

func (r *reader) Close() error { r.cancel(); return nil }

// hidden is how much open transactions hide, where the partition knows.
func (r *reader) hidden(lso int64) int64 {
	p, ok := r.partition.(Partition)
	if !ok {
		return 0
	}
	return max(0, p.HighWatermark()-lso)
}
