package commitlog

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"syscall"

	"github.com/millrace/millrace/internal/wire"
)

// Origin says who appends, and so what is checked.
type Origin int8

const (
	// FromClient is a produce request: one batch, no control records, checksum, size, times, and sequence numbers.
	FromClient Origin = iota
	// FromCoordinator is a coordinator on behalf of a client, such as offsets committed in a transaction: no sequence numbers.
	FromCoordinator
	// Internal is this program's own writing: neither sequence numbers nor checksums.
	Internal
)

// AppendInfo is where batches have gone.
type AppendInfo struct {
	FirstOffset, LastOffset int64
	// LogAppendTime is the time that the broker stamped, -1 with create times; of a duplicate the batch's, as Kafka has it.
	LogAppendTime int64
	LogStart      int64
	// Duplicate says that the batch was in the log before, at these offsets.
	Duplicate bool
}

// Append writes batches to the end of the log, and returns before they are durable: WaitDurable(info.LastOffset) waits for that. The
// offsets and the leader epoch are written into the caller's bytes, which are not kept.
//
// All of the batches are appended, or none. A disk that is full gives ErrNoSpace and leaves the log usable; any other error of a
// write gives ErrOffline.
func (l *Log) Append(batches []byte, origin Origin, leaderEpoch int32) (AppendInfo, error) {
	c := l.config.Load()
	now := l.now()
	if err := validate(batches, origin, c); err != nil {
		return AppendInfo{}, err
	}
	if origin == FromClient {
		if err := l.space.admit(len(batches), now); err != nil {
			return AppendInfo{}, err
		}
	}
	if c.inspects(batches, origin, now) {
		var err error
		if batches, err = c.inspect(batches, origin, now, filepath.Base(l.dir)); err != nil {
			return AppendInfo{}, err
		}
	}
	l.mu.Lock()
	info, err := l.appendLocked(batches, origin, leaderEpoch, c, now.UnixMilli())
	if errors.Is(err, ErrNoSpace) && l.space.full(now, origin == FromClient) {
		info, err = l.appendLocked(batches, origin, leaderEpoch, c, now.UnixMilli())
	}
	l.finishAppend(c, err != nil)
	return info, err
}

// finishAppend releases mu and lets the world know.
func (l *Log) finishAppend(c *Config, failed bool) {
	ended := failed && l.mu.err != nil
	kick := !l.mu.syncing && l.mu.err == nil && l.dirtyLocked()
	if kick {
		l.mu.syncing = true
	}
	if c.PageCache && !failed {
		l.advance(l.endLocked())
	}
	l.mu.Unlock()
	if kick {
		l.kick(c)
	}
	if ended || c.PageCache {
		l.notify()
	}
}

// endLocked is the end of the log, and where it is.
func (l *Log) endLocked() position {
	return position{l.end.Load(), l.mu.active.base, l.mu.active.size.Load()}
}

// AppendMarker ends a producer's transaction in this partition; one that has none gets the marker all the same, since it raises the
// producer's epoch. The reply to it should wait until it is durable.
func (l *Log) AppendMarker(pid int64, epoch int16, commit bool, coordinatorEpoch int32) (offset int64, err error) {
	c := l.config.Load()
	now := l.now()
	b := wire.BuildMarker(pid, epoch, commit, coordinatorEpoch, now.UnixMilli())
	l.mu.Lock()
	info, err := l.appendLocked(b, Internal, max(l.mu.epochs.last(), 0), c, now.UnixMilli())
	if errors.Is(err, ErrNoSpace) && l.space.full(now, false) {
		info, err = l.appendLocked(b, Internal, max(l.mu.epochs.last(), 0), c, now.UnixMilli())
	}
	l.finishAppend(c, err != nil)
	return info.FirstOffset, err
}

