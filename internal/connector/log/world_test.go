package log

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/commitlog"
	"github.com/millrace/millrace/internal/vfs"
)

// world is a broker with one topic, over logs in a file system that can crash.
type world struct {
	t      *testing.T
	fs     *vfs.Mem
	files  vfs.FS // over fs; nil: fs itself
	id     byte   // of the topic: each that is made has another
	config commitlog.Config
	logs   []*commitlog.Log
	next   int64 // producer id
	groups map[string]int64
}

var testNow = time.UnixMilli(1e12)

func (w *world) open(partition int) {
	var fs vfs.FS = w.fs
	if w.files != nil {
		fs = w.files
	}
	log, err := commitlog.Open(commitlog.Options{
		FS: fs, Dir: filepath.Join("data", fmt.Sprintf("t%d-%d", w.id, partition)), TopicID: w.topicID(), Config: w.config,
		Now: func() time.Time { return testNow },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.logs = append(w.logs, log)
}

func (w *world) topicID() [16]byte { return [16]byte{w.id} }

// make makes the topic anew.
func (w *world) make(partitions int) {
	w.close()
	w.id++
	w.grow(partitions)
}

func (w *world) grow(partitions int) {
	for n := len(w.logs); n < partitions; n++ {
		w.open(n)
	}
}

// crash ends all and opens what the disk has: all that was written, or with power only
// what was synced.
func (w *world) crash(power bool) {
	partitions := len(w.logs)
	o := vfs.CrashOptions{UnsyncedDataPercent: 100}
	if power {
		o.UnsyncedDataPercent = 0
	}
	fs := w.fs.CrashClone(o)
	w.close()
	w.fs = fs
	w.grow(partitions)
}

func (w *world) close() {
	for _, l := range w.logs {
		l.Close()
	}
	w.logs = nil
}

// settle waits until all that was appended is durable, and so can be read.
func (w *world) settle() {
	for _, l := range w.logs {
		if end := l.EndOffset(); end > l.StartOffset() {
			if err := l.WaitDurable(context.Background(), end-1); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

func (w *world) Topics() []string { return []string{"t"} }

func (w *world) EnsureTopic(name string, partitions int, _ map[string]string) (Topic, error) {
	if name != "t" {
		return Topic{}, fmt.Errorf("the test has no topic %s", name)
	}
	if len(w.logs) == 0 {
		w.make(max(partitions, 1))
	}
	t := Topic{Name: name, ID: w.topicID()}
	for _, l := range w.logs {
		t.Partitions = append(t.Partitions, testPartition{l})
	}
	return t, nil
}

func (w *world) AllocateProducerID() (int64, error) {
	w.next++
	return w.next, nil
}

func (w *world) GroupOffset(group, _ string, partition int) (int64, bool) {
	offset, ok := w.groups[fmt.Sprintf("%s-%d", group, partition)]
	return offset, ok
}

// testPartition is a log as the connector sees it.
type testPartition struct{ *commitlog.Log }

func (p testPartition) Append(batches []byte) (int64, error) {
	info, err := p.Log.Append(batches, commitlog.Internal, 0)
	return info.LastOffset, err
}

func (p testPartition) AppendMarker(producerID int64, epoch int16, commit bool) (int64, error) {
	return p.Log.AppendMarker(producerID, epoch, commit, 0)
}

func (p testPartition) Read(offset int64, max int, buf []byte) ([]byte, error) {
	chunk, err := p.Log.Read(offset, max, commitlog.LastStable, true)
	if err != nil {
		return nil, err
	}
	defer chunk.Release()
	if chunk.Range.Len == 0 {
		return nil, nil
	}
	return chunk.Bytes(buf)
}

func (p testPartition) Aborted(from, to int64) ([]Aborted, error) {
	txns, err := p.AbortedTxns(from, to)
	var out []Aborted
	for _, t := range txns {
		out = append(out, Aborted{ProducerID: t.ProducerID, First: t.FirstOffset, Last: t.LastOffset})
	}
	return out, err
}

func (p testPartition) OffsetForTime(ts int64) (int64, bool, error) {
	offset, _, ok, err := p.Log.OffsetForTime(ts)
	return offset, ok, err
}

func (p testPartition) Producer(id int64) (Producer, bool) {
	s, ok := p.Log.Producer(id)
	return Producer{Epoch: s.Epoch, LastSequence: s.LastSequence, TxnFirst: s.TxnFirstOffset}, ok
}
