package commitlog

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/millrace/millrace/internal/wire"

	"github.com/millrace/millrace/internal/vfs"
)

// Compaction, as Kafka's LogCleaner does it. A log has a clean part, which has been compared with itself, and a dirty part:
//
//	start …… clean …… first dirty …… dirty …… first uncleanable …… active segment …… end
//	|          one record a key      |        | not decided, not durable, too young   |
//
// One cleaning reads the dirty part and notes the newest offset of each key in a map of fixed size (clean_map.go); if the map is full
// it stops there, and the rest stays dirty. Then it copies all segments up to there, without the records for which the map has a
// newer one (clean_filter.go says what goes), into new files (clean_copy.go), which take the place of the old ones in one step
// (clean_swap.go). Appends and reads go on: what is copied never changes, and a reader keeps the files that it has.
//
// Offsets never change, and the last batch of what was cleaned stays, empty if need be.

// Cleanable is what there is to clean.
type Cleanable struct {
	// FirstDirty and FirstUncleanable bound the dirty part. They are equal if there is none.
	FirstDirty, FirstUncleanable int64
	CleanBytes, DirtyBytes       int64
	// Overdue says that the dirty part has records older than max.compaction.lag.ms.
	Overdue bool
}

// Ratio is the dirty part's share of what would be read.
func (c Cleanable) Ratio() float64 {
	if c.DirtyBytes == 0 {
		return 0
	}
	return float64(c.DirtyBytes) / float64(c.CleanBytes+c.DirtyBytes)
}

// CleanOptions say how to clean.
type CleanOptions struct {
	// FirstDirty is the End of the last cleaning; -1 if there was none, or it is not known.
	FirstDirty int64
	// MapBytes bounds the offset map, and MapLoad says how full it may become (log.cleaner.dedupe.buffer.size,
	// log.cleaner.io.buffer.load.factor).
	MapBytes int64
	MapLoad  float64
	// Pause is called after so many bytes were read or written, so that cleaning takes no more than its share; nil for no limit. An
	// error ends the cleaning.
	Pause func(bytes int) error
}

// CleanStats are what a cleaning did.
type CleanStats struct {
	// End is where the dirty part begins now.
	End int64
	// Keys is how many the map held, and MapBytes what it took.
	Keys     int
	MapBytes int64
	// Segments is how many were read, and Rewritten how many were replaced; BytesRead and BytesWritten are of their batches.
	Segments, Rewritten        int
	BytesRead, BytesWritten    int64
	RecordsRead, RecordsKept   int64
	SizeBefore, SizeAfterwards int64
}

// ErrCleanStopped ends a cleaning that the closing of the log, or the deletion of what was being cleaned, overtook.
var ErrCleanStopped = errors.New("cleaning was overtaken")

// Cleanable says what Clean would do.
func (l *Log) Cleanable(firstDirty int64, now time.Time) (Cleanable, error) {
	c := l.config.Load()
	list := *l.segments.Load()
	start := l.start.Load()
	if firstDirty < start || firstDirty > l.end.Load() {
		firstDirty = start // records were deleted, or the log is another one than was cleaned
	}
	out := Cleanable{FirstDirty: firstDirty, FirstUncleanable: firstDirty}
	limit := min(l.LastStableOffset(), l.settled())
	for _, s := range list[:len(list)-1] {
		if s.next.Load() > limit {
			break
		}
		if s.next.Load() <= firstDirty {
			out.CleanBytes += s.size.Load()
			continue
		}
		young, overdue, err := l.lag(s, c, now)
		if err != nil {
			return out, err
		}
		if young {
			break
		}
		out.Overdue = out.Overdue || overdue
		out.DirtyBytes += s.size.Load()
		out.FirstUncleanable = s.next.Load()
	}
	return out, nil
}

// CleanableAtMost is Cleanable of a log that is not open, by names and sizes of its files: what the log would say, or more. It knows
// nothing of lags: with a max.compaction.lag.ms what is dirty may be overdue.
func CleanableAtMost(fs vfs.FS, dir string, firstDirty int64) Cleanable {
	list := segmentFiles(fs, dir)
	if len(list) == 0 {
		return Cleanable{}
	}
	firstDirty = max(firstDirty, list[0].base)
	out := Cleanable{FirstDirty: firstDirty, FirstUncleanable: firstDirty}
	for i, next := range list[1:] {
		if next.base <= firstDirty {
			out.CleanBytes += list[i].size
			continue
		}
		out.DirtyBytes += list[i].size
		out.FirstUncleanable = next.base
	}
	return out
}

// MinDirtyRatio is the configuration's: what Cleanable's ratio must be above.
func (l *Log) MinDirtyRatio() float64 { return l.config.Load().MinDirtyRatio }