// validate checks what needs no knowledge of the log.
func validate(batches []byte, origin Origin, c *Config) error {
	if len(batches) == 0 {
		return fmt.Errorf("%w: nothing to append", ErrInvalidRecord)
	}
	for n, rest := 0, batches; len(rest) > 0; n++ {
		if n == 1 && origin == FromClient {
			return fmt.Errorf("%w: a producer may send one batch at a time", ErrInvalidRecord)
		}
		b, tail, err := wire.ParseBatch(rest)
		if errors.Is(err, wire.ErrMagic) {
			return fmt.Errorf("%w: %v", ErrInvalidRecord, err)
		}
		if err != nil {
			return fmt.Errorf("%w: %v", ErrCorrupt, err)
		}
		if err := validateBatch(b, origin, c); err != nil {
			return err
		}
		rest = tail
	}
	return nil
}

func validateBatch(b wire.Batch, origin Origin, c *Config) error {
	if origin != Internal && len(b) > c.MaxMessageBytes {
		return fmt.Errorf("%w: %d bytes of %d", ErrMessageTooLarge, len(b), c.MaxMessageBytes)
	}
	if int64(len(b)) > c.SegmentBytes {
		return fmt.Errorf("%w: %d bytes, a segment has %d", ErrListTooLarge, len(b), c.SegmentBytes)
	}
	// Before any rule of what is in it: a producer sends again what was corrupted on its way, and gives up on what breaks a rule.
	if origin != Internal {
		if err := b.CheckCRC(); err != nil {
			return fmt.Errorf("%w: %v", ErrCorrupt, err)
		}
	}
	if b.LastOffsetDelta() < 0 || b.LastOffsetDelta() == math.MaxInt32 || b.RecordCount() != b.LastOffsetDelta()+1 {
		return fmt.Errorf("%w: %d records, but a last offset delta of %d", ErrInvalidRecord, b.RecordCount(), b.LastOffsetDelta())
	}
	if origin != FromClient {
		return nil
	}
	if b.IsControl() {
		return fmt.Errorf("%w: a client may not write control records", ErrInvalidRecord)
	}
	if b.ProducerID() >= 0 && b.ProducerEpoch() < 0 {
		return fmt.Errorf("%w: producer %d has epoch %d", ErrInvalidProducerEpoch, b.ProducerID(), b.ProducerEpoch())
	}
	if b.Codec() > wire.Zstd || b.ProducerID() >= 0 && b.BaseSequence() < 0 {
		return fmt.Errorf("%w: codec %v, producer %d, epoch %d, sequence %d", ErrInvalidRecord, b.Codec(), b.ProducerID(),
			b.ProducerEpoch(), b.BaseSequence())
	}
	if c.TimestampType == wire.CreateTime && b.TimestampType() == wire.LogAppendTime {
		return fmt.Errorf("%w: a client may not stamp log append time", ErrInvalidTimestamp)
	}
	return nil
}

// appendLocked checks batches against the log, gives them their offsets, writes them, and only then lets the log's state know.
func (l *Log) appendLocked(batches []byte, origin Origin, leaderEpoch int32, c *Config, now int64) (AppendInfo, error) {
	info := AppendInfo{LogAppendTime: -1, LogStart: l.start.Load()}
	if l.mu.err != nil {
		return info, l.mu.err
	}
	if dup, err := l.checkProducers(batches, origin); err != nil {
		return info, err
	} else if dup != nil {
		info.FirstOffset, info.LastOffset, info.Duplicate = dup.lastOffset-int64(dup.delta), dup.lastOffset, true
		info.LogAppendTime = dup.time
		return info, nil
	}
	first := l.end.Load()
	next := first
	newest := int64(-1)
	for rest := batches; len(rest) > 0; {
		b, tail, _ := wire.ParseBatch(rest)
		b.SetBaseOffset(next)
		b.SetLeaderEpoch(leaderEpoch)
		if c.TimestampType == wire.LogAppendTime && !b.IsControl() {
			b.SetLogAppendTime(now)
			info.LogAppendTime = now
		}
		newest = max(newest, b.MaxTimestamp())
		next, rest = b.NextOffset(), tail
	}
	if err := l.makeRoom(int64(len(batches)), next, newest, c, now); err != nil {
		return info, l.writeFailed(err)
	}
	if err := l.write(batches); err != nil {
		return info, err
	}
	l.record(batches, c, now)
	info.FirstOffset, info.LastOffset = first, next-1
	return info, nil
}

