package commitlog

import (
	"fmt"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

// TestLog runs the histories in testdata. Commands:
//
//	open [segment-bytes=N] [index-interval=N] [retention-bytes=N] [retention-ms=N] [page-cache] [log-append-time]
//	append [n=N] [size=N] [ts=N] [pid=N epoch=N seq=N] [txn] [tag=S] [origin=internal] [leader-epoch=N]
//	marker pid=N [epoch=N] [coordinator=N] abort|commit
//	sync | close | state | files | findings are printed by whatever finds them
//	read offset=N [max=N] [limit=hw|lso|end] [min-one]
//	index base=N | aborted from=N to=N | time ts=N | max-timestamp | producers | epoch-end epoch=N
//	delete-before offset=N | retain now=N | now ms=N
//	crash [seed=N] [percent=N]      the disk as a power failure leaves it; the log must be opened again
//	kill                            the process is gone, the disk has everything that was written
//	flip file=NAME pos=N | cut file=NAME size=N | remove file=NAME
//	fault                           the input is the script
//	and those of clean_text_test.go
func TestLog(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		h := &history{T: t, mem: vfs.NewMem(), clock: &clock{ms: 1000000}}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			h.T, h.d = t, d
			out := h.run()
			for _, f := range h.findings {
				out += fmt.Sprintf("found: %v\n", f)
			}
			h.findings = nil
			return out
		})
	})
}

type history struct {
	*testing.T
	d        *datadriven.TestData
	mem      *vfs.Mem
	faults   *vfs.Faults
	clock    *clock
	log      *Log
	findings []Finding
	dirty    int64 // where the next cleaning begins
	held     Chunk
}

func (h *history) num(key string, otherwise int64) int64 {
	if !h.d.HasArg(key) {
		return otherwise
	}
	var s string
	h.d.ScanArgs(h.T, key, &s)
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		h.Fatal(err)
	}
	return n
}

func (h *history) text(key, otherwise string) string {
	if h.d.HasArg(key) {
		h.d.ScanArgs(h.T, key, &otherwise)
	}
	return otherwise
}

func outcome(err error) string {
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	return "ok\n"
}

func (h *history) run() string {
	commands := map[string]func() string{
		"open": h.open, "append": h.append, "marker": h.marker, "state": h.state, "files": h.files, "read": h.read,
		"index": h.index, "aborted": h.aborted, "producers": h.producers, "crash": h.crash, "flip": h.flip,
		"sync":  func() string { syncNow(h.log); return h.state() },
		"close": func() string { return outcome(h.log.Close()) },
		"kill": func() string {
			h.mem = h.mem.CrashClone(vfs.CrashOptions{UnsyncedDataPercent: 100})
			return ""
		},
		"fault": func() string { return outcome(h.faults.Set(h.d.Input)) },
		"now":   func() string { h.clock.set(h.num("ms", 0)); return "" },
		"delete-before": func() string {
			start, err := h.log.DeleteBefore(h.num("offset", 0))
			return fmt.Sprintf("start %d %s", start, outcome(err))
		},
		"retain": func() string {
			n, err := h.log.Retain(time.UnixMilli(h.num("now", 0)))
			return fmt.Sprintf("deleted %d %s", n, outcome(err))
		},
		"time": func() string {
			off, ts, ok, err := h.log.OffsetForTime(h.num("ts", 0))
			return fmt.Sprintf("offset %d timestamp %d found %v %s", off, ts, ok, outcome(err))
		},
		"max-timestamp": func() string {
			off, ts := h.log.MaxTimestamp()
			return fmt.Sprintf("offset %d timestamp %d\n", off, ts)
		},
		"epoch-end": func() string {
			epoch, end := h.log.LeaderEpochEnd(int32(h.num("epoch", 0)))
			return fmt.Sprintf("epoch %d ends at %d\n", epoch, end)
		},
		"cut": func() string {
			return h.edit(func(f vfs.File) error { return f.Truncate(h.num("size", 0)) })
		},
		"remove": func() string {
			return outcome(h.mem.Remove(filepath.Join("p", h.text("file", ""))))
		},
	}
	h.cleanCommands(commands)
	fn := commands[h.d.Cmd]
	if fn == nil {
		h.Fatalf("%s: unknown command %q", h.d.Pos, h.d.Cmd)
	}
	return fn()
}

func (h *history) open() string {
	h.faults, _ = vfs.WithFaults(h.mem, "")
	o := memOptions(h.faults, h.clock, &h.findings)
	o.Config.SegmentBytes = h.num("segment-bytes", 1<<20)
	o.Config.IndexIntervalBytes = int(h.num("index-interval", 4096))
	o.Config.RetentionBytes = h.num("retention-bytes", -1)
	if h.d.HasArg("retention-ms") {
		o.Config.RetentionAge = time.Duration(h.num("retention-ms", 0)) * time.Millisecond
	}
	o.Config.PageCache = h.d.HasArg("page-cache")
	if o.Config.PageCache {
		o.Config.FlushInterval = time.Hour
	}
	if h.d.HasArg("log-append-time") {
		o.Config.TimestampType = wire.LogAppendTime
	}
	h.cleanConfig(&o.Config)
	l, err := Open(o)
	if err != nil {
		return outcome(err)
	}
	h.log = l
	return h.state()
}

