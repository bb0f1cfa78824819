package millrace_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/millrace/millrace"
)

// TestCompactedTopicsAreTables runs SQL over a topic that compaction has left gaps, empty batches and batches of transactions in: bounded
// queries end, upsert tables have the newest value of each key, and a job goes on over what comes.
func TestCompactedTopicsAreTables(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir := t.TempDir()
	n, err := millrace.Open(millrace.Options{Dir: dir, Kafka: "127.0.0.1:0", Settings: map[string]string{
		"log.cleaner.backoff.ms": "10", "log.cleaner.min.cleanable.ratio": "0.01"}})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	want := writeAccounts(t, ctx, n.KafkaAddr())
	waitCleaned(t, dir)

	const create = `CREATE TABLE %s (id STRING, amount INT %s) WITH ('topic' = 'accounts', 'key.format' = 'raw', 
		'value.format' = 'json', 'value.fields-include' = 'EXCEPT_KEY' %s)`
	bounded := `, 'scan.bounded.mode' = 'latest-offset'`
	for _, ddl := range []string{
		fmt.Sprintf(create, "changes", "", bounded+", 'key.fields' = 'id'"),
		fmt.Sprintf(create, "accounts", ", PRIMARY KEY (id) NOT ENFORCED", bounded+", 'connector' = 'upsert-kafka'"),
		fmt.Sprintf(create, "live", ", PRIMARY KEY (id) NOT ENFORCED", ", 'connector' = 'upsert-kafka'"),
	} {
		if err := n.Exec(ctx, ddl); err != nil {
			t.Fatalf("%s: %v", ddl, err)
		}
	}
	for _, table := range []string{"changes", "accounts"} {
		if got := collect(t, ctx, n, "SELECT id, amount FROM "+table, nil); !maps.Equal(got, want) {
			t.Errorf("%s is %v, want %v", table, got, want)
		}
	}
	want["k0"] = 777
	put(t, ctx, n.KafkaAddr(), &kgo.Record{Topic: "accounts", Key: []byte("k0"), Value: []byte(`{"amount":777}`)})
	if got := collect(t, ctx, n, "SELECT id, amount FROM live", want); !maps.Equal(got, want) {
		t.Errorf("live is %v, want %v", got, want)
	}
}

// collect gathers a changelog into a table; until it is as expected, or the query ends.
func collect(t *testing.T, ctx context.Context, n *millrace.Node, sql string, until map[string]int64) map[string]int64 {
	t.Helper()
	got := map[string]int64{}
	for row, err := range n.Query(ctx, sql) {
		if err != nil {
			t.Fatalf("%s: %v, with %v", sql, err, got)
		}
		switch row.Op {
		case "+I", "+U":
			got[row.Values[0].(string)] = row.Values[1].(int64)
		case "-D":
			delete(got, row.Values[0].(string))
		}
		if until != nil && maps.Equal(got, until) {
			break
		}
	}
	return got
}

// writeAccounts writes a topic of many values for few keys, a part of them in transactions of which some are aborted, and gives the
// newest.
func writeAccounts(t *testing.T, ctx context.Context, addr string) map[string]int64 {
	t.Helper()
	cl := client(t, addr)
	segment := "1000"
	if _, err := kadm.NewClient(cl).CreateTopic(ctx, 1, 1, map[string]*string{"cleanup.policy": kadm.StringPtr("compact"),
		"internal.segment.bytes": &segment}, "accounts"); err != nil {
		t.Fatal(err)
	}
	txn := client(t, addr, kgo.TransactionalID("t"))
	want := map[string]int64{}
	for i := range int64(200) {
		key := fmt.Sprint("k", i%7)
		r := &kgo.Record{Topic: "accounts", Key: []byte(key), Value: fmt.Appendf(nil, `{"amount":%d}`, i)}
		if i%4 != 0 {
			produceTo(t, ctx, cl, r)
			want[key] = i
			continue
		}
		if err := txn.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		produceTo(t, ctx, txn, r)
		if err := txn.EndTransaction(ctx, kgo.TransactionEndTry(i%8 == 0)); err != nil {
			t.Fatal(err)
		}
		if i%8 == 0 {
			want[key] = i
		}
	}
	return want
}

func client(t *testing.T, addr string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(addr))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func put(t *testing.T, ctx context.Context, addr string, r *kgo.Record) {
	t.Helper()
	produceTo(t, ctx, client(t, addr), r)
}

func produceTo(t *testing.T, ctx context.Context, cl *kgo.Client, r *kgo.Record) {
	t.Helper()
	if err := cl.ProduceSync(ctx, r).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// waitCleaned waits until all but the last segment is clean.
func waitCleaned(t *testing.T, dir string) {
	t.Helper()
	var points []byte
	var active int64
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		logs, err := filepath.Glob(filepath.Join(dir, "accounts-0", "*.log"))
		if err != nil || len(logs) == 0 {
			t.Fatal(logs, err)
		}
		if active, err = strconv.ParseInt(strings.TrimSuffix(filepath.Base(logs[len(logs)-1]), ".log"), 10, 64); err != nil {
			t.Fatal(err)
		}
		points, _ = os.ReadFile(filepath.Join(dir, "cleaner-offset-checkpoint"))
		if strings.Contains(string(points), fmt.Sprintf("accounts 0 %d\n", active)) {
			return
		}
	}
	t.Fatalf("the topic is not clean up to %d:\n%s", active, points)
}
