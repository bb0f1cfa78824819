package broker

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

// A damaged directory, after a clean stop and after a power failure: the node starts, a Kafka client is served every record that is in a
// batch the damage did not touch and none that it did, the damage is reported, and producing goes on at the offset where it was.

// disk is the files that a test damages.
type disk struct {
	t  *testing.T
	fs *vfs.Mem
	// hit are the offsets of partition t-0 that the damage may take: those of the batches whose bytes it touched.
	hit map[int64]bool
	// recent says that the last segment's records were touched.
	recent bool
}

func (d *disk) path(name string) string { return "/data/" + name }

func (d *disk) read(name string) []byte {
	f, err := d.fs.Open(d.path(name))
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	size, _ := f.Size()
	b := make([]byte, size)
	f.ReadAt(b, 0)
	return b
}

func (d *disk) write(name string, b []byte) {
	if err := d.fs.MkdirAll(filepath.Dir(d.path(name))); err != nil {
		d.t.Fatal(err)
	}
	f, err := d.fs.Create(d.path(name))
	if err != nil {
		d.t.Fatal(err)
	}
	f.WriteAt(b, 0)
	f.Sync()
	f.Close()
	d.fs.SyncDir(filepath.Dir(d.path(name)))
}

func (d *disk) remove(pattern string) (n int) {
	for _, name := range d.files(pattern) {
		if err := d.fs.Remove(d.path(name)); err != nil {
			d.t.Fatal(err)
		}
		n++
	}
	return n
}

// files are those that match a pattern such as t-0/*.index.
func (d *disk) files(pattern string) (out []string) {
	dir, last := filepath.Split(pattern)
	names, err := d.fs.List(d.path(dir))
	if err != nil {
		d.t.Fatal(err)
	}
	for _, name := range names {
		if ok, _ := filepath.Match(last, name); ok {
			out = append(out, dir+name)
		}
	}
	return out
}

// segment is the i-th log file of t-0, from the end if i is negative. An empty one at the end does not count.
func (d *disk) segment(i int) string {
	logs := d.files("t-0/*.log")
	for len(d.read(logs[len(logs)-1])) == 0 {
		logs = logs[:len(logs)-1]
	}
	if len(logs) < 4 {
		d.t.Fatalf("%d segments", len(logs))
	}
	return logs[(i+len(logs))%len(logs)]
}

// batches calls fn with each batch of a log file and where it is.
func (d *disk) batches(name string, fn func(pos int, b wire.Batch)) {
	pos := 0
	for rest := d.read(name); len(rest) > 0; {
		b, tail, err := wire.ParseBatch(rest)
		if err != nil {
			return
		}
		fn(pos, b)
		pos += len(b)
		rest = tail
	}
}

// touch notes that the bytes from a to b of a log file are damaged.
func (d *disk) touch(name string, from, to int) {
	d.recent = d.recent || name == d.segment(-1)
	d.batches(name, func(pos int, b wire.Batch) {
		if pos < to && pos+len(b) > from {
			for o := b.BaseOffset(); o <= b.LastOffset(); o++ {
				d.hit[o] = true
			}
		}
	})
}

// flip flips a bit of the n-th batch of a log file, from the end if n is negative, at a place in it.
func (d *disk) flip(name string, n, at int, bit byte) {
	var places []int
	d.batches(name, func(pos int, _ wire.Batch) { places = append(places, pos) })
	pos := places[(n+len(places))%len(places)] + at
	d.touch(name, pos, pos+1)
	b := d.read(name)
	b[pos] ^= bit
	d.write(name, b)
}

func (d *disk) cut(name string, bytes int) {
	b := d.read(name)
	d.touch(name, len(b)-bytes, len(b))
	d.write(name, b[:len(b)-bytes])
}

// lose removes a log file.
func (d *disk) lose(name string) {
	d.touch(name, 0, 1<<30)
	d.remove(name)
}

func (d *disk) every(pattern string, fn func([]byte) []byte) {
	for _, name := range d.files(pattern) {
		d.write(name, fn(d.read(name)))
	}
}

func garbage(b []byte) []byte {
	out := make([]byte, max(len(b), 40))
	for i := range out {
		out[i] = byte(i*7 + 13)
	}
	return out
}

func empty([]byte) []byte { return nil }

func zeros(b []byte) []byte { return make([]byte, len(b)) }

// shifted is an index whose entries are in order and wrong.
func shifted(entry, at, by int) func([]byte) []byte {
	return func(b []byte) []byte {
		b = bytes.Clone(b)
		for i := 0; i+entry <= len(b); i += entry {
			field := b[i+at:]
			binary.BigEndian.PutUint32(field, uint32(int(binary.BigEndian.Uint32(field))+by))
		}
		return b
	}
}

