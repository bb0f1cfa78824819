package state

import (
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
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
// key takes, how long the longest batch took, and what a cycle of the garbage
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
		for next := 0; next < n; next += batch {
			for i := range keys.I64 {
				keys.I64[i] = int64(next + i)
			}
			began := time.Now()
			tab.Lookup([]*vec.Vector{keys}, nil, true, ids)
			for _, id := range ids {
				tab.Value(0).I64[id]++
			}
			took = append(took, time.Since(began))
			if next/batch%16 == 15 {
				s.AppendDelta(nil)
			}
		}
		slices.Sort(took)
		b.ReportMetric(float64(s.MemBytes())/float64(tab.Len()), "B/key")
		b.ReportMetric(took[len(took)/2].Seconds()*1e3, "ms/batch-p50")
		b.ReportMetric(took[len(took)-1].Seconds()*1e3, "ms/batch-max")
		cycle, cpu := gcCycle()
		b.ReportMetric(cycle.Seconds()*1e3, "ms/gc")
		b.ReportMetric(cpu*1e3, "cpu-ms/gc")
		b.ReportMetric(float64(len(took)*batch)/b.Elapsed().Seconds()/1e6, "Mkeys/s")
		runtime.KeepAlive(s)
	}
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
