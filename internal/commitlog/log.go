// Package commitlog is one partition on disk, in Kafka's files: segments of record batches, their indexes, producer state.
//
// A batch goes through it in this order: Append gives it offsets, writes it and returns (append.go); the Syncer makes it durable
// with whatever else has come (sync.go); then the high watermark passes it, WaitDurable returns, watchers are called, and Read hands
// it out as a range of a file (read.go). Open brings a log back after a crash (recover.go), and damage is kept apart from what a
// crash may leave (checkpoint.go, verify.go).
package commitlog

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/internal/vfs"
)

// Options say what log to open.
type Options struct {
	// FS and Dir are where the log's files are; the directory is made if it is missing.
	FS  vfs.FS
	Dir string
	// TopicID is written to partition.metadata, and checked against it; zero leaves the file alone.
	TopicID [16]byte
	Config  Config
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Syncer, Handles and Space are shared by the logs of a data directory; nil gives the log a Syncer and Handles of its own, and
	// no limit on space.
	Syncer  *Syncer
	Handles *Handles
	Space   *Space
	// OtherTopic says whether an id that the directory claims is another topic's; one that nobody has ever had is damage. Nil: any
	// other id is another topic's.
	OtherTopic func(id [16]byte) bool
	// Report is told of damage; it may be called from any method, with locks held, and must not call the log. Nil ignores it.
	Report func(Finding)
}

// Log is one partition. It is safe for concurrent use.
//
// Offsets are in this order, each at most the next:
//
//	start ........ last stable ........ high watermark ........ end
//	|  decided      |  in an open        |  written, perhaps     |
//	|  and durable  |  transaction, or   |  not on disk:         |
//	|               |  behind one        |  nobody may read it   |
//
// mu is for appending and for what appends change; a reader takes it only to know the end. state, which readers take, is held for
// moments.
type Log struct {
	place
	now     func() time.Time
	config  atomic.Pointer[Config]
	syncer  *Syncer
	traffic traffic
	space   *Space
	own     bool // the syncer is this log's
	ck      *checkpointFile

	start, hw, lso, end atomic.Int64
	appended            atomic.Int64 // time of the last append, ms; 0 if there was none
	segments            atomic.Pointer[[]*segment]
	opening             []*segment // what will be segments, while the log is being opened

	mu struct {
		sync.Mutex
		err       error // ErrOffline or ErrClosed, once it is so
		active    *segment
		producers *producers
		epochs    epochs
		newEpochs bool       // since they were last written
		sealed    []*segment // closed since the last round, or whose indexes could not be written then
		snapshots map[int64][]byte
		newDir    bool  // names have changed since the directory was last synced
		newParent bool  // the directory's own name may not be on disk
		synced    int64 // the end of the log at the last round
		unmarked  int64 // bytes appended since the last mark
		syncing   bool  // a round is running, or asked for
	}

	state struct {
		sync.Mutex
		hw      position
		waiting int
		moved   chan struct{} // closed when hw moves or the log ends, if anybody waits
		ended   error
	}

	watch struct {
		sync.Mutex
		fns atomic.Pointer[[]*func()] // replaced, never changed
	}

	round rounds

	// cleaning is held by Clean, one at a time, before round; stopping tells it that the log is being closed, which waits for it.
	cleaning sync.Mutex
	stopping atomic.Bool
}

// Err is why the log takes no more appends: ErrOffline or ErrClosed with the cause, or nil.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.err
}

// StartOffset is the first offset that may be read.
func (l *Log) StartOffset() int64 { return l.start.Load() }

// HighWatermark is the end of what is durable.
func (l *Log) HighWatermark() int64 { return l.hw.Load() }

// LastStableOffset is the end of what a read_committed reader sees.
//
// Records may be deleted from under an open transaction; nothing below the start is then unstable.
func (l *Log) LastStableOffset() int64 { return max(l.lso.Load(), l.start.Load()) }

// EndOffset is the offset that the next record gets.
func (l *Log) EndOffset() int64 { return l.end.Load() }

// LastAppend is the time of the last append, zero if there never was one.
func (l *Log) LastAppend() time.Time {
	ms := l.appended.Load()
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// Size is the bytes of the log's batches.
func (l *Log) Size() int64 {
	var n int64
	for _, s := range *l.segments.Load() {
		n += s.size.Load()
	}
	return n
}

// SetConfig changes the configuration, for what comes.
func (l *Log) SetConfig(c Config) error {
	if err := c.Validate(); err != nil {
		return err
	}
	l.config.Store(&c)
	return nil
}

// LeaderEpochEnd is the greatest leader epoch in the log that is not above the one asked for, and where it ends; -1 and -1 if the log
// has not reached that epoch.
func (l *Log) LeaderEpochEnd(epoch int32) (int32, int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.epochs.end(epoch, l.end.Load())
}

// OpenTxn is a transaction whose marker is not in the log.
type OpenTxn struct {
	ProducerID  int64
	Epoch       int16
	FirstOffset int64
	LastSeen    time.Time
}

// OpenTxns lists the open transactions by first offset.
func (l *Log) OpenTxns() []OpenTxn {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]OpenTxn, 0, len(l.mu.producers.open))
	for _, t := range l.mu.producers.open {
		p := l.mu.producers.byID[t.pid]
		list = append(list, OpenTxn{t.pid, p.epoch, t.first, time.UnixMilli(p.seen)})
	}
	return list
}

