package clients

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/test/harness"
)

const (
	javaVersion  = "4.3.1" // of test/peers/pom.xml
	kafkaTools   = "Apache Kafka's tools"
	kafkaClients = "Apache Kafka's Java clients"
)

// program is a client that runs beside the test.
type program struct {
	cmd  *exec.Cmd
	out  lockedBuffer
	done chan struct{}
}

// lockedBuffer may be read while it is written.
type lockedBuffer struct {
	mu struct {
		sync.Mutex
		bytes.Buffer
	}
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.String()
}

// launch starts a program, which is killed when the test ends.
func launch(t *testing.T, command []string, args ...string) *program {
	t.Helper()
	p := &program{cmd: exec.Command(command[0], append(append([]string{}, command[1:]...), args...)...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { defer close(p.done); p.cmd.Wait() }()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s printed:\n%s", args, p.out.String())
		}
	})
	return p
}

func (p *program) kill() {
	p.cmd.Process.Signal(syscall.SIGKILL)
	<-p.done
}

// stop asks it to end and waits until it has.
func (p *program) stop(t *testing.T) {
	t.Helper()
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(time.Minute):
		t.Fatalf("does not end:\n%s", p.out.String())
	}
}

// await asks until it is answered; it gives up after two minutes, which nothing takes here that works.
func await(t *testing.T, what string, ask func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !ask(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// admin asks one request of the node.
func admin[R kmsg.Response](t *testing.T, addr string, req kmsg.Request) R {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	resp, err := cl.Request(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	return resp.(R)
}

func createTopics(t *testing.T, addr string, partitions int32, names ...string) {
	t.Helper()
	req := kmsg.NewPtrCreateTopicsRequest()
	for _, name := range names {
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, partitions, 1
		req.Topics = append(req.Topics, topic)
	}
	for _, r := range admin[*kmsg.CreateTopicsResponse](t, addr, req).Topics {
		if r.ErrorCode != 0 {
			t.Fatalf("%s: error %d", r.Topic, r.ErrorCode)
		}
	}
}

// follower reads topics read_committed, also while the node is killed, and keeps what it saw of each key, in order.
type follower struct {
	mu struct {
		sync.Mutex
		seen  map[string]map[string][]string // topic, key
		total int
	}
}

func follow(t *testing.T, addr string, topics ...string) *follower {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumeTopics(topics...), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(100*time.Millisecond), kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	f := &follower{}
	f.mu.seen = map[string]map[string][]string{}
	ctx, stop := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		for ctx.Err() == nil {
			cl.PollFetches(ctx).EachRecord(f.see)
		}
	})
	t.Cleanup(func() { stop(); done.Wait(); cl.Close() })
	return f
}

func (f *follower) see(r *kgo.Record) {
	f.mu.Lock()
	defer f.mu.Unlock()
	keys := f.mu.seen[r.Topic]
	if keys == nil {
		keys = map[string][]string{}
		f.mu.seen[r.Topic] = keys
	}
	keys[string(r.Key)] = append(keys[string(r.Key)], string(r.Value))
	f.mu.total++
}

func (f *follower) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.total
}

// wordsInput makes the input of testdata/Words.java and what must come of it: for each topic and key the values in order.
type wordsInput struct {
	random *rand.Rand
	clicks int
	words  map[string]int
	window map[string]int
	joined map[string]int
}

func (w *wordsInput) records(n int) (records []*kgo.Record) {
	vocabulary := []string{"stream", "table", "mill", "race", "wheel", "water", "log"}
	for range n {
		var line []string
		for range 1 + w.random.IntN(4) {
			word := vocabulary[w.random.IntN(len(vocabulary))]
			line = append(line, word)
			w.words[word]++
		}
		records = append(records, &kgo.Record{Topic: "lines", Value: []byte(strings.Join(line, " "))})
		user, page := fmt.Sprintf("user%d", w.random.IntN(5)), fmt.Sprintf("page%d", w.random.IntN(4))
		at := time.UnixMilli(1_700_000_000_000 + int64(w.random.IntN(60_000)))
		click := fmt.Sprintf("%s %d", page, w.clicks)
		w.clicks++
		records = append(records, &kgo.Record{Topic: "clicks", Key: []byte(user), Value: []byte(click), Timestamp: at})
		w.window[fmt.Sprintf("%s@%d", user, at.UnixMilli()/10_000*10_000)]++
		w.joined["section of "+page+":"+click]++
	}
	return records
}

// total is how many records the output must have.
func (w *wordsInput) total() (n int) {
	for _, c := range w.words {
		n += c
	}
	return n + 2*w.clicks
}

