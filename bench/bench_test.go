// Package bench measures what the README promises, of the binary as a person runs it.
// JSON into columns is measured beside the decoder: BenchmarkJSONBid in
// internal/format/json.
package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/millrace/millrace/test/harness"
)

// BenchmarkReady is the time from the start of the process to its ready line, on an
// empty directory; and the resident set of the idle node then.
func BenchmarkReady(b *testing.B) {
	harness.Binary(b)
	var ready time.Duration
	var rss int64
	for b.Loop() {
		s := harness.Serve(b, b.TempDir())
		ready += s.Ready
		rss = max(rss, residentSet(b, s.PID()))
		s.Stop()
	}
	b.ReportMetric(float64(ready.Milliseconds())/float64(b.N), "ms/ready")
	b.ReportMetric(float64(rss)/1e6, "MB-idle")
}

// residentSet is VmRSS in bytes.
func residentSet(b testing.TB, pid int) int64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Skip("no /proc")
	}
	for _, line := range bytes.Split(status, []byte("\n")) {
		if f := bytes.Fields(line); len(f) > 1 && string(f[0]) == "VmRSS:" {
			kb, _ := strconv.ParseInt(string(f[1]), 10, 64)
			return kb << 10
		}
	}
	return 0
}

// BenchmarkMainJob is the README's first command, built, with its log on disk.
func BenchmarkMainJob(b *testing.B) {
	harness.Binary(b)
	for b.Loop() {
		if out := harness.Run(b, "run", "examples/flights/delays.sql", "--data", b.TempDir()); out.Code != 0 {
			b.Fatal(out.Stderr)
		}
	}
}

// BenchmarkProduce is one franz-go client that writes records of 200 bytes to six
// partitions, idempotent, acks=all, uncompressed; the node syncs before it answers.
func BenchmarkProduce(b *testing.B) {
	s := harness.Serve(b, b.TempDir(), "--set", "num.partitions=6")
	cl := bulkClient(b, s.Kafka, "bench")
	const records = 500_000
	begin, n, used := time.Now(), 0, cpuTime(b, s.PID())
	for b.Loop() {
		produceBulk(b, cl, records)
		n += records
	}
	b.ReportMetric(float64(n)/time.Since(begin).Seconds(), "records/s")
	b.ReportMetric((cpuTime(b, s.PID())-used).Seconds()/(float64(n)*recordBytes/1e9), "node-cpu-s/GB")
}

// cpuTime is what a process has used, user and system.
func cpuTime(b testing.TB, pid int) time.Duration {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Skip("no /proc")
	}
	_, rest, _ := bytes.Cut(stat, []byte(") ")) // the name may have spaces
	f := bytes.Fields(rest)
	user, _ := strconv.ParseInt(string(f[11]), 10, 64)
	system, _ := strconv.ParseInt(string(f[12]), 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100
}