// ProducerState is what the log knows of a producer: DescribeProducers' answer.
type ProducerState struct {
	ProducerID       int64
	Epoch            int16
	LastSequence     int32 // -1 if none
	LastTimestamp    int64 // of its last batch, or the time of its last marker
	CoordinatorEpoch int32 // -1 if it had no marker
	TxnFirstOffset   int64 // -1 outside a transaction
}

// Producers lists the producers by id.
func (l *Log) Producers() []ProducerState {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.producers.expire(l.now().UnixMilli(), l.config.Load().ProducerExpiry)
	var list []ProducerState
	for _, p := range l.mu.producers.sorted() {
		list = append(list, p.describe())
	}
	return list
}

// Producer is the state of one producer.
func (l *Log) Producer(id int64) (ProducerState, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.mu.producers.byID[id]; p != nil {
		return p.describe(), true
	}
	return ProducerState{}, false
}

func (p *producer) describe() ProducerState {
	s := ProducerState{p.id, p.epoch, -1, p.seen, p.coord, p.txnFirst}
	if m := p.last(); m != nil {
		s.LastSequence, s.LastTimestamp = m.lastSeq, m.time
	}
	return s
}

// WaitDurable waits until the high watermark is above an offset. It fails with ErrOffline or ErrClosed if that will not happen in
// this log's life; the record may be there all the same when it is opened again.
func (l *Log) WaitDurable(ctx context.Context, offset int64) error {
	for {
		if l.hw.Load() > offset {
			return nil
		}
		l.state.Lock()
		if l.hw.Load() > offset {
			l.state.Unlock()
			return nil
		}
		if err := l.state.ended; err != nil {
			l.state.Unlock()
			return err
		}
		if l.state.moved == nil {
			l.state.moved = make(chan struct{})
		}
		moved := l.state.moved
		l.state.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Watch calls fn when the high watermark or the last stable offset moves, and when the log goes offline or is closed. It is called
// without locks and must not block; it may be called once more while cancel returns.
func (l *Log) Watch(fn func()) (cancel func()) {
	l.watch.Lock()
	defer l.watch.Unlock()
	id := &fn
	var list []*func()
	if p := l.watch.fns.Load(); p != nil {
		list = append(list, *p...)
	}
	list = append(list, id)
	l.watch.fns.Store(&list)
	return func() { l.unwatch(id) }
}

func (l *Log) unwatch(id *func()) {
	l.watch.Lock()
	defer l.watch.Unlock()
	var rest []*func()
	for _, f := range *l.watch.fns.Load() {
		if f != id {
			rest = append(rest, f)
		}
	}
	l.watch.fns.Store(&rest)
}

func (l *Log) notify() {
	if p := l.watch.fns.Load(); p != nil {
		for _, fn := range *p {
			(*fn)()
		}
	}
}

// advance moves the high watermark, and with it the last stable offset. It is called with mu held; the caller notifies after.
func (l *Log) advance(hw position) {
	l.state.Lock()
	defer l.state.Unlock()
	if hw.offset < l.state.hw.offset {
		return
	}
	l.state.hw = hw
	// In this order a reader that sees the new watermark does not see an older last stable offset above it.
	l.hw.Store(hw.offset)
	l.lso.Store(l.mu.producers.stable(hw.offset))
	if l.state.moved != nil {
		close(l.state.moved)
		l.state.moved = nil
	}
}

// fail ends the log's appends. It is called with mu held; the caller notifies after.
func (l *Log) fail(err error) {
	if l.mu.err != nil {
		return
	}
	l.mu.err = err
	l.state.Lock()
	defer l.state.Unlock()
	l.state.ended = err
	if l.state.moved != nil {
		close(l.state.moved)
		l.state.moved = nil
	}
}

// offline is fail for an error of the disk.
func (l *Log) offline(cause error) error {
	if l.mu.err == nil {
		l.report(Finding{Path: l.dir, First: -1, Next: -1, What: "log goes offline: " + cause.Error()})
		l.fail(fmt.Errorf("%w: %w", ErrOffline, cause))
	}
	return l.mu.err
}

// Close makes everything durable, writes the state that makes the next Open read nothing, and closes the files. Readers may finish
// with the chunks that they hold. A log that is offline is closed as it is.
func (l *Log) Close() error {
	err := l.shut(true)
	if l.own {
		l.syncer.Close()
	}
	return err
}

// shut ends the log; with keep it is made durable first.
func (l *Log) shut(keep bool) error {
	l.stopping.Store(true)
	l.cleaning.Lock()
	defer l.cleaning.Unlock()
	l.round.Lock()
	defer l.round.Unlock()
	l.mu.Lock()
	if l.round.shut {
		l.mu.Unlock()
		return nil
	}
	l.round.shut = true
	healthy := l.mu.err == nil
	l.mu.Unlock()

	var err error
	if healthy && keep {
		err = l.lastRound()
	}
	l.mu.Lock()
	l.fail(fmt.Errorf("%w: %s", ErrClosed, l.dir))
	l.mu.Unlock()
	l.notify()
	for _, s := range *l.segments.Load() {
		s.unsynced.Store(true) // the file stays open for who still reads it
		s.release()
	}
	l.ck.release()
	return err
}

// Delete closes the log and removes its directory. Readers may finish with the chunks that they hold.
func (l *Log) Delete() error {
	err := l.shut(false)
	if l.own {
		l.syncer.Close()
	}
	if rerr := l.fs.RemoveAll(l.dir); rerr != nil {
		return rerr
	}
	if serr := l.fs.SyncDir(filepath.Dir(l.dir)); serr != nil {
		return serr
	}
	return err
}