var damages = []struct {
	name string
	do   func(*disk)
	says string // what one of the lines on stderr has; empty if there need not be one
}{
	{name: "record in the first segment", do: func(d *disk) { d.flip(d.segment(0), 2, 80, 4) }, says: "damaged"},
	{name: "record in the last segment", do: func(d *disk) { d.flip(d.segment(-1), 0, 80, 1) }, says: "damaged"},
	{name: "last record of all", do: func(d *disk) { d.flip(d.segment(-1), -1, 70, 1) }, says: "damaged"},
	{name: "header in the first segment", do: func(d *disk) { d.flip(d.segment(0), 1, 30, 16) }, says: "damaged"},
	{name: "header in the last segment", do: func(d *disk) { d.flip(d.segment(-1), 1, 57, 1) }, says: "damaged"},
	{name: "magic", do: func(d *disk) { d.flip(d.segment(1), 1, 16, 1) }, says: "damaged"},
	{name: "length in the first segment", do: func(d *disk) { d.flip(d.segment(0), 1, 10, 2) }, says: "damaged"},
	{name: "length in the last segment", do: func(d *disk) { d.flip(d.segment(-1), 0, 8, 128) }, says: "damaged"},
	{name: "base offset in an old segment", do: func(d *disk) { d.flip(d.segment(1), 1, 7, 1) }, says: "damaged"},
	{name: "base offset of the first batch", do: func(d *disk) { d.flip(d.segment(0), 0, 5, 1) }, says: "damaged"},
	{name: "old segment truncated", do: func(d *disk) { d.cut(d.segment(1), 100) }, says: d0},
	{name: "last segment truncated", do: func(d *disk) { d.cut(d.segment(-1), 10) }, says: d0},
	{name: "last segment empty", do: func(d *disk) { d.cut(d.segment(-1), len(d.read(d.segment(-1)))) }, says: d0},
	{name: "zeros at the end", do: func(d *disk) { s := d.segment(-1); d.write(s, append(d.read(s), make([]byte, 5000)...)) }},
	{name: "garbage at the end", do: func(d *disk) { s := d.segment(-1); d.write(s, append(d.read(s), garbage(make([]byte, 300))...)) }, says: "cut"},
	{name: "zeros in the middle", do: func(d *disk) {
		s := d.segment(1)
		b := d.read(s)
		for i := 200; i < 900; i++ {
			if b[i] != 0 {
				d.touch(s, i, i+1)
			}
		}
		clear(b[200:900])
		d.write(s, b)
	}, says: "damaged"},
	{name: "segment missing in the middle", do: func(d *disk) { d.lose(d.segment(1)) }, says: "missing"},
	{name: "all files of a segment missing", do: func(d *disk) {
		s := strings.TrimSuffix(d.segment(2), ".log")
		d.lose(s + ".log")
		d.remove(s + ".*")
	}, says: "missing"},
	{name: "first segment missing", do: func(d *disk) { d.lose(d.segment(0)) }, says: "missing"},
	{name: "last segment missing", do: func(d *disk) {
		last := d.segment(-1)
		d.lose(last)
	}, says: d0},
	{name: "indexes missing", do: func(d *disk) { d.remove("t-0/*.index") }, says: "index"},
	{name: "indexes empty", do: func(d *disk) { d.every("t-0/*.index", empty) }, says: "index"},
	{name: "indexes of garbage", do: func(d *disk) { d.every("t-0/*.index", garbage) }, says: "index"},
	{name: "indexes that lie about positions", do: func(d *disk) { d.every("t-0/*.index", shifted(8, 4, 61)) }, says: "index"},
	{name: "indexes that lie about offsets", do: func(d *disk) { d.every("t-0/*.index", shifted(8, 0, 1)) }, says: "index"},
	{name: "lying indexes without checksums", do: func(d *disk) {
		d.remove("t-0/*.sums")
		d.every("t-0/*.index", shifted(8, 0, 1))
	}, says: "index"},
	{name: "time indexes missing", do: func(d *disk) { d.remove("t-0/*.timeindex") }, says: "index"},
	{name: "time indexes that lie", do: func(d *disk) { d.every("t-0/*.timeindex", shifted(12, 4, -1_000_000)) }, says: "index"},
	{name: "snapshots missing", do: func(d *disk) { d.remove("t-0/*.snapshot") }},
	{name: "snapshots of garbage", do: func(d *disk) { d.every("t-0/*.snapshot", garbage) }, says: "snapshot"},
	{name: "snapshots empty", do: func(d *disk) { d.every("t-0/*.snapshot", empty) }, says: "snapshot"},
	{name: "checksums of garbage", do: func(d *disk) { d.every("t-0/*.sums", garbage) }},
	{name: "checkpoint missing", do: func(d *disk) { d.remove("t-0/millrace-checkpoint") }, says: "checkpoint"},
	{name: "checkpoint of garbage", do: func(d *disk) { d.every("t-0/millrace-checkpoint", garbage) }, says: "checkpoint"},
	{name: "checkpoint of zeros", do: func(d *disk) { d.every("t-0/millrace-checkpoint", zeros) }, says: "checkpoint"},
	{name: "checkpoint empty", do: func(d *disk) { d.every("t-0/millrace-checkpoint", empty) }, says: "checkpoint"},
	{name: "checkpoint of another partition", do: func(d *disk) {
		d.write("t-0/millrace-checkpoint", d.read("__consumer_offsets-0/millrace-checkpoint"))
	}, says: "checkpoint"},
	{name: "leader epochs of garbage", do: func(d *disk) { d.every("t-0/leader-epoch-checkpoint", garbage) }},
	{name: "partition.metadata missing", do: func(d *disk) { d.remove("t-0/partition.metadata") }},
	{name: "partition.metadata of garbage", do: func(d *disk) { d.every("t-0/partition.metadata", garbage) }, says: "partition.metadata"},
	{name: "partition.metadata of no topic", do: func(d *disk) {
		d.every("t-0/partition.metadata", func([]byte) []byte { return []byte("version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ") })
	}, says: "partition.metadata"},
	{name: "nothing but the log files", do: func(d *disk) {
		for _, name := range d.files("t-0/*") {
			if !strings.HasSuffix(name, ".log") {
				d.remove(name)
			}
		}
	}},
	{name: "stray files and directories", do: func(d *disk) {
		d.write("t-0/notes.txt", []byte("x"))
		d.write("t-0/00000000000000000001.log/x", []byte("x"))
		d.write("u-0/x", []byte("x"))
		d.write("lost", []byte("x"))
		d.fs.MkdirAll("/data/v-0")
	}, says: "left alone"},
	{name: "identity missing", do: func(d *disk) { d.remove("meta.properties") }, says: "meta.properties"},
	{name: "identity empty", do: func(d *disk) { d.every("meta.properties", empty) }, says: "meta.properties"},
	{name: "identity of garbage", do: func(d *disk) { d.every("meta.properties", garbage) }, says: "meta.properties"},
	{name: "identity flipped", do: func(d *disk) {
		d.every("meta.properties", func(b []byte) []byte { b[bytes.Index(b, []byte("cluster.id="))+12] ^= 1; return b })
	}, says: "meta.properties"},
	{name: "metadata log flipped", do: func(d *disk) { d.flipOther("__cluster_metadata-0", 70) }, says: "metadata"},
	{name: "metadata log of garbage", do: func(d *disk) { d.every("__cluster_metadata-0/*.log", garbage) }, says: "metadata"},
	{name: "metadata log empty", do: func(d *disk) { d.every("__cluster_metadata-0/*", empty) }, says: "metadata"},
	{name: "metadata log gone", do: func(d *disk) { d.fs.RemoveAll("/data/__cluster_metadata-0") }, says: "metadata"},
	{name: "metadata log and identity gone", do: func(d *disk) {
		d.fs.RemoveAll("/data/__cluster_metadata-0")
		d.remove("meta.properties")
	}, says: "metadata"},
	{name: "metadata log's partition.metadata of garbage", do: func(d *disk) { d.every("__cluster_metadata-0/partition.metadata", garbage) }, says: "metadata"},
	{name: "group offsets of garbage", do: func(d *disk) {
		for i := range 2 {
			d.every(fmt.Sprintf("__consumer_offsets-%d/*.log", i), garbage)
		}
	}, says: "__consumer_offsets"},
	{name: "group offsets flipped", do: func(d *disk) { d.flipOther("__consumer_offsets-0", 75) }, says: "__consumer_offsets"},
	{name: "group offsets without files", do: func(d *disk) {
		for i := range 2 {
			d.remove(fmt.Sprintf("__consumer_offsets-%d/*", i))
		}
	}},
}