// settled is the offset below which segments are closed for good: their indexes are on disk, and recovery does not begin in them.
func (l *Log) settled() int64 {
	ck := l.ck.get()
	return min(ck.recovery.base, ck.mark.base)
}

// lag compares a segment's times with the lags: whether its newest record is too young, and whether its first is overdue.
func (l *Log) lag(s *segment, c *Config, now time.Time) (young, overdue bool, err error) {
	if c.MinCompactionLag <= 0 && c.MaxCompactionLag == math.MaxInt64 {
		return false, false, nil
	}
	if !s.acquire() {
		return true, false, nil // deleted just now
	}
	defer s.release()
	if c.MinCompactionLag > 0 {
		if err := s.load(c.IndexIntervalBytes); err != nil {
			return false, false, err
		}
		newest, _ := s.newest()
		young = newest > now.UnixMilli()-c.MinCompactionLag.Milliseconds()
	}
	if c.MaxCompactionLag != math.MaxInt64 && s.size.Load() > 0 {
		f, err := s.open()
		if err != nil {
			return false, false, err
		}
		w := newWindow(f, s.size.Load())
		defer w.release()
		if b, err := w.header(0); err == nil && b.MaxTimestamp() > 0 {
			overdue = b.MaxTimestamp() < now.UnixMilli()-c.MaxCompactionLag.Milliseconds()
		}
	}
	return young, overdue, nil
}

// Clean compacts the log once. A disk that is full, or a context that ends, leaves the log as it was, or with some of its segments
// cleaned: both are right. Damage gives a *DamageError, for a copy would make it look like nothing; such a log should be left alone.
func (l *Log) Clean(ctx context.Context, o CleanOptions) (CleanStats, error) {
	l.cleaning.Lock()
	defer l.cleaning.Unlock()
	now := l.now()
	what, err := l.Cleanable(o.FirstDirty, now)
	if err != nil || what.FirstUncleanable <= what.FirstDirty {
		return CleanStats{End: what.FirstDirty}, err
	}
	cl := &cleaning{Log: l, ctx: ctx, o: o, c: l.config.Load(), now: now}
	defer cl.drop()
	stats, err := cl.run(what)
	if err != nil {
		err = fmt.Errorf("cleaning %s: %w", l.dir, err)
	}
	return stats, err
}

// cleaning is one call of Clean.
type cleaning struct {
	*Log
	ctx      context.Context
	o        CleanOptions
	c        *Config
	now      time.Time
	segments []*segment // all that are read, acquired
	aborted  []abortedEntry
	keys     *offsetMap
	filter   cleanFilter
	kept     []abortedEntry // for the transaction index of what is being written
}

func (cl *cleaning) drop() {
	for _, s := range cl.segments {
		s.release()
	}
}

func (cl *cleaning) run(what Cleanable) (CleanStats, error) {
	stats := &cl.filter.stats
	stats.End = what.FirstDirty
	if err := cl.acquire(what.FirstUncleanable); err != nil {
		return *stats, err
	}
	if err := cl.collectAborted(); err != nil {
		return *stats, err
	}
	if err := cl.buildMap(what.FirstDirty); err != nil {
		return *stats, err
	}
	end := cl.keys.latest + 1
	cl.prepareFilter()
	stats.Keys, stats.MapBytes = cl.keys.n, int64(len(cl.keys.slots))*mapSlotSize
	for group, rest := cl.group(cl.segments, end); len(group) > 0; group, rest = cl.group(rest, end) {
		if err := cl.cleanGroup(group); err != nil {
			return *stats, err
		}
	}
	stats.End = end
	return *stats, nil
}

// acquire holds the segments that end at or before an offset.
func (cl *cleaning) acquire(end int64) error {
	for _, s := range *cl.Log.segments.Load() {
		if s.next.Load() > end {
			break
		}
		if !s.acquire() {
			return ErrCleanStopped // retention was faster
		}
		cl.segments = append(cl.segments, s)
	}
	return nil
}

// collectAborted collects the aborted transactions of all segments, those that are not cleaned too: markers may be far behind their
// data. Segments that have none are not loaded for it.
func (cl *cleaning) collectAborted() error {
	for _, s := range *cl.Log.segments.Load() {
		s.mu.RLock()
		loaded := s.mu.loaded
		s.mu.RUnlock()
		if !loaded {
			if sums, next := s.readSums(); sums != nil && sums.aborted.entries == 0 && next == s.next.Load() {
				continue
			}
		}
		if !s.acquire() {
			continue // deleted just now
		}
		err := s.load(cl.c.IndexIntervalBytes)
		s.mu.RLock()
		cl.aborted = append(cl.aborted, s.mu.aborted...)
		s.mu.RUnlock()
		s.release()
		if err != nil {
			return err
		}
	}
	return nil
}

