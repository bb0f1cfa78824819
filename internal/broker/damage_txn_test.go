package broker

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

// TestDamageTransactions damages a topic that two producers have written in transactions, every third of them aborted. A read_committed
// client never sees a record of an aborted one, and gets past the end; it sees every intact record of a committed one whose marker is
// intact too.
func TestDamageTransactions(t *testing.T) {
	for _, how := range []string{"clean stop", "kill -9"} {
		before, markers := txnSubject(t, how == "clean stop")
		cases := damages
		for at := range 26 { // and each of the first markers, in ways that a checksum cannot heal
			cases = append(cases[:len(cases):len(cases)], struct {
				name string
				do   func(*disk)
				says string
			}{fmt.Sprintf("marker %d of zeros", at), func(d *disk) { d.zeroMarker(at) }, "damaged"})
		}
		for i, c := range cases {
			t.Run(how+"/"+c.name, func(t *testing.T) {
				d := &disk{t: t, fs: before.CrashClone(vfs.CrashOptions{Seed: int64(i), UnsyncedDataPercent: 100}), hit: map[int64]bool{}}
				c.do(d)
				tb := start(t, Config{FS: d.fs, Settings: damageSettings})
				cl := tb.client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
				last := &kgo.Record{Topic: "t", Value: []byte("after")}
				produce(t, cl, last)
				got := readUpTo(t, tb, "t", last.Offset, kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxPartitionBytes(3000))
				for at, value := range got {
					if strings.HasPrefix(value, "aborted") || d.hit[at] {
						t.Fatalf("offset %d is %q: %q", at, value, tb.reports.lines)
					}
				}
				for first, m := range markers {
					lost := d.hit[m.last]
					for at := first; at < m.last; at++ {
						if m.commit && !lost && !d.hit[at] && got[at] == "" && m.records[at] {
							t.Fatalf("offset %d of a committed transaction is not served: %q", at, tb.reports.lines)
						}
					}
				}
			})
		}
	}
}

// zeroMarker damages the n-th control batch of t-0 beyond repair.
func (d *disk) zeroMarker(n int) {
	for _, name := range d.files("t-0/*.log") {
		d.batches(name, func(pos int, b wire.Batch) {
			if !b.IsControl() {
				return
			}
			if n == 0 {
				all := d.read(name)
				d.touch(name, pos, pos+len(b))
				clear(all[pos+17 : pos+len(b)])
				d.write(name, all)
			}
			n--
		})
	}
}

// endedTxn is a transaction of the subject: its marker, and the offsets of its records.
type endedTxn struct {
	last    int64
	commit  bool
	records map[int64]bool
}

func txnSubject(t *testing.T, clean bool) (*vfs.Mem, map[int64]endedTxn) {
	fs := vfs.NewMem()
	tb := start(t, Config{FS: fs, Settings: damageSettings})
	tb.create(t, "t", 1, map[string]string{"internal.segment.bytes": "5000", "index.interval.bytes": "400"})
	log, err := tb.Metadata().Partition("t", 0)
	if err != nil {
		t.Fatal(err)
	}
	clients := []*kgo.Client{}
	for i := range 2 {
		clients = append(clients, tb.client(t, kgo.TransactionalID(fmt.Sprint("txn", i)), kgo.RecordPartitioner(kgo.ManualPartitioner())))
	}
	ctx := testContext(t)
	all := map[int64]endedTxn{}
	for n := range 50 {
		d := endedTxn{commit: n%3 != 0, records: map[int64]bool{}}
		word := "aborted"
		if d.commit {
			word = "committed"
		}
		cl := clients[n%2]
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		first := int64(-1)
		for k := range 3 {
			r := &kgo.Record{Topic: "t", Value: []byte(fmt.Sprintf("%s %d %d %s", word, n, k, strings.Repeat("x", 60+n%5*30)))}
			produce(t, cl, r)
			if first < 0 {
				first = r.Offset
			}
			d.records[r.Offset] = true
		}
		if err := cl.EndTransaction(ctx, kgo.TransactionEndTry(d.commit)); err != nil {
			t.Fatal(err)
		}
		d.last = log.EndOffset() - 1
		all[first] = d
	}
	for _, group := range []string{"g", "h", "i"} {
		commitOffset(t, tb, group, "t", 5)
	}
	if clean {
		if err := tb.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return fs, all
}