const d0 = "/data/t-0"

// flipOther flips a bit in the first batch of another partition's last log file.
func (d *disk) flipOther(dir string, at int) {
	logs := d.files(dir + "/*.log")
	b := d.read(logs[len(logs)-1])
	b[at] ^= 1
	d.write(logs[len(logs)-1], b)
}

func TestDamage(t *testing.T) {
	for _, how := range []string{"clean stop", "kill -9", "power failure"} {
		before := damageSubject(t, how == "clean stop")
		for i, c := range damages {
			t.Run(how+"/"+c.name, func(t *testing.T) {
				left := 100
				if how != "kill -9" {
					left = 30 * (i % 4)
				}
				d := &disk{t: t, fs: before.CrashClone(vfs.CrashOptions{Seed: int64(i), UnsyncedDataPercent: left}), hit: map[int64]bool{}}
				c.do(d)
				if how == "power failure" && d.recent {
					t.Skip("rot within the second before a power failure cannot be told from a torn write")
				}
				checkDamaged(t, d, c.says)
			})
		}
	}
}

const (
	damageRecords = 240
	damageEach    = 3 // records in a batch
)

func damageValue(i int) string { return fmt.Sprintf("value %d %s", i, strings.Repeat("x", 50+i%7*20)) }

var damageSettings = map[string]string{"offsets.topic.num.partitions": "2"}