// checkProducers asks the producer state about each batch; dup is the one batch that was appended before.
func (l *Log) checkProducers(batches []byte, origin Origin) (dup *batchMeta, err error) {
	for rest := batches; len(rest) > 0; {
		b, tail, _ := wire.ParseBatch(rest)
		rest = tail
		if b.IsControl() {
			m, err := wire.ParseMarker(b)
			if err != nil {
				return nil, fmt.Errorf("%w: %v", ErrInvalidRecord, err)
			}
			if err := l.mu.producers.checkMarker(b, m); err != nil {
				return nil, err
			}
			continue
		}
		if dup, err = l.mu.producers.check(b, origin); err != nil || dup != nil {
			return dup, err
		}
	}
	return nil, nil
}

// write puts bytes at the end of the active segment. If they did not all go there, those that did are cut off again.
func (l *Log) write(batches []byte) error {
	s := l.mu.active
	s.acquire()
	defer s.release()
	f, err := s.open()
	if err != nil {
		return l.openFailed(err)
	}
	s.unsynced.Store(true)
	pos := s.size.Load()
	if _, err = f.WriteAt(batches, pos); err == nil {
		return nil
	}
	if terr := f.Truncate(pos); terr != nil {
		return l.offline(errors.Join(err, terr))
	}
	return l.writeFailed(err)
}

// openFailed tells that there are too many open files, which passes, from a disk that is not to be trusted.
func (l *Log) openFailed(err error) error {
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return l.offline(err)
}

// writeFailed tells a full disk, after which the log is as it was, from one that is not to be trusted.
func (l *Log) writeFailed(err error) error {
	if isFull(err) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return l.offline(err)
}

func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// record enters batches that were written into the indexes and the state, and moves the end of the log behind them.
func (l *Log) record(batches []byte, c *Config, now int64) {
	s := l.mu.active
	pos, end := s.size.Load(), l.end.Load()
	for rest := batches; len(rest) > 0; {
		b, tail, _ := wire.ParseBatch(rest)
		if s.firstTS < 0 {
			s.firstTS = b.MaxTimestamp()
		}
		s.note(b, pos, c.IndexIntervalBytes)
		l.apply(s, b, now, 0)
		pos += int64(len(b))
		end, rest = b.NextOffset(), tail
	}
	s.size.Store(pos)
	l.traffic.records.Add(end - l.end.Load())
	l.traffic.in.Add(int64(len(batches)))
	l.end.Store(end)
	l.appended.Store(now)
	l.mu.unmarked += int64(len(batches))
}

// apply enters a batch of the log into the state that depends on all of them. Aborted transactions that end below from are in their
// index already.
func (l *Log) apply(s *segment, b wire.Batch, now, from int64) {
	if epoch, isNew := l.mu.epochs.add(b.LeaderEpoch(), b.BaseOffset()); isNew {
		l.mu.epochs, l.mu.newEpochs = epoch, true
	}
	if !b.IsControl() {
		l.mu.producers.add(b, now)
		return
	}
	if b.RecordCount() == 0 {
		l.mu.producers.addEmptyMarker(b, now)
		return
	}
	m, err := wire.ParseMarker(b)
	if err != nil {
		return // a control record that decides nothing
	}
	if e, aborted := l.mu.producers.addMarker(b, m, now); aborted && e.LastOffset >= from {
		s.addAborted(e)
	}
}
