package kafka

import (
	"bytes"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	logconn "github.com/millrace/millrace/internal/connector/log"
	"github.com/millrace/millrace/internal/wire"
)

// part is a partition's bytes as a broker keeps them.
type part struct {
	bytes []byte
	next  int64
}

func (p *part) data(pid int64, transactional bool, values ...string) {
	b := wire.NewBuilder(nil)
	if pid >= 0 {
		b.SetProducer(pid, 0, 0)
		b.SetTransactional(transactional)
	}
	b.SetBaseOffset(p.next)
	for _, v := range values {
		b.Append(0, nil, []byte(v), nil)
	}
	p.bytes = append(p.bytes, b.Bytes()...)
	p.next += int64(len(values))
}

func (p *part) marker(pid int64, commit bool) {
	m := wire.Batch(wire.BuildMarker(pid, 0, commit, 0, 0))
	m.SetBaseOffset(p.next)
	p.bytes = append(p.bytes, m...)
	p.next++
}

// A broker says where an aborted transaction began. Where it ended, its marker says, and
// what the same producer wrote after that stands.
func TestAbortedOfAnAnswer(t *testing.T) {
	var p part
	p.data(7, true, "dropped")   // 0
	p.data(-1, false, "plain")   // 1
	p.data(8, true, "committed") // 2
	p.marker(7, false)           // 3
	p.marker(8, true)            // 4
	p.data(7, true, "kept")      // 5
	p.marker(7, true)            // 6
	p.data(7, true, "dropped")   // 7
	p.marker(7, false)           // 8
	p.data(9, true, "dropped")   // 9, its marker comes later
	a := kmsg.NewFetchResponseTopicPartition()
	a.RecordBatches = p.bytes
	for _, open := range [][2]int64{{7, 7}, {9, 9}, {7, 0}} {
		x := kmsg.NewFetchResponseTopicPartitionAbortedTransaction()
		x.ProducerID, x.FirstOffset = open[0], open[1]
		a.AbortedTransactions = append(a.AbortedTransactions, x)
	}
	ch, err := readChunk(&a, 0)
	if err != nil {
		t.Fatal(err)
	}
	if ch.next != p.next {
		t.Errorf("the next offset is %d, want %d", ch.next, p.next)
	}
	var seen []string
	for rest := ch.bytes; len(rest) > 0; {
		var b wire.Batch
		if b, rest, err = wire.ParseBatch(rest); err != nil {
			t.Fatal(err)
		}
		if b.IsControl() || logconn.IsAborted(ch.aborted, b) {
			continue
		}
		for it := wire.Records(b, nil); it.Next(); {
			seen = append(seen, string(it.Record().Value))
		}
	}
	if got := len(seen); got != 3 || seen[0] != "plain" || seen[1] != "committed" || seen[2] != "kept" {
		t.Errorf("seen %q, want plain, committed, kept", seen)
	}
	only, err := committedOnly(ch, nil)
	if err != nil {
		t.Fatal(err)
	}
	next := int64(0)
	for rest := only; len(rest) > 0; {
		var b wire.Batch
		if b, rest, err = wire.ParseBatch(rest); err != nil {
			t.Fatal(err)
		}
		if b.BaseOffset() != next || b.CheckCRC() != nil {
			t.Errorf("a batch at offset %d, want %d; checksum: %v", b.BaseOffset(), next, b.CheckCRC())
		}
		next = b.NextOffset()
	}
	if bytes.Contains(only, []byte("dropped")) {
		t.Error("a journal sees records of aborted transactions")
	}
}

// What was cut off at the end of an answer is asked for again; what is damaged is an error.
func TestCutAndDamagedAnswers(t *testing.T) {
	var p part
	p.data(-1, false, "one", "two")
	whole := len(p.bytes)
	p.data(-1, false, "three")
	a := kmsg.NewFetchResponseTopicPartition()
	a.RecordBatches = p.bytes[:len(p.bytes)-1]
	ch, err := readChunk(&a, 0)
	if err != nil || ch.next != 2 || len(ch.bytes) != whole {
		t.Errorf("%d bytes up to offset %d, %v; want %d up to 2", len(ch.bytes), ch.next, err, whole)
	}
	a.RecordBatches = bytes.Clone(p.bytes)
	a.RecordBatches[whole-1] ^= 1
	if _, err := readChunk(&a, 0); err == nil {
		t.Error("a damaged batch passed")
	}
}

// FuzzAnswer: whatever a broker sends, what comes of it is whole batches with right sums.
func FuzzAnswer(f *testing.F) {
	var p part
	p.data(7, true, "a", "b")
	p.marker(7, false)
	f.Add(p.bytes, int64(7), int64(0))
	f.Fuzz(func(t *testing.T, data []byte, pid, first int64) {
		a := kmsg.NewFetchResponseTopicPartition()
		a.RecordBatches = data
		x := kmsg.NewFetchResponseTopicPartitionAbortedTransaction()
		x.ProducerID, x.FirstOffset = pid, first
		a.AbortedTransactions = append(a.AbortedTransactions, x)
		ch, err := readChunk(&a, 0)
		if err != nil {
			return
		}
		for rest := ch.bytes; len(rest) > 0; {
			b, after, err := wire.ParseBatch(rest)
			if err != nil || b.CheckCRC() != nil {
				t.Fatalf("%v, %v", err, b.CheckCRC())
			}
			rest = after
		}
		committedOnly(ch, nil)
	})
}
