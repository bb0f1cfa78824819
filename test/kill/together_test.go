package kill

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/millrace/millrace/test/harness"
)

// TestAllAtOnceSurviveKill kills a node that many use at once, and starts it again on the
// same ports, without a word to them:
//
//	kcat -P (idempotent) ──▶ words ──▶ kcat -C
//	franz-go (idempotent) ──▶ numbers ──▶ franz-go, transactional, as a group ──▶ copied
//	                               └────▶ INSERT INTO echoed SELECT … FROM numbers
//
// In the end each topic holds what was sent to it, all of it once and in order.
func TestAllAtOnceSurviveKill(t *testing.T) {
	if testing.Short() {
		t.Skip("kills take a while")
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 2))
	data, ports := t.TempDir(), []string{"--kafka", harness.Address(t), "--http", harness.Address(t)}
	s := harness.ServeWith(t, data, ports...)
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Minute+minutes())
	defer stop()
	w := &together{T: t, ctx: ctx, addr: s.Kafka}
	for _, statement := range []string{
		"CREATE TABLE numbers (n BIGINT) WITH ('format' = 'json')",
		"CREATE TABLE echoed (n BIGINT) WITH ('format' = 'json')",
		"INSERT INTO echoed SELECT n FROM numbers",
	} {
		if out := harness.Run(t, "sql", "--addr", s.HTTP, "-e", statement); out.Code != 0 {
			t.Fatalf("%s: %s", statement, out.Stderr)
		}
	}
	for _, topic := range []string{"words", "copied"} {
		if out := harness.Run(t, "topic", "create", topic, "--addr", s.Kafka); out.Code != 0 {
			t.Fatalf("topic %s: %s", topic, out.Stderr)
		}
	}
	writing, enough := context.WithCancel(ctx)
	defer enough()
	w.start(writing)
	kills := 0
	for end := time.Now().Add(max(6*time.Second, minutes())); time.Now().Before(end); kills++ {
		w.progress(enough)
		time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond) // into whatever is going on
		s.Kill()
		s = harness.ServeWith(t, data, ports...)
	}
	enough()
	w.finish()
	t.Logf("%d kills: %d words, %d numbers", kills, w.words.Load(), w.numbers.Load())
	if out := harness.Run(t, "sql", "--addr", s.HTTP, "-e", "SHOW JOBS"); !strings.Contains(out.Stdout, "RUNNING") {
		t.Errorf("the job has not gone on:\n%s", out.Stdout)
	}
}

// together is all that uses the node.
type together struct {
	*testing.T
	ctx            context.Context
	addr           string
	running        sync.WaitGroup
	words, numbers atomic.Int64 // those that were sent
	copied, echoed atomic.Int64 // those that have been seen
	read           atomic.Int64 // words that kcat has read
	consumer       *exec.Cmd
}

func (w *together) client(opts ...kgo.Opt) *kgo.Client {
	cl, err := kgo.NewClient(append(w.options(), opts...)...)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(cl.Close)
	return cl
}

// options let a client wait for the node to come back.
func (w *together) options() []kgo.Opt {
	return []kgo.Opt{
		kgo.SeedBrokers(w.addr), kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }), kgo.AlwaysRetryEOF(),
		kgo.RetryTimeout(time.Minute), kgo.RequestRetries(1 << 20), kgo.MetadataMinAge(50 * time.Millisecond),
		kgo.FetchMaxWait(200 * time.Millisecond),
	}
}

func (w *together) start(writing context.Context) {
	w.running.Go(func() { w.writeNumbers(writing) })
	w.running.Go(func() { w.copyNumbers() })
	w.running.Go(func() { w.follow("copied", &w.copied, writing) })
	w.running.Go(func() { w.follow("echoed", &w.echoed, writing) })
	w.startKcat(writing)
}

