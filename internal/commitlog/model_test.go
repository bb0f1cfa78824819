package commitlog

import (
	"errors"
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"github.com/millrace/millrace/internal/vfs"
)

// model is what a log should be: a slice of records, and the transactions in it, computed anew for each question.
type model struct {
	records []modelRecord
	durable int64 // of them
}

type modelRecord struct {
	value  string
	pid    int64
	batch  int64 // first offset of its batch
	txn    bool
	marker int // 0 none, 1 abort, 2 commit
}

// txns walks the first n records: the aborted transactions by marker, and the first offset of each open one.
func (m *model) txns(n int64) (aborted []AbortedTxn, decided, open map[int64]int64) {
	open, decided = map[int64]int64{}, map[int64]int64{}
	for i, r := range m.records[:n] {
		at := int64(i)
		switch {
		case r.marker != 0:
			if first, ok := open[r.pid]; ok {
				if r.marker == 1 {
					aborted = append(aborted, AbortedTxn{r.pid, first, at})
				}
				decided[first] = at
				delete(open, r.pid)
			}
		case r.txn:
			if _, ok := open[r.pid]; !ok {
				open[r.pid] = r.batch
			}
		}
	}
	return aborted, decided, open
}

func (m *model) lso(hw int64) int64 {
	_, decided, open := m.txns(int64(len(m.records)))
	lso := hw
	for _, first := range open {
		lso = min(lso, first)
	}
	for first, marker := range decided {
		if marker >= hw {
			lso = min(lso, first)
		}
	}
	return lso
}

type modelTest struct {
	*testing.T
	rng      *rand.Rand
	fs       *vfs.Mem
	clock    *clock
	log      *Log
	m        model
	seqs     map[int64]int32
	inTxn    map[int64]bool
	findings []Finding
	config   Config
	n        int

	markEvery int64
}

func (t *modelTest) open() {
	o := memOptions(t.fs, t.clock, &t.findings)
	o.Config = t.config
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	l.round.markEvery = t.markEvery
	t.log = l
}

func (t *modelTest) append() {
	b := testBatch{n: 1 + t.rng.Intn(4), size: 10 + t.rng.Intn(200), ts: t.clock.ms, tag: fmt.Sprintf("b%d.", t.n)}
	t.n++
	if pid := int64(t.rng.Intn(4)); pid > 0 {
		b.pid, b.seq = pid, t.seqs[pid]
		b.txn = t.inTxn[pid] || t.rng.Intn(2) == 0
		t.inTxn[pid] = b.txn
		t.seqs[pid] += int32(b.n)
	}
	info := mustAppend(t, t.log, b)
	if info.FirstOffset != int64(len(t.m.records)) || info.Duplicate {
		t.Fatalf("appended at %+v, expected is %d", info, len(t.m.records))
	}
	for i := range b.n {
		v := fmt.Sprintf("%s%d", b.tag, i)
		for len(v) < b.size {
			v += "."
		}
		t.m.records = append(t.m.records, modelRecord{value: v, pid: b.pid, batch: info.FirstOffset, txn: b.txn})
	}
	if b.pid > 0 {
		again, err := t.log.Append(b.bytes(), FromClient, 0)
		if err != nil || !again.Duplicate || again.FirstOffset != info.FirstOffset || again.LastOffset != info.LastOffset {
			t.Fatalf("sent again: %+v %v", again, err)
		}
	}
}

func (t *modelTest) marker() {
	pid := int64(1 + t.rng.Intn(3))
	commit := t.rng.Intn(2) == 0
	off, err := t.log.AppendMarker(pid, 0, commit, 0)
	if err != nil || off != int64(len(t.m.records)) {
		t.Fatalf("marker at %d: %v", off, err)
	}
	r := modelRecord{value: fmt.Sprintf("marker %d %v", pid, commit), pid: pid, batch: off, marker: 1}
	if commit {
		r.marker = 2
	}
	t.m.records = append(t.m.records, r)
	t.inTxn[pid] = false
}

func (t *modelTest) sync() {
	syncNow(t.log)
	t.m.durable = int64(len(t.m.records))
}

// syncBeside runs a round that is overtaken by appends.
func (t *modelTest) syncBeside() {
	l := t.log
	l.round.Lock()
	defer l.round.Unlock()
	r := l.begin(false)
	if r == nil {
		return
	}
	durable := int64(len(t.m.records))
	for range t.rng.Intn(4) {
		if t.rng.Intn(2) == 0 {
			t.append()
		} else {
			t.marker()
		}
	}
	l.tryPrepare(r)
	l.settle(r, l.syncData(r))
	t.m.durable = durable
	if lso, want := l.LastStableOffset(), max(t.m.lso(durable), l.StartOffset()); lso != want {
		t.Fatalf("last stable offset %d, want %d", lso, want)
	}
}