func (h *history) append() string {
	b := testBatch{n: int(h.num("n", 1)), size: int(h.num("size", 0)), ts: h.num("ts", h.clock.ms), pid: h.num("pid", 0),
		epoch: int16(h.num("epoch", 0)), seq: int32(h.num("seq", 0)), txn: h.d.HasArg("txn"), tag: h.text("tag", "r")}
	origin := FromClient
	if h.d.HasArg("origin") {
		origin = Internal
	}
	info, err := h.log.Append(b.bytes(), origin, int32(h.num("leader-epoch", 0)))
	if err != nil {
		return outcome(err)
	}
	out := fmt.Sprintf("offsets %d to %d", info.FirstOffset, info.LastOffset)
	if info.Duplicate {
		out += " duplicate"
	}
	if info.LogAppendTime >= 0 {
		out += fmt.Sprintf(" at %d", info.LogAppendTime)
	}
	return out + "\n"
}

func (h *history) marker() string {
	off, err := h.log.AppendMarker(h.num("pid", 0), int16(h.num("epoch", 0)), h.d.HasArg("commit"), int32(h.num("coordinator", 0)))
	if err != nil {
		return outcome(err)
	}
	return fmt.Sprintf("offset %d\n", off)
}

func (h *history) state() string {
	l := h.log
	s := fmt.Sprintf("start %d stable %d high watermark %d end %d size %d\n", l.StartOffset(), l.LastStableOffset(), l.HighWatermark(),
		l.EndOffset(), l.Size())
	if err := l.Err(); err != nil {
		s += outcome(err)
	}
	return s
}

func (h *history) files() string {
	names, err := h.mem.List("p")
	if err != nil {
		return outcome(err)
	}
	sort.Strings(names)
	var out strings.Builder
	for _, name := range names {
		info, _ := h.mem.Stat("p/" + name)
		fmt.Fprintf(&out, "%s %d\n", name, info.Size)
	}
	return out.String()
}

func (h *history) read() string {
	limit := map[string]Limit{"hw": HighWatermark, "lso": LastStable, "end": End}[h.text("limit", "hw")]
	c, err := h.log.Read(h.num("offset", 0), int(h.num("max", 1<<20)), limit, h.d.HasArg("min-one"))
	if err != nil {
		return outcome(err)
	}
	if d := c.Damage; d != nil {
		b, _ := c.Bytes(nil)
		return fmt.Sprintf("damaged: goes on at %d: %s\n", wire.Batch(b).NextOffset(), d)
	}
	defer c.Release()
	b, err := c.Bytes(nil)
	if err != nil {
		return outcome(err)
	}
	var out strings.Builder
	fmt.Fprintf(&out, "first batch %d, %d bytes at %d\n", c.FirstBatchOffset, c.Len(), c.Range.Off)
	for len(b) > 0 {
		batch, rest, err := wire.ParseBatch(b)
		if err == nil {
			err = batch.CheckCRC()
		}
		if err != nil {
			return out.String() + outcome(err)
		}
		it := wire.Records(batch, nil)
		it.Next()
		fmt.Fprintf(&out, "%d to %d", batch.BaseOffset(), batch.LastOffset())
		if m, err := wire.ParseMarker(batch); err == nil {
			fmt.Fprintf(&out, " marker of %d, commit %v", batch.ProducerID(), m.Commit)
		} else {
			fmt.Fprintf(&out, " %s", strings.TrimRight(string(it.Record().Value), "."))
		}
		fmt.Fprintln(&out)
		b = rest
	}
	return out.String()
}

func (h *history) index() string {
	for _, s := range *h.log.segments.Load() {
		if s.base != h.num("base", 0) {
			continue
		}
		if err := s.load(300); err != nil {
			return outcome(err)
		}
		var out strings.Builder
		for _, e := range s.mu.index {
			fmt.Fprintf(&out, "offset %d at %d\n", s.base+int64(e.rel), e.pos)
		}
		for _, e := range s.mu.times {
			fmt.Fprintf(&out, "timestamp %d at offset %d\n", e.ts, s.base+int64(e.rel))
		}
		return out.String()
	}
	return "no such segment\n"
}

func (h *history) aborted() string {
	list, err := h.log.AbortedTxns(h.num("from", 0), h.num("to", 0))
	var out strings.Builder
	for _, a := range list {
		fmt.Fprintf(&out, "producer %d, %d to %d\n", a.ProducerID, a.FirstOffset, a.LastOffset)
	}
	return out.String() + outcome(err)
}

func (h *history) producers() string {
	var out strings.Builder
	for _, p := range h.log.Producers() {
		fmt.Fprintf(&out, "producer %d epoch %d sequence %d coordinator %d transaction from %d\n", p.ProducerID, p.Epoch, p.LastSequence,
			p.CoordinatorEpoch, p.TxnFirstOffset)
	}
	for _, p := range h.log.OpenTxns() {
		fmt.Fprintf(&out, "open: producer %d epoch %d from %d\n", p.ProducerID, p.Epoch, p.FirstOffset)
	}
	return out.String()
}

func (h *history) crash() string {
	h.mem = h.mem.CrashClone(vfs.CrashOptions{Seed: h.num("seed", 0), UnsyncedDataPercent: int(h.num("percent", 0))})
	return ""
}

func (h *history) edit(fn func(vfs.File) error) string {
	f, err := h.mem.OpenReadWrite(filepath.Join("p", h.text("file", "")))
	if err != nil {
		return outcome(err)
	}
	defer f.Close()
	if err := fn(f); err != nil {
		return outcome(err)
	}
	return outcome(f.Sync())
}

func (h *history) flip() string {
	return h.edit(func(f vfs.File) error {
		var b [1]byte
		pos := h.num("pos", 0)
		if _, err := f.ReadAt(b[:], pos); err != nil {
			return err
		}
		b[0] ^= 1
		_, err := f.WriteAt(b[:], pos)
		return err
	})
}