// buildMap reads the dirty part.
func (cl *cleaning) buildMap(from int64) error {
	records := cl.segments[len(cl.segments)-1].next.Load() - from
	cl.keys = newOffsetMap(cl.o.MapBytes, cl.o.MapLoad, records)
	txns := newCleanedTxns(cl.aborted, from, nil)
	scratch := &wire.Decompressor{}
	for _, s := range cl.segments {
		if s.next.Load() <= from {
			continue
		}
		full := false
		err := cl.read(s, func(b wire.Batch) (more bool, err error) {
			full, err = cl.mapBatch(b, from, txns, scratch)
			return !full, err
		})
		if err != nil || full {
			return err
		}
		cl.keys.pass(s.next.Load() - 1)
	}
	return nil
}

func (cl *cleaning) mapBatch(b wire.Batch, from int64, txns *cleanedTxns, scratch *wire.Decompressor) (full bool, err error) {
	if aborted := txns.batch(b); !aborted && !b.IsControl() && b.LastOffset() >= from {
		it := wire.Records(b, scratch)
		for it.Next() {
			if r := it.Record(); r.Key != nil && r.Offset >= from && !cl.keys.put(r.Key, r.Offset) {
				return true, nil
			}
		}
		if err := it.Err(); err != nil {
			return false, err
		}
	}
	if b.LastOffset() >= from {
		cl.keys.pass(b.LastOffset())
	}
	return false, nil
}

func (cl *cleaning) prepareFilter() {
	cl.Log.mu.Lock()
	cl.mu.producers.expire(cl.now.UnixMilli(), cl.c.ProducerExpiry)
	last := cl.mu.producers.lastRecords()
	cl.Log.mu.Unlock()
	f := &cl.filter
	f.keys, f.producers = cl.keys, last
	f.now = cl.now.UnixMilli()
	f.horizon = f.now + cl.c.DeleteRetention.Milliseconds()
	f.txns = newCleanedTxns(cl.aborted, 0, func(a abortedEntry) { cl.kept = append(cl.kept, a) })
	f.keepFn = f.keep
}

// group cuts off the segments that become one: as many as fit, so that what compaction leaves of many is not many small files.
func (cl *cleaning) group(list []*segment, end int64) (group, rest []*segment) {
	var size, index, times int64
	limit := int64(cl.c.IndexMaxBytes)
	n := 0
	for ; n < len(list) && list[n].base < end; n++ {
		s := list[n]
		size += s.size.Load()
		index += cl.indexSize(s, indexSuffix)
		times += cl.indexSize(s, timeSuffix)
		far := s.size.Load() > 0 && s.next.Load()-1-list[0].base > math.MaxInt32
		if n > 0 && (size > cl.c.SegmentBytes || index > limit || times > limit || far) {
			break
		}
	}
	return list[:n:n], list[n:]
}

// indexSize is of the file: the indexes of segments that nobody reads are not in memory, and there may be many.
func (cl *cleaning) indexSize(s *segment, suffix string) int64 {
	info, err := s.fs.Stat(s.path(s.base, suffix))
	if err != nil {
		return 0
	}
	return info.Size
}

// cleanReadBytes is how much of a segment is read at a time; a larger batch is read whole.
const cleanReadBytes = 1 << 20

// read hands the batches of a segment to fn while it wants more. Each is checked.
func (cl *cleaning) read(s *segment, fn func(wire.Batch) (more bool, err error)) error {
	f, err := s.open()
	if err != nil {
		return err
	}
	w := &window{file: f, end: s.size.Load(), buf: make([]byte, min(cleanReadBytes, max(s.size.Load(), wire.HeaderSize)))}
	paid := int64(0)
	expect := s.base
	for pos := int64(0); pos < w.end; {
		if pos-paid >= cleanReadBytes {
			if err := cl.pause(pos - paid); err != nil {
				return err
			}
			paid = pos
		}
		b, err := w.sound(pos, expect, s.next.Load())
		if err != nil {
			return fmt.Errorf("%w: %w", &DamageError{s.logPath(), expect, s.next.Load()}, err)
		}
		pos, expect = pos+int64(b.Size()), b.NextOffset()
		if more, err := fn(b); err != nil || !more {
			return err
		}
	}
	return cl.pause(w.end - paid)
}

func (cl *cleaning) pause(bytes int64) error {
	cl.filter.stats.BytesRead += bytes
	if cl.stopping.Load() {
		return ErrCleanStopped
	}
	if err := cl.ctx.Err(); err != nil {
		return err
	}
	if cl.o.Pause != nil {
		return cl.o.Pause(int(bytes))
	}
	return nil
}