// crash loses the power: what survives is a prefix that has everything durable, and the log goes on from there.
func (t *modelTest) crash() {
	t.fs = t.fs.CrashClone(vfs.CrashOptions{Seed: t.rng.Int63(), UnsyncedDataPercent: t.rng.Intn(101)})
	t.reopened()
}

func (t *modelTest) reopened() {
	t.open()
	end := t.log.EndOffset()
	if end < t.m.durable || end > int64(len(t.m.records)) {
		t.Fatalf("the log ends at %d, %d were durable of %d", end, t.m.durable, len(t.m.records))
	}
	t.m.records = t.m.records[:end]
	t.m.durable = end
	clear(t.seqs)
	clear(t.inTxn)
	for _, p := range t.log.Producers() {
		t.seqs[p.ProducerID] = p.LastSequence + 1
		t.inTxn[p.ProducerID] = p.TxnFirstOffset >= 0
	}
}

func (t *modelTest) check() {
	l := t.log
	if hw := l.HighWatermark(); hw != t.m.durable {
		t.Fatalf("high watermark %d, want %d", hw, t.m.durable)
	}
	if lso, want := l.LastStableOffset(), max(t.m.lso(t.m.durable), l.StartOffset()); lso != want {
		t.Fatalf("last stable offset %d, want %d", lso, want)
	}
	for limit, end := range map[Limit]int64{HighWatermark: t.m.durable, LastStable: l.LastStableOffset(), End: int64(len(t.m.records))} {
		start := l.StartOffset()
		if start >= end {
			continue
		}
		from := start + t.rng.Int63n(end-start)
		got := contents(t, l, from, limit)
		for off := from; off < end; off++ {
			if got[off] != t.m.records[off].value {
				t.Fatalf("limit %d, offset %d is %q, want %q", limit, off, got[off], t.m.records[off].value)
			}
		}
		for off := range got {
			if off >= end {
				t.Fatalf("limit %d shows offset %d of %d", limit, off, end)
			}
		}
	}
	t.checkAborted()
}

func (t *modelTest) checkAborted() {
	lso := t.log.LastStableOffset()
	if lso == 0 {
		return
	}
	from := t.rng.Int63n(lso)
	to := from + 1 + t.rng.Int63n(lso-from)
	all, _, _ := t.m.txns(t.m.durable)
	want := slices.DeleteFunc(all, func(a AbortedTxn) bool { return a.LastOffset < from || a.FirstOffset >= to })
	got, err := t.log.AbortedTxns(from, to)
	if err != nil {
		t.Fatal(err)
	}
	got = slices.DeleteFunc(got, func(a AbortedTxn) bool { return a.LastOffset >= t.m.durable })
	if start := t.log.StartOffset(); from >= start && !slices.Equal(got, want) {
		t.Fatalf("aborted in %d to %d: %v, want %v", from, to, got, want)
	}
}

// TestModel runs random histories against the model: nothing acknowledged is lost, no offset has two values, every offset of every
// batch can be read, and what is decided agrees.
func TestModel(t *testing.T) {
	seeds := 60
	if testing.Short() {
		seeds = 10
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(tt *testing.T) {
			tt.Parallel()
			t := &modelTest{T: tt, rng: rand.New(rand.NewSource(int64(seed))), fs: vfs.NewMem(), clock: &clock{ms: 1e12},
				seqs: map[int64]int32{}, inTxn: map[int64]bool{}, config: testConfig()}
			t.config.SegmentBytes = int64(1000 + t.rng.Intn(8000))
			t.config.IndexIntervalBytes = t.rng.Intn(1000)
			t.markEvery = int64(500 + t.rng.Intn(5000))
			t.open()
			for range 400 {
				t.clock.set(t.clock.ms + t.rng.Int63n(2000))
				switch p := t.rng.Intn(100); {
				case p < 50:
					t.append()
				case p < 65:
					t.marker()
				case p < 75:
					t.sync()
				case p < 85:
					t.syncBeside()
				case p < 92:
					t.check()
				case p < 96:
					t.crash()
				case p < 98:
					if err := t.log.Close(); err != nil {
						t.Fatal(err)
					}
					t.m.durable = int64(len(t.m.records))
					t.reopened()
				default:
					t.deleteSome()
				}
			}
			t.sync()
			t.check()
			for _, f := range t.findings {
				if !f.Cut {
					t.Fatalf("damage where there is none: %v", f)
				}
			}
		})
	}
}

func (t *modelTest) deleteSome() {
	if t.m.durable == 0 || t.rng.Intn(3) > 0 {
		return
	}
	start, err := t.log.DeleteBefore(t.rng.Int63n(t.m.durable/2 + 1))
	if err != nil || start != t.log.StartOffset() {
		t.Fatal(start, err)
	}
	if start > 0 {
		if _, err := t.log.Read(start-1, 100, HighWatermark, true); !errors.Is(err, ErrOffsetOutOfRange) {
			t.Fatal(err)
		}
	}
}
