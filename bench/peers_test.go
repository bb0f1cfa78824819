package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/millrace/millrace/test/harness"
)

// peer is a broker that is measured: this node, Apache Kafka 4.3.1 as it comes (it never
// syncs), and franz-go's kfake with synced writes.
type peer struct {
	name  string
	start func(b *testing.B) *running
}

// running is a broker at work.
type running struct {
	addr  string
	pid   int
	ready time.Duration
}

var peers = []peer{{"millrace", startMillrace}, {"kafka", startKafka}, {"kfake", startKfake}}

// BenchmarkPeers runs the same loads on this node and on other brokers, one after the
// other, and prints the ratios. Run it with -benchtime 1x on a machine that does
// nothing else; absolute figures say little.
//
//	ready      from the start of the process on an empty directory until its port answers
//	produce    5 M records of 200 bytes, six partitions, acks=all, idempotent, uncompressed
//	consume    the same, from the start, by one client
//	floor      the CPU for the same bytes of a program that only receives, checks, writes and syncs
//	singles    10,000 single records/s for ten seconds, each from its append to its consumer
func BenchmarkPeers(b *testing.B) {
	var names []string // in the order of the first peer
	got := map[string]map[string]float64{}
	for _, p := range peers {
		b.Run(p.name, func(b *testing.B) {
			r := p.start(b)
			note := func(name string, value float64) {
				if !slices.Contains(names, name) {
					names = append(names, name)
				}
				if got[name] == nil {
					got[name] = map[string]float64{}
				}
				got[name][p.name] = value
				b.ReportMetric(value, name)
			}
			note("ready-ms", r.ready.Seconds()*1000)
			measureBulk(b, r, bulkRecords, note)
			measureSingles(b, r, note)
			note("resident-MB", float64(residentSet(b, r.pid))/1e6)
			b.ReportMetric(0, "ns/op")
		})
	}
	var table strings.Builder
	b.Run("floor", func(b *testing.B) {
		v := measureFloor(b, bulkRecords*recordBytes)
		b.ReportMetric(v, "produce-cpu-s/GB")
		fmt.Fprintf(&table, "%-24s  millrace %.4g  floor %.4g (ratio %.3f)\n", "produce-cpu-s/GB", got["produce-cpu-s/GB"]["millrace"], v, got["produce-cpu-s/GB"]["millrace"]/v)
		b.ReportMetric(0, "ns/op")
	})
	for _, n := range names {
		fmt.Fprintf(&table, "%-24s", n)
		for _, p := range peers {
			if v, ok := got[n][p.name]; ok {
				fmt.Fprintf(&table, "  %s %.4g", p.name, v)
				if p.name != "millrace" {
					fmt.Fprintf(&table, " (ratio %.3f)", got[n]["millrace"]/v)
				}
			}
		}
		table.WriteByte('\n')
	}
	fmt.Printf("\nratios, millrace to the other:\n%s\n", &table) // go test shows no log of a benchmark that has parts
}

const (
	bulkRecords = 5_000_000
	recordBytes = 200
)

// measureBulk produces and consumes as fast as the client can.
func measureBulk(b *testing.B, r *running, records int, note func(string, float64), opts ...kgo.Opt) {
	ctx := context.Background()
	topic := fmt.Sprintf("bulk-%d", time.Now().UnixNano())
	out := bulkClient(b, r.addr, topic, opts...)
	begin, used := time.Now(), cpuTime(b, r.pid)
	produceBulk(b, out, records)
	gigabytes := float64(records) * recordBytes / 1e9
	note("produce-rec/s", float64(records)/time.Since(begin).Seconds())
	note("produce-cpu-s/GB", (cpuTime(b, r.pid)-used).Seconds()/gigabytes)
	for _, pass := range []string{"consume", "consume-again"} {
		in := newClient(b, r.addr, append(opts, kgo.ConsumeTopics(topic), kgo.FetchMaxBytes(50<<20))...)
		begin, used = time.Now(), cpuTime(b, r.pid)
		for n := 0; n < records; {
			n += in.PollFetches(ctx).NumRecords()
		}
		note(pass+"-rec/s", float64(records)/time.Since(begin).Seconds())
		note(pass+"-cpu-s/GB", (cpuTime(b, r.pid)-used).Seconds()/gigabytes)
		in.Close()
	}
}

// bulkClient is an idempotent producer of large batches, uncompressed.
func bulkClient(b *testing.B, addr, topic string, opts ...kgo.Opt) *kgo.Client {
	b.Helper()
	return newClient(b, addr, append(opts, kgo.DefaultProduceTopic(topic), kgo.AllowAutoTopicCreation(), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerBatchMaxBytes(1<<20), kgo.MaxBufferedRecords(200_000), kgo.ProducerLinger(5*time.Millisecond))...)
}