// progress waits until all have got something done since the node is back.
func (w *together) progress(giveUp func()) {
	w.Helper()
	counters := []*atomic.Int64{&w.copied, &w.echoed, &w.read}
	var before []int64
	for _, c := range counters {
		before = append(before, c.Load())
	}
	for i, c := range counters {
		for c.Load() == before[i] && !(c == &w.read && w.consumer == nil) {
			if w.ctx.Err() != nil || w.Failed() {
				giveUp()
				w.Fatalf("nothing moves: words %d of %d, copied %d and echoed %d of %d", w.read.Load(), w.words.Load(), w.copied.Load(), w.echoed.Load(), w.numbers.Load())
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// writeNumbers is an idempotent producer; what it gets no answer for in the end it has lost.
func (w *together) writeNumbers(writing context.Context) {
	cl := w.client(kgo.DefaultProduceTopic("numbers"))
	for writing.Err() == nil {
		n := w.numbers.Add(1)
		cl.Produce(w.ctx, &kgo.Record{Value: fmt.Appendf(nil, `{"n":%d}`, n)}, func(_ *kgo.Record, err error) {
			if err != nil {
				w.Errorf("number %d: %v", n, err)
			}
		})
		time.Sleep(time.Millisecond)
	}
	if err := cl.Flush(w.ctx); err != nil {
		w.Errorf("numbers without an answer: %v", err)
	}
}

// copyNumbers copies them in transactions that hold its group's offsets, until all are
// there. A client that has failed is left behind, with its transaction open; the next one
// with its id fences it.
func (w *together) copyNumbers() {
	for w.copied.Load() != all && w.ctx.Err() == nil && !w.Failed() {
		s, err := kgo.NewGroupTransactSession(append(w.options(), kgo.TransactionalID("copier"), kgo.DefaultProduceTopic("copied"),
			kgo.ConsumerGroup("copiers"), kgo.ConsumeTopics("numbers"), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.RequireStableFetchOffsets(), kgo.SessionTimeout(6*time.Second))...)
		if err != nil {
			w.Error(err) // the options are wrong
			return
		}
		for err == nil && w.copied.Load() != all && w.ctx.Err() == nil {
			err = w.copySome(s)
		}
		s.Close()
	}
}

// copySome is one transaction, if there is something to copy.
func (w *together) copySome(s *kgo.GroupTransactSession) error {
	ctx, stop := context.WithTimeout(w.ctx, 200*time.Millisecond)
	fetched := s.PollFetches(ctx)
	stop()
	if fetched.NumRecords() == 0 {
		return nil
	}
	if err := s.Begin(); err != nil {
		return err
	}
	fetched.EachRecord(func(r *kgo.Record) { s.Produce(w.ctx, &kgo.Record{Value: r.Value}, nil) })
	_, err := s.End(w.ctx, kgo.TryCommit)
	return err
}

// all, as a count of what has been seen, says that nothing more will come.
const all = -1

// follow reads what has been committed, and holds it to be each number once, in order,
// until all are there.
func (w *together) follow(topic string, seen *atomic.Int64, writing context.Context) {
	cl := w.client(kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	for next := int64(1); w.ctx.Err() == nil; {
		ctx, stop := context.WithTimeout(w.ctx, 200*time.Millisecond)
		fetched := cl.PollFetches(ctx)
		stop()
		fetched.EachError(func(_ string, _ int32, err error) {
			if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
				w.Errorf("reading %s: %v", topic, err)
			}
		})
		fetched.EachRecord(func(r *kgo.Record) {
			if want := fmt.Sprintf(`{"n":%d}`, next); string(r.Value) != want {
				w.Errorf("%s has %s at offset %d, want %s", topic, r.Value, r.Offset, want)
			}
			next++
			seen.Store(next - 1)
		})
		if w.Failed() {
			return
		}
		if writing.Err() != nil && next-1 == w.numbers.Load() {
			seen.Store(all)
			return
		}
	}
	w.Errorf("%s: %d of %d numbers in the end", topic, seen.Load(), w.numbers.Load())
}

// startKcat has librdkafka write words, one a line, and read them.
func (w *together) startKcat(writing context.Context) {
	bin, err := exec.LookPath("kcat")
	if err != nil {
		if bin, err = exec.LookPath("kafkacat"); err != nil {
			w.Log("without kcat, which is not installed (test/peers/install says why)")
			return
		}
	}
	common := []string{"-b", w.addr, "-q", "-E", "-t", "words", "-X", "reconnect.backoff.ms=20", "-X", "reconnect.backoff.max.ms=100"}
	producer := exec.CommandContext(w.ctx, bin, append(common, "-P", "-X", "enable.idempotence=true", "-X", "linger.ms=1")...)
	in, err := producer.StdinPipe()
	if err != nil {
		w.Fatal(err)
	}
	var said bytes.Buffer
	producer.Stderr = &said
	w.consumer = exec.CommandContext(w.ctx, bin, append(common, "-C", "-o", "beginning", "-u")...)
	out, err := w.consumer.StdoutPipe()
	if err != nil {
		w.Fatal(err)
	}
	for _, c := range []*exec.Cmd{producer, w.consumer} {
		if err := c.Start(); err != nil {
			w.Fatal(err)
		}
	}
	w.running.Go(func() {
		for writing.Err() == nil {
			fmt.Fprintln(in, w.words.Add(1))
			time.Sleep(time.Millisecond)
		}
		in.Close()
		if err := producer.Wait(); err != nil {
			w.Errorf("kcat -P: %v\n%s", err, &said)
		}
	})
	w.running.Go(func() {
		defer w.consumer.Wait()
		defer w.consumer.Process.Kill()
		words := bufio.NewScanner(out)
		for next := int64(1); !(writing.Err() != nil && next-1 == w.words.Load()); next++ {
			if !words.Scan() {
				w.Errorf("kcat -C ended after %d of %d words", next-1, w.words.Load())
				return
			}
			if want := strconv.FormatInt(next, 10); words.Text() != want {
				w.Errorf("kcat -C reads %s, want %s", words.Text(), want)
				return
			}
			w.read.Store(next)
		}
	})
}

func (w *together) finish() { w.running.Wait() }
