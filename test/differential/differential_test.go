package differential

import (
	"bytes"
	"flag"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker"
	"github.com/millrace/millrace/internal/vfs"
)

var oracle = flag.Bool("oracle", false, "have the conversations with Apache Kafka, and record its answers")

const differencesName = "testdata/differences.txt"

func files(t *testing.T) (names []string) {
	t.Helper()
	all, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(all) < 2 {
		t.Fatal(all, err)
	}
	return slices.DeleteFunc(all, func(n string) bool { return n == differencesName })
}

func read(t *testing.T, name string) *conversation {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	c, err := parseConversation(string(text))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return c
}

// settings are those of both brokers.
var settings = map[string]string{
	"offsets.topic.num.partitions": "1", "transaction.state.log.num.partitions": "1", "group.initial.rebalance.delay.ms": "0",
	"log.retention.ms": "-1",
}

// startOurs starts millrace in memory.
func startOurs(t *testing.T) string {
	t.Helper()
	b, err := broker.Open(broker.Config{FS: vfs.NewMem(), Dir: "/data", Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go b.Serve(l)
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if n := b.Stats().Panics.Load(); n != 0 {
			t.Errorf("%d panics", n)
		}
	})
	return l.Addr().String()
}

// TestRecord has every conversation with Apache Kafka. It is run by hand: its diff is the review.
func TestRecord(t *testing.T) {
	if !*oracle {
		t.Skip("records Apache Kafka's answers; run with -oracle (make oracle-kafka)")
	}
	addr := startKafka(t)
	for _, name := range files(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			c := read(t, name)
			answers, err := (&peer{addr: addr}).have(c)
			if err != nil {
				t.Fatal(err)
			}
			for i := range c.steps {
				c.steps[i].answer = answers[i]
			}
			if err := os.WriteFile(name, []byte(c.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestAsKafka has every conversation with millrace: the answers are Kafka's, but for the differences that are known.
func TestAsKafka(t *testing.T) {
	known := readDifferences(t)
	for _, name := range files(t) {
		base := filepath.Base(name)
		t.Run(base, func(t *testing.T) {
			c := read(t, name)
			answers, err := (&peer{addr: startOurs(t)}).have(c)
			if err != nil {
				t.Fatal(err)
			}
			for i, s := range c.steps {
				got, want := strings.Join(answers[i], "\n  "), strings.Join(s.answer, "\n  ")
				if got == want {
					continue
				}
				if d := known[base+"\n"+s.line]; d != nil && strings.Join(d.answer, "\n  ") == got {
					d.met = true
					continue
				}
				t.Errorf("step %d:\n%s\nKafka:\n  %s\nmillrace:\n  %s", i+1, s.line, want, got)
			}
		})
	}
	for _, d := range known {
		if !d.met && !t.Failed() {
			t.Errorf("%s: a difference that is not there (any more): %s", differencesName, d.line)
		}
	}
}

// difference is an answer of millrace's that is not Kafka's.
type difference struct {
	step
	met bool
}

// readDifferences reads what is known: sections that begin with the file's name in brackets, steps with millrace's answers, each
// under a comment that says why.
func readDifferences(t *testing.T) map[string]*difference {
	t.Helper()
	known := map[string]*difference{}
	file := ""
	for _, s := range read(t, differencesName).steps {
		if name, ok := strings.CutPrefix(s.line, "["); ok {
			file = strings.TrimSuffix(name, "]")
			continue
		}
		if len(s.before) == 0 || !slices.ContainsFunc(s.before, func(l string) bool { return strings.HasPrefix(l, "# ") }) {
			t.Errorf("%s: %s: a difference needs a comment that says why", differencesName, s.line)
		}
		key := file + "\n" + s.line
		if known[key] != nil {
			t.Errorf("%s: %s: twice", differencesName, s.line)
		}
		known[key] = &difference{step: s}
	}
	return known
}

// TestTextRoundTrip holds parser and printer against each other.
func TestTextRoundTrip(t *testing.T) {
	p := &peer{names: newNames()}
	p.names.nameUUID([16]byte{1})
	p.names.nameNumber("ProducerID", 4711)
	for _, line := range []string{
		"EndTxn 5 TransactionalID=a ProducerID=P1 ProducerEpoch=3 Commit=true",
		`Fetch 13 Topics=[{TopicID=T1 Partitions=[{Partition=1 FetchOffset=7}]}] Rack="a b"`,
		"Produce 9 TransactionID=null Acks=-1 Topics=[{Topic=t Partitions=[{Records=(pid=P1 epoch=0 seq=5 txn k:v x null)}]}]",
	} {
		req, err := p.request(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		again := kmsg.RequestForKey(req.Key())
		again.SetVersion(req.GetVersion())
		if err := again.ReadFrom(req.AppendTo(nil)); err != nil || !bytes.Equal(again.AppendTo(nil), req.AppendTo(nil)) {
			t.Errorf("%s: %v: %+v", line, err, again)
		}
	}
	batch := new(kmsg.ProduceRequest)
	if err := parseMessage(batch, "Topics=[{Partitions=[{Records=(pid=P1 epoch=0 seq=5 txn k:v x null)}]}]", p.names); err != nil {
		t.Fatal(err)
	}
	if got, want := p.names.renderBatches(batch.Topics[0].Partitions[0].Records), "(0-2 pid=P1 epoch=0 seq=5 txn k:v x null)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, bad := range []string{"Nothing 1", "EndTxn x", "EndTxn 1 Field=1", "EndTxn 1 ProducerID=P9", "Fetch 13 Topics=[{TopicID=T7}]", `EndTxn 1 TransactionalID="a`} {
		if _, err := p.request(bad); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
	text := "# why\nA 1 x=y\n  b\n  c\n\nB 2\n  d\n"
	c, err := parseConversation(text)
	if err != nil || c.String() != text {
		t.Errorf("%v: %q", err, c.String())
	}
}
