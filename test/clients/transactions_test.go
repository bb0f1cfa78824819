package clients

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/millrace/millrace/test/harness"
)

// javac compiles a class of testdata, and gives the command that runs it.
func javac(t *testing.T, class string) []string {
	t.Helper()
	jvm := java(t)
	bin, err := exec.LookPath("javac")
	if err != nil {
		t.Skip("there is no Java compiler")
	}
	dir, libs := t.TempDir(), jvm[len(jvm)-1]
	run(t, "", bin, "-cp", libs, "-d", dir, filepath.Join("testdata", class+".java"))
	return append(append([]string{}, jvm[:len(jvm)-1]...), dir+string(os.PathListSeparator)+libs, class)
}

// TestJavaTransactions: Kafka's Java client of transaction.version 2 (KIP-890) copies a topic exactly once through aborts, and a
// zombie of it is fenced.
func TestJavaTransactions(t *testing.T) {
	cmd := javac(t, "TransactionalCopier")
	show := shows(t, kafkaClients, javaVersion)
	s := harness.Serve(t, t.TempDir())
	cl := transactional(t, s.Kafka)
	var want []string
	var records []*kgo.Record
	for i := range 100 {
		want = append(want, fmt.Sprintf("value %03d", i))
		records = append(records, &kgo.Record{Topic: "from", Key: fmt.Appendf(nil, "k%d", i%3), Value: []byte(want[i])})
	}
	if err := cl.ProduceSync(context.Background(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	out := run(t, "", cmd[0], append(cmd[1:], s.Kafka, "from", "to", "100")...)
	if !strings.Contains(out, "copied 100") || !strings.Contains(out, "fenced") || strings.Contains(out, "zombie committed") {
		t.Errorf("the copier said:\n%s", out)
	}
	var got []string
	for _, r := range harness.Records(t, s.Kafka, "to") {
		got = append(got, string(r.Value))
	}
	equal(t, "committed copies", lines(strings.Join(got, "\n")), lines(strings.Join(append(want, "heir"), "\n")))
	show("a transactional copier of transaction.version 2 (KIP-890): aborts, a zombie fenced, each record once")
}

func transactional(t *testing.T, addr string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(addr), kgo.AllowAutoTopicCreation()}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// TestHangingTransaction is finding 23 of the reference: a transaction whose coordinator has forgotten it holds readers back for ever;
// kafka-transactions finds it, says what it is, and ends it. DumpLogSegments reads __transaction_state and the partition.
func TestHangingTransaction(t *testing.T) {
	jvm := java(t)
	show := shows(t, kafkaTools, javaVersion)
	data := t.TempDir()
	s := harness.Serve(t, data)
	ctx := context.Background()
	cl := transactional(t, s.Kafka, kgo.TransactionalID("hangs"), kgo.DefaultProduceTopic("held"), kgo.TransactionTimeout(10*time.Minute))
	for _, v := range []string{"first", "hanging"} { // franz-go learns from the first that there is transaction.version 2
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := cl.ProduceSync(ctx, kgo.StringRecord(v)).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if v == "hanging" {
			break
		}
		if err := cl.EndTransaction(ctx, kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
	}
	tool := func(args ...string) string {
		t.Helper()
		return run(t, "", jvm[0], append(append([]string{}, jvm[1:]...), append([]string{"org.apache.kafka.tools.TransactionsCommand", "--bootstrap-server", s.Kafka}, args...)...)...)
	}
	if got := tool("list"); !regexp.MustCompile(`hangs\s+1\s+\d+\s+Ongoing`).MatchString(got) {
		t.Errorf("list:\n%s", got)
	}
	if got := tool("list", "--transactional-id-pattern", "no.*"); strings.Contains(got, "hangs") {
		t.Errorf("list by pattern:\n%s", got)
	}
	if got := tool("describe", "--transactional-id", "hangs"); !strings.Contains(got, "held-0") || !strings.Contains(got, "Ongoing") {
		t.Errorf("describe:\n%s", got)
	}
	if got := tool("find-hanging", "--broker-id", "1", "--max-transaction-timeout", "0"); strings.Contains(got, "held") {
		t.Errorf("an open transaction that its coordinator knows is taken for hanging:\n%s", got)
	}
	s.Stop()
	dirs, err := filepath.Glob(filepath.Join(data, "__transaction_state-*"))
	if err != nil || len(dirs) == 0 {
		t.Fatal(dirs, err)
	}
	dump(t, jvm, dirs)
	for _, dir := range dirs {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	s = harness.Serve(t, data)
	if err := transactional(t, s.Kafka).ProduceSync(ctx, &kgo.Record{Topic: "held", Value: []byte("behind")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	got := tool("find-hanging", "--broker-id", "1", "--max-transaction-timeout", "0")
	if !regexp.MustCompile(`held\s+0\s+`).MatchString(got) {
		t.Fatalf("find-hanging:\n%s", got)
	}
	if got := tool("describe-producers", "--topic", "held", "--partition", "0"); !regexp.MustCompile(`\n\d+\s+\d+\s+0\s+0\s+\d+\s+2`).MatchString(got) {
		t.Errorf("describe-producers:\n%s", got)
	}
	tool("abort", "--topic", "held", "--partition", "0", "--start-offset", "2")
	if got := tool("find-hanging", "--broker-id", "1", "--max-transaction-timeout", "0"); strings.Contains(got, "held") {
		t.Errorf("still hanging:\n%s", got)
	}
	records := harness.Records(t, s.Kafka, "held")
	if len(records) != 2 || string(records[1].Value) != "behind" {
		t.Errorf("committed records %v, want the first, and the one behind the transaction", records)
	}
	show("kafka-transactions: listed, described, hanging ones found and aborted; kafka-dump-log reads __transaction_state")
}

// dump lets Kafka's tool read the segments of __transaction_state that have something in them.
func dump(t *testing.T, jvm []string, dirs []string) {
	t.Helper()
	var logs []string
	for _, dir := range dirs {
		log := filepath.Join(dir, "00000000000000000000.log")
		if info, err := os.Stat(log); err == nil && info.Size() > 0 {
			logs = append(logs, log)
		}
	}
	out := run(t, "", jvm[0], append(append([]string{}, jvm[1:]...), "org.apache.kafka.tools.DumpLogSegments", "--transaction-log-decoder", "--files", strings.Join(logs, ","))...)
	for _, want := range []string{`"hangs"`, `"version":"1"`, `"transactionStatus":1`, `"previousProducerId":0`, `"clientTransactionVersion":2`, `"held"`} {
		if !strings.Contains(out, want) {
			t.Errorf("the dump does not speak of %s", want)
		}
	}
	if t.Failed() {
		t.Logf("%.9000s", out)
	}
}
