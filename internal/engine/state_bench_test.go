//go:build unix

package engine

import (
	"context"
	"os"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/engine/journal"
	"github.com/millrace/millrace/internal/engine/operator"
	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// stateMB is how large the state of these benchmarks is: MILLRACE_STATE_MB, or 64.
func stateMB() int {
	if n, err := strconv.Atoi(os.Getenv("MILLRACE_STATE_MB")); err == nil {
		return n
	}
	return 64
}

// fat keeps for each key a count and a text, some 120 bytes of memory.
type fat struct{ counter }

const fatRow = 120

func (f *fat) Open(ctx *operator.Context) error {
	f.table = ctx.State.Table(state.TableSpec{
		Name: "count", Key: rowTypes[:1], HashKey: 1, Value: []types.Type{types.TBigInt.Required(), types.TString},
	})
	return nil
}

// cpu is what this process has used of the processors: on a machine that others use,
// too, it says more than the time that has passed.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// fatJob is a job with this much state, built and filled but not run.
func fatJob(b *testing.B, log *memLog, workers, bytes int) *Job {
	t := filledTopic(workers, 10, 3)
	t.bounded = false
	g := countGraph(t, newLedgerSink(newLedger()))
	g.Nodes[2].Make = made(func() operator.Operator { return &fat{} })
	j := NewJob(JobSpec{ID: "job", Graph: g, Journal: log, Config: Config{Workers: workers}})
	ctx, cancel := context.WithCancelCause(context.Background())
	b.Cleanup(func() { cancel(nil) })
	j.ctx, j.cancel = ctx, cancel
	if _, err := j.start(); err != nil {
		b.Fatal(err)
	}
	if bytes > 0 {
		fill(b, j, bytes/fatRow/workers)
	}
	return j
}

func fill(b *testing.B, j *Job, rows int) {
	err := j.team.do(func(w *worker) error {
		tab := w.nodes[2].op.(*fat).table
		keys, ids := vec.New(rowTypes[0], vec.BatchRows, 0), make([]int32, vec.BatchRows)
		text := make([]byte, 60)
		hashes := make([]uint64, vec.BatchRows)
		for next := int64(0); tab.Len() < rows; {
			mine := keys.I64[:0]
			for len(mine) < vec.BatchRows {
				cand := vec.New(rowTypes[0], vec.BatchRows, 0)
				for i := range cand.I64 {
					cand.I64[i] = next
					next++
				}
				vec.HashRows([]*vec.Vector{cand}, nil, vec.BatchRows, hashes)
				for i, h := range hashes {
					if j.owner[vec.KeyGroup(h, 128)] == int32(w.index) && len(mine) < vec.BatchRows {
						mine = append(mine, cand.I64[i])
					}
				}
			}
			tab.Lookup([]*vec.Vector{keys}, nil, true, ids)
			for i, id := range ids {
				tab.Value(0).I64[id] = keys.I64[i]
				text = strconv.AppendInt(text[:50], keys.I64[i], 10)
				tab.Value(1).SetBytes(int(id), text)
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkSnapshot writes a snapshot of a job's state in pieces: how much
// of two processors the epochs' recording takes at most, and the snapshot in all.
func BenchmarkSnapshot(b *testing.B) {
	for range b.N {
		j := fatJob(b, newMemLog(), 2, stateMB()<<20)
		record := func(lasted time.Duration) time.Duration {
			began := cpu()
			j.out.epoch++
			all := j.openRun(lasted)
			if err := j.team.do((*worker).recordState); err != nil {
				b.Fatal(err)
			}
			j.closeRun()
			took := cpu() - began
			c := &journal.Commit{}
			j.recordSplits(c, all)
			j.recordNodes(c, all)
			if err := j.out.writer.Commit(context.Background(), c); err != nil {
				b.Fatal(err)
			}
			return took
		}
		for _, w := range j.workers {
			w.nodes[2].store.Forget()
		}
		j.out.writer.SnapshotBytes = 1
		if err := j.out.writer.State(2, 0, nil); err != nil {
			b.Fatal(err)
		}
		record(0)
		var steps []time.Duration
		for began := time.Now(); ; {
			steps = append(steps, record(snapshotEpoch))
			if !j.out.writer.Snapshotting() && len(steps) > 1 {
				b.ReportMetric(time.Since(began).Seconds(), "s/snapshot")
				break
			}
		}
		slices.Sort(steps)
		b.ReportMetric(float64(len(steps)), "epochs")
		b.ReportMetric(steps[len(steps)/2].Seconds()*1e3, "cpu-ms/piece-p50")
		b.ReportMetric(steps[len(steps)-1].Seconds()*1e3, "cpu-ms/piece-max")
		j.team.dismiss()
	}
}

// BenchmarkRestart starts a job from a journal with this much state, and says how long
// it takes until it could read its first row.
func BenchmarkRestart(b *testing.B) {
	log := newMemLog()
	const workers = 2
	j := fatJob(b, log, workers, stateMB()<<20)
	j.out.writer.Open(1, true, 0)
	j.out.writer.Begin(j.out.begin)
	for _, w := range j.workers {
		w.beginSnapshot()
	}
	j.config.SnapshotPiece = 1 << 40
	c := &journal.Commit{}
	if err := j.team.do((*worker).recordPiece); err != nil {
		b.Fatal(err)
	}
	j.recordSplits(c, true)
	j.recordNodes(c, true)
	if err := j.out.writer.Commit(context.Background(), c); err != nil {
		b.Fatal(err)
	}
	j.team.dismiss()
	rows := j.workers[0].nodes[2].store.Rows() + j.workers[1].nodes[2].store.Rows()
	held := j.stateBytes()
	j = nil
	for b.Loop() {
		runtime.GC()
		b.ReportMetric(float64(rows)/1e6, "Mrows")
		b.ReportMetric(float64(held)/(1<<20), "MB")
		began, used := time.Now(), cpu()
		again := fatJob(b, log, workers, 0)
		b.ReportMetric(time.Since(began).Seconds(), "s/restart")
		b.ReportMetric((cpu() - used).Seconds(), "cpu-s/restart")
		if got := again.workers[0].nodes[2].store.Rows() + again.workers[1].nodes[2].store.Rows(); got != rows {
			b.Fatal(got, rows)
		}
		again.team.dismiss()
	}
}