// produceBulk writes records of recordBytes, and waits until all are acknowledged.
func produceBulk(b *testing.B, cl *kgo.Client, records int) {
	b.Helper()
	value := bytes.Repeat([]byte("x"), recordBytes)
	for range records {
		cl.Produce(context.Background(), &kgo.Record{Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				b.Error(err)
			}
		})
	}
	if err := cl.Flush(context.Background()); err != nil {
		b.Fatal(err)
	}
}

// measureSingles sends records one by one and takes the time until a consumer has each.
func measureSingles(b *testing.B, r *running, note func(string, float64)) {
	const rate, seconds = 10_000, 10
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	out := newClient(b, r.addr, kgo.DefaultProduceTopic("singles"), kgo.AllowAutoTopicCreation(), kgo.ProducerLinger(0))
	if err := out.ProduceSync(ctx, &kgo.Record{Value: make([]byte, recordBytes)}).FirstErr(); err != nil {
		b.Fatal(err)
	}
	in := newClient(b, r.addr, kgo.ConsumeTopics("singles"))
	var took []time.Duration
	var done sync.WaitGroup
	done.Go(func() {
		for len(took) < rate*seconds && ctx.Err() == nil {
			fetches := in.PollFetches(ctx)
			now := time.Now()
			fetches.EachRecord(func(rec *kgo.Record) {
				if sent := int64(binary.BigEndian.Uint64(rec.Value)); sent != 0 {
					took = append(took, now.Sub(time.Unix(0, sent)))
				}
			})
		}
	})
	begin, used := time.Now(), cpuTime(b, r.pid)
	for n := 0; n < rate*seconds; {
		for ; n < rate*seconds && time.Since(begin) >= time.Duration(n)*time.Second/rate; n++ {
			value := make([]byte, recordBytes)
			binary.BigEndian.PutUint64(value, uint64(time.Now().UnixNano()))
			out.Produce(ctx, &kgo.Record{Value: value}, func(_ *kgo.Record, err error) {
				if err != nil {
					b.Error(err)
				}
			})
		}
		time.Sleep(50 * time.Microsecond)
	}
	done.Wait()
	if len(took) < rate*seconds {
		b.Fatalf("%d of %d records came", len(took), rate*seconds)
	}
	note("singles-cpu-s", (cpuTime(b, r.pid) - used).Seconds())
	slices.Sort(took)
	for _, q := range []struct {
		name string
		at   float64
	}{{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}} {
		note("singles-ms-"+q.name, took[int(q.at*float64(len(took)-1))].Seconds()*1000)
	}
}

func newClient(b testing.TB, addr string, opts ...kgo.Opt) *kgo.Client {
	b.Helper()
	cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(addr))...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(cl.Close)
	return cl
}

func startMillrace(b *testing.B) *running {
	harness.Binary(b)
	s := harness.Serve(b, b.TempDir(), "--set", "num.partitions=6")
	return &running{addr: s.Kafka, pid: s.PID(), ready: s.Ready}
}

// startKafka formats an empty directory and starts a broker on it.
func startKafka(b *testing.B) *running {
	k := harness.StartKafka(b, []string{"-Xmx1G", "-Xms1G", "-XX:+UseG1GC"}, map[string]string{
		"num.partitions": "6", "group.initial.rebalance.delay.ms": "0",
	})
	return &running{addr: k.Addr, pid: k.PID, ready: k.Ready}
}

func startKfake(b *testing.B) *running {
	bin := filepath.Join(b.TempDir(), "kfake")
	build := exec.Command("go", "build", "-o", bin, ".")
	build.Dir = filepath.Join(harness.Root(), "bench", "kfake")
	if out, err := build.CombinedOutput(); err != nil {
		b.Skipf("kfake cannot be built: %v\n%s", err, out)
	}
	port := freePort(b)
	return startPeer(b, time.Now(), port, exec.Command(bin, "-port", fmt.Sprint(port), "-data", b.TempDir()))
}

// startPeer starts a broker and waits until it answers.
func startPeer(b *testing.B, begin time.Time, port int, cmd *exec.Cmd) *running {
	b.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
		}
	}()
	b.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGKILL)
		cmd.Wait()
	})
	r := &running{addr: fmt.Sprintf("127.0.0.1:%d", port), pid: cmd.Process.Pid}
	cl := newClient(b, r.addr)
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	for cl.Ping(ctx) != nil {
		if ctx.Err() != nil {
			b.Fatal("the broker does not answer")
		}
		time.Sleep(5 * time.Millisecond)
	}
	r.ready = time.Since(begin)
	return r
}

func freePort(b *testing.B) int {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