// damageSubject is a directory with a topic of several segments, written by an idempotent producer, and a group's offset.
func damageSubject(t *testing.T, clean bool) *vfs.Mem {
	fs := vfs.NewMem()
	tb := start(t, Config{FS: fs, Settings: damageSettings})
	tb.create(t, "t", 1, map[string]string{"internal.segment.bytes": "6000", "index.interval.bytes": "400"})
	c := tb.dial(t)
	b := wire.NewBuilder(nil)
	now := time.Now().UnixMilli()
	for i := 0; i < damageRecords; i += damageEach {
		b.Reset(nil)
		b.SetProducer(77, 0, int32(i))
		for k := range damageEach {
			b.Append(now+int64(i), nil, []byte(damageValue(i+k)), nil)
		}
		if p := c.produce(t, "t", b.Bytes()); p.ErrorCode != 0 || p.BaseOffset != int64(i) {
			t.Fatalf("record %d: error %d, offset %d", i, p.ErrorCode, p.BaseOffset)
		}
	}
	for _, group := range []string{"g", "h", "i"} {
		commitOffset(t, tb, group, "t", 5)
	}
	if !clean {
		return fs
	}
	if err := tb.Close(); err != nil {
		t.Fatal(err)
	}
	return fs
}

// checkDamaged opens a damaged directory, writes, and reads.
func checkDamaged(t *testing.T, d *disk, says string) {
	tb := start(t, Config{FS: d.fs, Settings: damageSettings})
	cl := tb.client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for i := range int64(4) {
		r := &kgo.Record{Topic: "t", Value: []byte(fmt.Sprint("after ", i))}
		produce(t, cl, r)
		if r.Offset != damageRecords+i {
			t.Fatalf("record %d after the damage is at offset %d: %q", i, r.Offset, tb.reports.lines)
		}
	}
	got := readUpTo(t, tb, "t", damageRecords+3)
	for i := range int64(damageRecords) {
		value, ok := got[i]
		switch {
		case ok && value != damageValue(int(i)):
			t.Fatalf("offset %d is %q", i, value)
		case !ok && !d.hit[i]:
			t.Fatalf("offset %d, which is intact, is not served: %q", i, tb.reports.lines)
		case ok && d.hit[i]:
			t.Fatalf("offset %d, which is damaged, is served", i)
		}
	}
	if got[damageRecords+3] != "after 3" {
		t.Fatalf("the last record is %q", got[damageRecords+3])
	}
	commitAgain(t, tb)
	if says != "" && !tb.reports.has(says) {
		t.Errorf("nobody says %q: %q", says, tb.reports.lines)
	}
	// What is found is said once.
	seen := map[string]bool{}
	for _, line := range tb.reports.lines {
		if seen[line] || strings.Contains(line, "\n") {
			t.Errorf("said again: %q", line)
		}
		seen[line] = true
	}
}

func commitOffset(t *testing.T, tb *testBroker, group, topic string, at int64) {
	t.Helper()
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: topic, Partition: 0, At: at, LeaderEpoch: -1})
	if err := tb.admin(t).CommitAllOffsets(testContext(t), group, offsets); err != nil {
		t.Fatal(err)
	}
}

// commitAgain checks that the groups work.
func commitAgain(t *testing.T, tb *testBroker) {
	for _, group := range []string{"g", "h", "i"} {
		commitOffset(t, tb, group, "t", 7)
		back, err := tb.admin(t).FetchOffsets(testContext(t), group)
		if err != nil {
			t.Fatal(err)
		}
		if o, ok := back.Lookup("t", 0); !ok || o.At != 7 {
			t.Fatalf("group %s: %v %v", group, o, ok)
		}
	}
}

// readUpTo reads a topic's partition 0 with a client, from its start until it has seen the record at an offset.
func readUpTo(t *testing.T, tb *testBroker, topic string, last int64, opts ...kgo.Opt) map[int64]string {
	t.Helper()
	opts = append(opts, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}),
		kgo.FetchMaxWait(50*time.Millisecond))
	cl := tb.client(t, opts...)
	defer cl.Close()
	got := map[int64]string{}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for at := int64(-1); at < last; {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("at %d of %d: %v; %q", at, last, err, tb.reports.lines)
		}
		for _, r := range fetches.Records() {
			if r.Offset <= at {
				t.Fatalf("offset %d after %d", r.Offset, at)
			}
			got[r.Offset], at = string(r.Value), r.Offset
		}
	}
	return got
}