// TestKafkaStreams: an application with exactly_once_v2 (a word count with its changelog, windowed counts, a join by another key) is
// killed three times, twice the node with it, while input comes; what a read_committed reader sees is each count once, in order.
func TestKafkaStreams(t *testing.T) {
	if testing.Short() {
		t.Skip("Kafka Streams takes half a minute")
	}
	app := javac(t, "Words")
	show := shows(t, "Kafka Streams", javaVersion)
	data, state := t.TempDir(), t.TempDir()
	addr := harness.Address(t)
	node := harness.Serve(t, data, "--kafka", addr, "--set", "group.initial.rebalance.delay.ms=0")
	createTopics(t, addr, 3, "lines", "clicks", "pages", "word-counts", "window-counts", "sections")
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.RecordRetries(1000))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	produce := func(records []*kgo.Record) {
		t.Helper()
		ctx, stop := context.WithTimeout(context.Background(), time.Minute)
		defer stop()
		if err := cl.ProduceSync(ctx, records...).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	var pages []*kgo.Record
	for i := range 4 {
		pages = append(pages, &kgo.Record{Topic: "pages", Key: fmt.Appendf(nil, "page%d", i), Value: fmt.Appendf(nil, "section of page%d", i), Timestamp: time.UnixMilli(1)})
	}
	produce(pages)
	seen := follow(t, addr, "word-counts", "window-counts", "sections")
	input := &wordsInput{random: rand.New(rand.NewPCG(1, 2)), words: map[string]int{}, window: map[string]int{}, joined: map[string]int{}}

	running := launch(t, app, addr, state)
	produce(input.records(500))
	await(t, "output", func() bool { return seen.count() > 0 })
	running.kill()
	produce(input.records(500))
	before := seen.count()
	running = launch(t, app, addr, state)
	await(t, "output after the application was killed", func() bool { return seen.count() > before })
	node.Kill()
	node = harness.Serve(t, data, "--kafka", addr, "--set", "group.initial.rebalance.delay.ms=0")
	produce(input.records(500))
	before = seen.count()
	await(t, "output after the node was killed", func() bool { return seen.count() > before || before == input.total() })
	running.kill()
	node.Kill()
	node = harness.Serve(t, data, "--kafka", addr, "--set", "group.initial.rebalance.delay.ms=0")
	running = launch(t, app, addr, state)
	produce(input.records(500))
	await(t, "all output", func() bool { return seen.count() >= input.total() })
	purged := func() bool {
		for _, topic := range []string{"words-words-repartition", "words-by-page-repartition"} {
			if firstOffsets(t, addr, topic, 3) == 0 {
				return false
			}
		}
		return true
	}
	await(t, "the repartition topics' purge", purged)
	running.stop(t)

	// What the directory holds is what was seen; the reader could not have missed a duplicate.
	all := &follower{}
	all.mu.seen = map[string]map[string][]string{}
	for _, topic := range []string{"word-counts", "window-counts", "sections"} {
		for _, r := range harness.Records(t, addr, topic) {
			all.see(r)
		}
	}
	if all.count() != input.total() {
		t.Errorf("%d records of output, want %d", all.count(), input.total())
	}
	counted(t, "word-counts", all.mu.seen["word-counts"], input.words)
	counted(t, "window-counts", all.mu.seen["window-counts"], input.window)
	joined := map[string]int{}
	for _, values := range all.mu.seen["sections"] {
		for _, v := range values {
			joined[v]++
		}
	}
	if fmt.Sprint(joined) != fmt.Sprint(input.joined) {
		t.Errorf("the join's output is not each click once: %d of %d", len(joined), len(input.joined))
	}
	show("exactly_once_v2: a word count with its changelog store, windowed counts and a join over repartition topics; application and node killed with SIGKILL, each result once and in order for read_committed readers")
	show("the repartition topics' records deleted after they were processed")
}

// counted says whether each key's values are 1, 2, 3 … up to its count.
func counted(t *testing.T, what string, got map[string][]string, want map[string]int) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d keys, want %d", what, len(got), len(want))
	}
	for key, n := range want {
		var numbers []uint64
		for _, v := range got[key] {
			numbers = append(numbers, binary.BigEndian.Uint64([]byte(v)))
		}
		for i := range max(n, len(numbers)) {
			if i >= len(numbers) || i >= n || numbers[i] != uint64(i+1) {
				t.Errorf("%s of %s: %v, want 1 to %d", what, key, numbers, n)
				break
			}
		}
	}
}

// firstOffsets is the sum of a topic's first offsets.
func firstOffsets(t *testing.T, addr, topic string, partitions int32) (sum int64) {
	t.Helper()
	req := kmsg.NewPtrListOffsetsRequest()
	rt := kmsg.NewListOffsetsRequestTopic()
	rt.Topic = topic
	for p := range partitions {
		rp := kmsg.NewListOffsetsRequestTopicPartition()
		rp.Partition, rp.Timestamp = p, -2
		rt.Partitions = append(rt.Partitions, rp)
	}
	req.Topics = append(req.Topics, rt)
	for _, rt := range admin[*kmsg.ListOffsetsResponse](t, addr, req).Topics {
		for _, p := range rt.Partitions {
			sum += max(p.Offset, 0)
		}
	}
	return sum
}
