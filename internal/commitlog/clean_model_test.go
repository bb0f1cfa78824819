package commitlog

import (
	"context"
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

// keyed is what was appended to a compacted log, offset by offset, for ever: the naive twin of the log.
type keyed struct {
	key, value string // value "-" is a tombstone
	pid        int64
	first      int64 // of its batch
	txn        bool
	marker     int // 0 none, 1 abort, 2 commit
}

type cleanModel struct {
	*testing.T
	rng     *rand.Rand
	fs      *vfs.Mem
	clock   *clock
	log     *Log
	config  Config
	records []keyed
	durable int64
	dirty   int64
	seqs    map[int64]int32
	inTxn   map[int64]bool
	n       int
}

func (t *cleanModel) open() {
	o := memOptions(t.fs, t.clock, nil)
	o.Report = func(f Finding) {
		if !f.Cut {
			t.Fatalf("damage where there is none: %v", f)
		}
	}
	o.Config = t.config
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	l.round.markEvery = int64(500 + t.rng.Intn(5000))
	t.log = l
}

func (t *cleanModel) append() {
	pid := int64(t.rng.Intn(4))
	b := wire.NewBuilder(nil)
	b.SetCodec(wire.Codec(t.rng.Intn(5)))
	txn := false
	if pid > 0 {
		b.SetProducer(pid, 0, t.seqs[pid])
		txn = t.inTxn[pid] || t.rng.Intn(2) == 0
		t.inTxn[pid] = txn
	}
	b.SetTransactional(txn)
	first := int64(len(t.records))
	for range 1 + t.rng.Intn(4) {
		r := keyed{key: fmt.Sprint("k", t.rng.Intn(12)), value: fmt.Sprint("v", t.n), pid: pid, first: first, txn: txn}
		value := []byte(r.value)
		if t.rng.Intn(4) == 0 {
			r.value, value = "-", nil
		}
		t.n++
		b.Append(t.clock.ms, []byte(r.key), value, nil)
		t.records = append(t.records, r)
	}
	info, err := t.log.Append(b.Bytes(), FromClient, 0)
	if err != nil || info.Duplicate || info.FirstOffset != first || info.LastOffset != int64(len(t.records))-1 {
		t.Fatalf("appended at %+v, expected is %d: %v", info, first, err)
	}
	if pid > 0 {
		t.seqs[pid] += int32(b.Count())
	}
}

func (t *cleanModel) marker() {
	pid := int64(1 + t.rng.Intn(3))
	r := keyed{pid: pid, marker: 1 + t.rng.Intn(2)}
	off, err := t.log.AppendMarker(pid, 0, r.marker == 2, 0)
	if err != nil || off != int64(len(t.records)) {
		t.Fatal(off, err)
	}
	r.first = off
	t.records = append(t.records, r)
	t.inTxn[pid] = false
}

func (t *cleanModel) sync() {
	syncNow(t.log)
	t.durable = int64(len(t.records))
}

func (t *cleanModel) clean() {
	t.sync()
	before := t.read()
	stats, err := t.log.Clean(context.Background(), CleanOptions{FirstDirty: t.dirty, MapBytes: int64(mapSlotSize * (3 + t.rng.Intn(40))), MapLoad: 0.9})
	if err != nil {
		t.Fatal(err)
	}
	if stats.End < t.dirty {
		t.Fatalf("dirty from %d after %d", stats.End, t.dirty)
	}
	t.dirty = stats.End
	for off, v := range t.read() {
		if before[off] != v {
			t.Fatalf("offset %d was %q and is %q", off, before[off], v)
		}
	}
}

// read gives what a read_committed reader sees, by offset.
func (t *cleanModel) read() map[int64]string {
	out := map[int64]string{}
	lso := t.log.LastStableOffset()
	aborted, err := t.log.AbortedTxns(0, lso)
	if err != nil {
		t.Fatal(err)
	}
	for from := t.log.StartOffset(); from < lso; {
		c, err := t.log.Read(from, 2000, LastStable, true)
		if err != nil {
			t.Fatalf("read at %d: %v", from, err)
		}
		b, err := c.Bytes(nil)
		c.Release()
		if err != nil || len(b) == 0 {
			t.Fatalf("nothing at %d of %d: %v", from, lso, err)
		}
		for len(b) > 0 {
			batch, rest, err := wire.ParseBatch(b)
			if err != nil || batch.CheckCRC() != nil {
				t.Fatalf("read at %d: %v %v", from, err, batch.CheckCRC())
			}
			skip := batch.IsControl() || slices.ContainsFunc(aborted, func(a AbortedTxn) bool {
				return batch.IsTransactional() && a.ProducerID == batch.ProducerID() && a.FirstOffset <= batch.BaseOffset() && batch.LastOffset() <= a.LastOffset
			})
			var d wire.Decompressor
			for it := wire.Records(batch, &d); !skip && it.Next(); {
				out[it.Record().Offset] = string(it.Record().Key) + "=" + orNull(it.Record().Value)
			}
			from, b = batch.NextOffset(), rest
		}
	}
	return out
}

// check compares with the twin: nothing is there that was not appended and committed, and of each key the newest record is, unless
// it is a tombstone.
func (t *cleanModel) check() {
	lso := t.log.LastStableOffset()
	aborted := map[int64]bool{}
	for end, m := range t.records[:t.log.HighWatermark()] {
		if m.marker == 1 {
			for off := end - 1; off >= 0; off-- {
				if r := t.records[off]; r.pid == m.pid && r.marker != 0 {
					break
				} else if r.pid == m.pid && r.txn {
					aborted[int64(off)] = true
				}
			}
		}
	}
	newest := map[string]int64{}
	for off := range lso {
		if r := t.records[off]; r.marker == 0 && !aborted[off] {
			newest[r.key] = off
		}
	}
	got := t.read()
	for off, text := range got {
		r := t.records[off]
		if aborted[off] || r.marker != 0 || text != r.key+"="+r.value {
			t.Fatalf("offset %d shows %q, appended was %+v (aborted %v)", off, text, r, aborted[off])
		}
	}
	for key, off := range newest {
		r := t.records[off]
		if _, ok := got[off]; !ok && r.value != "-" && off >= t.log.StartOffset() {
			t.Fatalf("key %s has lost its newest record at %d: %+v", key, off, r)
		}
		if _, ok := got[off]; !ok && off >= t.dirty && off >= t.log.StartOffset() {
			t.Fatalf("offset %d is gone though it is not clean", off)
		}
	}
	t.checkProducers()
}

// checkProducers sends each producer's last batch state to the test: what it sends next must be accepted.
func (t *cleanModel) checkProducers() {
	for pid, seq := range t.seqs {
		p, ok := t.log.Producer(pid)
		if want := seq - 1; ok && p.LastSequence != want || !ok && seq != 0 {
			t.Fatalf("producer %d: sequence %d, want %d (known %v)", pid, p.LastSequence, want, ok)
		}
		if ok && (p.TxnFirstOffset >= 0) != t.inTxn[pid] {
			t.Fatalf("producer %d: transaction from %d, want open %v", pid, p.TxnFirstOffset, t.inTxn[pid])
		}
	}
}

func (t *cleanModel) crash(fs *vfs.Mem) {
	t.fs = fs.CrashClone(vfs.CrashOptions{Seed: t.rng.Int63(), UnsyncedDataPercent: t.rng.Intn(101)})
	t.reopen()
}

func (t *cleanModel) reopen() {
	t.open()
	end := t.log.EndOffset()
	if end < t.durable || end > int64(len(t.records)) {
		t.Fatalf("the log ends at %d, %d were durable of %d", end, t.durable, len(t.records))
	}
	t.records = t.records[:end]
	t.durable = end
	t.resume()
}

// resume computes from the twin where each producer is.
func (t *cleanModel) resume() {
	clear(t.seqs)
	clear(t.inTxn)
	for _, r := range t.records {
		switch {
		case r.marker != 0:
			t.inTxn[r.pid] = false
		case r.pid > 0:
			t.seqs[r.pid]++
			t.inTxn[r.pid] = r.txn
		}
	}
}

// loseSnapshots takes the producer snapshots away: the state must come from what compaction has left.
func (t *cleanModel) loseSnapshots() {
	if err := t.log.Close(); err != nil {
		t.Fatal(err)
	}
	t.durable = int64(len(t.records))
	names, _ := t.fs.List("p")
	for _, name := range names {
		if _, ok := parseName(name, snapshotSuffix); ok {
			if err := t.fs.Remove("p/" + name); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.reopen()
}

func newCleanModel(t *testing.T, seed int64) *cleanModel {
	m := &cleanModel{T: t, rng: rand.New(rand.NewSource(seed)), fs: vfs.NewMem(), clock: &clock{ms: 1e12},
		seqs: map[int64]int32{}, inTxn: map[int64]bool{}, config: testConfig()}
	m.config.Compact = true
	m.config.SegmentBytes = int64(600 + m.rng.Intn(3000))
	m.config.IndexIntervalBytes = m.rng.Intn(500)
	m.config.DeleteRetention = 10_000_000_000 // 10 s
	m.open()
	return m
}

func (t *cleanModel) step() {
	t.clock.set(t.clock.ms + t.rng.Int63n(1000))
	switch p := t.rng.Intn(100); {
	case p < 50:
		t.append()
	case p < 70:
		t.marker()
	case p < 78:
		t.sync()
	case p < 86:
		t.clean()
	case p < 92:
		t.check()
	case p < 95:
		t.crash(t.fs)
	case p < 97:
		t.loseSnapshots()
	case p < 98:
		if _, err := t.log.DeleteBefore(t.log.StartOffset() + t.rng.Int63n(max(t.log.LastStableOffset()-t.log.StartOffset(), 1))/4); err != nil {
			t.Fatal(err)
		}
	default:
		_ = t.log.Close()
		t.durable = int64(len(t.records))
		t.reopen()
	}
}

// TestCleanModel runs random histories of appends, transactions, cleanings and crashes against the twin.
func TestCleanModel(t *testing.T) {
	seeds := 80
	if testing.Short() {
		seeds = 10
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(tt *testing.T) {
			tt.Parallel()
			t := newCleanModel(tt, int64(seed))
			for range 300 {
				t.step()
			}
			t.clean()
			t.check()
		})
	}
}

// stepFS calls back before each change of the file system.
type stepFS struct {
	vfs.FS
	before func()
}

func (f stepFS) Create(name string) (vfs.File, error) {
	f.before()
	file, err := f.FS.Create(name)
	return stepFile{file, f.before}, err
}

func (f stepFS) OpenReadWrite(name string) (vfs.File, error) {
	file, err := f.FS.OpenReadWrite(name)
	return stepFile{file, f.before}, err
}

func (f stepFS) Remove(name string) error        { f.before(); return f.FS.Remove(name) }
func (f stepFS) Rename(oldName, to string) error { f.before(); return f.FS.Rename(oldName, to) }
func (f stepFS) SyncDir(dir string) error        { f.before(); return f.FS.SyncDir(dir) }

type stepFile struct {
	vfs.File
	before func()
}

func (f stepFile) WriteAt(b []byte, off int64) (int, error) {
	f.before()
	return f.File.WriteAt(b, off)
}
func (f stepFile) Sync() error            { f.before(); return f.File.Sync() }
func (f stepFile) Truncate(n int64) error { f.before(); return f.File.Truncate(n) }

// TestCleanCrashes loses the power before each change that a cleaning, and then the opening after it, makes to the file system: what
// is found is the log before or after, segment by segment, and nothing is damaged.
func TestCleanCrashes(t *testing.T) {
	for seed := range 6 {
		t.Run(fmt.Sprint(seed), func(tt *testing.T) {
			tt.Parallel()
			t := newCleanModel(tt, int64(1000+seed))
			for range 60 + 30*seed {
				t.step()
			}
			for range 10 {
				t.append()
			}
			for pid := range int64(4) {
				if !t.inTxn[pid] {
					continue
				}
				if _, err := t.log.AppendMarker(pid, 0, true, 0); err != nil {
					t.Fatal(err)
				}
				t.records = append(t.records, keyed{pid: pid, first: int64(len(t.records)), marker: 2})
				t.inTxn[pid] = false
			}
			t.log.mu.Lock()
			err := t.log.rollLocked()
			t.log.mu.Unlock()
			if err != nil {
				t.Fatal(err)
			}
			t.sync()
			t.check()
			if err := t.log.Close(); err != nil {
				t.Fatal(err)
			}
			points := t.crashPoints(t.fs, func(fs vfs.FS) {
				o := memOptions(fs, t.clock, nil)
				o.Config = t.config
				l := mustOpen(t, o)
				if _, err := l.Clean(context.Background(), CleanOptions{FirstDirty: 0, MapBytes: 1 << 16, MapLoad: 0.9}); err != nil {
					t.Fatal(err)
				}
			})
			t.dirty = int64(len(t.records)) // any of it may be clean
			for i, fs := range points {
				// Now and then the power fails again while the log is opened.
				var again []*vfs.Mem
				if i%7 == seed {
					again = t.crashPoints(fs, func(fs vfs.FS) {
						o := memOptions(fs, t.clock, nil)
						o.Config = t.config
						mustOpen(t, o)
					})
				}
				for _, fs := range append(again, fs) {
					t.fs = fs
					t.open()
					if end := t.log.EndOffset(); end != int64(len(t.records)) {
						t.Fatalf("the log ends at %d of %d", end, len(t.records))
					}
					t.check()
					t.checkFiles()
				}
			}
			if len(points) < 10 {
				t.Fatalf("only %d points", len(points))
			}
		})
	}
}

// crashPoints runs fn on a copy and gives what a disk holds before each change, by a few seeds, and at the end.
func (t *cleanModel) crashPoints(from *vfs.Mem, fn func(vfs.FS)) (points []*vfs.Mem) {
	work := from.CrashClone(vfs.CrashOptions{UnsyncedDataPercent: 100})
	take := func() {
		for _, percent := range []int{0, 50, 100} {
			if len(points) < 120 {
				points = append(points, work.CrashClone(vfs.CrashOptions{Seed: t.rng.Int63(), UnsyncedDataPercent: percent}))
			}
		}
	}
	fn(stepFS{work, take})
	take()
	return points
}

// checkFiles looks for what a cleaning may not leave behind.
func (t *cleanModel) checkFiles() {
	names, err := t.fs.List("p")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		for _, suffix := range []string{cleanedSuffix, swapSuffix, deletedSuffix} {
			if len(name) > len(suffix) && name[len(name)-len(suffix):] == suffix {
				t.Fatalf("%s is left", name)
			}
		}
		for _, suffix := range []string{indexSuffix, timeSuffix, txnSuffix} {
			if base, ok := parseName(name, suffix); ok && !slices.Contains(names, fileName(base, logSuffix)) {
				t.Fatalf("%s belongs to no segment", name)
			}
		}
	}
}
