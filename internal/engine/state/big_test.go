//go:build linux

package state

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// bigRows is how many keys BenchmarkKeys holds: MILLRACE_KEYS, or a million.
func bigRows() int {
	if n, err := strconv.Atoi(os.Getenv("MILLRACE_KEYS")); err == nil {
		return n
	}
	return 1_000_000
}

// BenchmarkKeys fills a table of an aggregate, 4096 new keys a batch, and says what a
// key takes, how much CPU the longest batch took, and what a cycle of the garbage
// collector costs then.
func BenchmarkKeys(b *testing.B) {
	for range b.N {
		n := bigRows()
		s := NewStore(128)
		tab := s.Table(TableSpec{
			Name: "t", Key: []types.Type{types.TBigInt.Required()}, HashKey: 1,
			Value: []types.Type{types.TBigInt.Required(), types.TBigInt.Required()},
		})
		const batch = 4096
		keys, ids := vec.New(types.TBigInt.Required(), batch, 0), make([]int32, batch)
		var took []time.Duration
		runtime.LockOSThread()
		for next := 0; next < n; next += batch {
			for i := range keys.I64 {
				keys.I64[i] = int64(next + i)
			}
			began := threadCPU()
			tab.Lookup([]*vec.Vector{keys}, nil, true, ids)
			for _, id := range ids {
				tab.Value(0).I64[id]++
			}
			took = append(took, threadCPU()-began)
			if next/batch%16 == 15 {
				s.AppendDelta(nil)
			}
		}
		runtime.UnlockOSThread()
		slices.Sort(took)
		b.ReportMetric(float64(s.MemBytes())/float64(tab.Len()), "B/key")
		b.ReportMetric(took[len(took)/2].Seconds()*1e3, "cpu-ms/batch-p50")
		b.ReportMetric(took[len(took)-1].Seconds()*1e3, "cpu-ms/batch-max")
		cycle, cpu := gcCycle()
		b.ReportMetric(cycle.Seconds()*1e3, "ms/gc")
		b.ReportMetric(cpu*1e3, "cpu-ms/gc")
		b.ReportMetric(float64(len(took)*batch)/b.Elapsed().Seconds()/1e6, "Mkeys/s")
		runtime.KeepAlive(s)
	}
}

// threadCPU is what this thread has used of a processor: on a machine that others use,
// too, it says more than the time that has passed.
func threadCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_THREAD, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// gcCycle is how long a cycle of the garbage collector takes, and of how much CPU.
func gcCycle() (time.Duration, float64) {
	runtime.GC()
	before := gcCPU()
	began := time.Now()
	runtime.GC()
	return time.Since(began), gcCPU() - before
}

func Example_limit() {
	fmt.Println(&vec.LimitError{What: `2147483647 rows in table "groups"`})
	// Output: the state of one worker has 2147483647 rows in table "groups"; raise parallelism.default, so that more workers share it, or let rows expire (table.exec.state.ttl)
}

func gcCPU() float64 {
	sample := []metrics.Sample{{Name: "/cpu/classes/gc/total:cpu-seconds"}}
	metrics.Read(sample)
	return sample[0].Value.Float64()
}

// BenchmarkSpill updates keys at random, of a table that is five times as large as the
// memory it may use.
func BenchmarkSpill(b *testing.B) {
	const batch, budget = 4096, 16 << 20
	spill := NewSpill(b.TempDir())
	defer spill.Close()
	s := NewStore(128)
	s.SpillTo(spill)
	tab := s.Table(TableSpec{
		Name: "t", Key: []types.Type{types.TBigInt.Required()}, HashKey: 1,
		Value: []types.Type{types.TBigInt.Required(), types.TString},
	})
	keys, ids := vec.New(types.TBigInt.Required(), batch, 0), make([]int32, batch)
	text := make([]byte, 80)
	most := int64(0)
	step := func() {
		tab.Lookup([]*vec.Vector{keys}, nil, true, ids)
		for _, id := range ids {
			tab.Value(0).I64[id]++
			tab.Value(1).SetBytes(int(id), text)
		}
		tab.TouchAll(ids)
		most = max(most, s.LiveBytes())
		s.Forget()
		if s.LiveBytes() > budget {
			s.Evict(budget*8/10, 1<<31-1)
		}
	}
	rows := int64(0)
	for ; s.LiveBytes()+s.SpilledRows()*130 < 5*budget; rows += batch {
		for i := range keys.I64 {
			keys.I64[i] = rows + int64(i)
		}
		step()
	}
	r := rand.New(rand.NewPCG(1, 1))
	n := 0
	for b.Loop() {
		for i := range keys.I64 {
			keys.I64[i] = r.Int64N(rows)
		}
		step()
		n += batch
	}
	if int64(tab.Len()) != rows {
		b.Fatal(tab.Len(), rows)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds()/1e6, "Mrows/s")
	b.ReportMetric(float64(rows)/1e6, "Mrows")
	b.ReportMetric(float64(most)/(1<<20), "MB-live")
	b.ReportMetric(float64(s.MemBytes())/(1<<20), "MB-held")
	b.ReportMetric(float64(s.DiskBytes())/(1<<20), "MB-disk")
}
