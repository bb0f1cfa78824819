package metadata

import (
	"errors"
	"fmt"
	"maps"
	"math/rand"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/millrace/millrace/internal/commitlog"
	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

type lines struct {
	sync.Mutex
	list []string
}

func (l *lines) add(s string) {
	l.Lock()
	defer l.Unlock()
	l.list = append(l.list, s)
}

func open(t testing.TB, fs vfs.FS, opts ...func(*Options)) (*Store, *lines) {
	t.Helper()
	said := &lines{}
	opt := Options{FS: fs, Dir: "/data", Report: said.add}
	for _, o := range opts {
		o(&opt)
	}
	s, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, said
}

func reopen(t testing.TB, s *Store) (*Store, *lines) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, s.opt.FS)
}

func put(t testing.TB, s *Store, topic string, i int32, value string) {
	t.Helper()
	log, err := s.Partition(topic, i)
	if err != nil {
		t.Fatal(err)
	}
	b := wire.NewBuilder(nil)
	b.Append(1, nil, []byte(value), nil)
	if _, err := log.Append(b.Bytes(), commitlog.Internal, 0); err != nil {
		t.Fatal(err)
	}
	if err := log.WaitDurable(t.Context(), log.EndOffset()-1); err != nil {
		t.Fatal(err)
	}
}

// describe is the state as text.
func describe(s *Store) string {
	var b strings.Builder
	for _, t := range s.Topics() {
		fmt.Fprintf(&b, "%s %s %d", t.Name, t.ID, t.Partitions)
		for _, k := range slices.Sorted(maps.Keys(t.Configs)) {
			fmt.Fprintf(&b, " %s=%s", k, t.Configs[k])
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "broker %v\n", s.brokerValues().dynamic)
	return b.String()
}

func TestRestart(t *testing.T) {
	s, _ := open(t, vfs.NewMem())
	for _, name := range []string{"a", "b", "c"} {
		if _, err := s.Create(name, 2, map[string]string{"retention.ms": "5"}); err != nil {
			t.Fatal(err)
		}
	}
	put(t, s, "a", 1, "kept")
	set := func(name, value string) func(map[string]string) error {
		return func(m map[string]string) error { m[name] = value; return nil }
	}
	steps := []error{
		s.Delete("b"), s.Grow("a", 4, false), s.SetConfigs("c", false, set("segment.bytes", "2097152")),
		s.SetBrokerConfigs(false, false, set("log.retention.ms", "7")), s.Grow("c", 9, true), s.SetConfigs("c", true, set("segment.ms", "9")),
	}
	if err := errors.Join(steps...); err != nil {
		t.Fatal(err)
	}
	first, _ := s.AllocateProducerIDs(1000)
	before, identity := describe(s), s.Identity()
	s, said := reopen(t, s)
	if after := describe(s); after != before || s.Identity() != identity {
		t.Fatalf("before:\n%safter:\n%s", before, after)
	}
	if second, _ := s.AllocateProducerIDs(1); second != first+1000 {
		t.Fatalf("producer ids from %d, then %d", first, second)
	}
	if log, err := s.Partition("a", 1); err != nil || log.EndOffset() != 1 {
		t.Fatal(err)
	}
	if _, err := s.Partition("a", 4); !errors.Is(err, kerr.UnknownTopicOrPartition) {
		t.Fatal(err)
	}
	if len(said.list) != 0 {
		t.Fatalf("%q", said.list)
	}
}

func TestRefusedDirectories(t *testing.T) {
	write := func(fs vfs.FS, name, text string) {
		f, err := fs.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		f.WriteAt([]byte(text), 0)
		f.Close()
	}
	for name, test := range map[string]struct{ file, text, want string }{
		"files of another": {"report.pdf", "x", "is not empty (it contains report.pdf)"},
		"Kafka's":          {"meta.properties", "version=1\ncluster.id=abc\nnode.id=1\n", "Apache Kafka cluster abc"},
		"empty identity":   {"meta.properties", "", "is damaged"},
		"cut identity":     {"meta.properties", "millrace.format=1\ncluster.id=x\n", "is damaged"},
		"binary identity":  {"meta.properties", "\x00\x01\x02", "is damaged"},
		"newer":            {"meta.properties", "millrace.format=2\n", "has millrace.format 2"},
	} {
		fs := vfs.NewMem()
		if err := fs.MkdirAll("/data"); err != nil {
			t.Fatal(err)
		}
		write(fs, "/data/"+test.file, test.text)
		_, err := Open(Options{FS: fs, Dir: "/data"})
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
		if names, _ := fs.List("/data"); len(names) != 1 {
			t.Errorf("%s: touched: %v", name, names)
		}
	}
}

func TestSecondProcess(t *testing.T) {
	fs := vfs.NewMem()
	s, _ := open(t, fs)
	if _, err := Open(Options{FS: fs, Dir: "/data"}); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Fatal(err)
	}
	s.Close()
	for _, opt := range []Options{{ClusterID: "another"}, {NodeID: 9}, {Settings: map[string]string{"num.partition": "1"}}, {Settings: map[string]string{"num.partitions": "x"}}} {
		opt.FS, opt.Dir = fs, "/data"
		if _, err := Open(opt); err == nil {
			t.Errorf("%+v: no error", opt)
		}
	}
	open(t, fs)
}

func TestUnknownDirectoriesStay(t *testing.T) {
	s, _ := open(t, vfs.NewMem())
	fs := s.opt.FS
	for _, dir := range []string{"stray-0", "stray-1", "notes"} {
		if err := fs.MkdirAll(filepath.Join("/data", dir)); err != nil {
			t.Fatal(err)
		}
	}
	_, said := reopen(t, s)
	if len(said.list) != 2 || !strings.Contains(said.list[0], "stray-0 belongs to no topic") {
		t.Fatalf("%q", said.list)
	}
	names, _ := fs.List("/data")
	for _, dir := range []string{"stray-0", "stray-1", "notes"} {
		if !slices.Contains(names, dir) {
			t.Errorf("%s is gone", dir)
		}
	}
}

func TestDeletionIsFinishedByTheNextStart(t *testing.T) {
	s, _ := open(t, vfs.NewMem())
	s.Create("gone", 2, nil)
	s.Create("half", 1, nil)
	put(t, s, "gone", 1, "x")
	put(t, s, "half", 0, "x")
	id, half := s.Topic("gone").ID, s.Topic("half").ID
	// The process ends between the record and the rename, or between the rename and the removal.
	for _, p := range append(s.mu.parts[id], s.mu.parts[half]...) {
		p.close()
	}
	if _, err := s.append([]record{deletedRecord{id}, deletedRecord{half}}); err != nil {
		t.Fatal(err)
	}
	s.moveAway("half", 0, half)
	s.sinceSnapshot = 0 // a process that ends does not write one
	s, said := reopen(t, s)
	s.removing.Wait()
	names, _ := s.opt.FS.List("/data")
	for _, name := range names {
		if strings.HasPrefix(name, "gone") || strings.HasPrefix(name, "half") {
			t.Errorf("%s is still there", name)
		}
	}
	if len(said.list) != 0 {
		t.Errorf("%q", said.list)
	}
	if _, err := s.Create("gone", 2, nil); err != nil {
		t.Fatal(err)
	}
	put(t, s, "gone", 1, "new")
}

func TestCompaction(t *testing.T) {
	s, _ := open(t, vfs.NewMem())
	s.Create("stays", 3, map[string]string{"retention.ms": "1"})
	var records []record
	for i := range compactLeast {
		records = append(records, producerIDsRecord{int64(i)})
	}
	if err := s.change(func(*state) []record { return records }); err != nil {
		t.Fatal(err)
	}
	before := describe(s)
	for range 3 {
		s, _ = reopen(t, s)
		if after := describe(s); after != before {
			t.Fatalf("before:\n%safter:\n%s", before, after)
		}
	}
	if n := s.log.EndOffset() - s.log.StartOffset(); n > 100 {
		t.Fatalf("%d records", n)
	}
	if first, _ := s.AllocateProducerIDs(1); first != compactLeast-1 {
		t.Fatalf("next producer id %d", first)
	}
}

func TestWatch(t *testing.T) {
	s, _ := open(t, vfs.NewMem())
	var events []string
	cancel := s.Watch(func(e Event) {
		switch {
		case e.Old == nil:
			events = append(events, "+"+e.New.Name)
		case e.New == nil:
			events = append(events, "-"+e.Old.Name)
		default:
			events = append(events, fmt.Sprintf("%s %d->%d", e.New.Name, e.Old.Partitions, e.New.Partitions))
		}
	})
	s.Create("a", 1, nil)
	s.Grow("a", 2, false)
	s.Delete("a")
	cancel()
	s.Create("b", 1, nil)
	if want := []string{"+a", "a 1->2", "-a"}; !slices.Equal(events, want) {
		t.Fatalf("%q", events)
	}
}

func TestRefusedChanges(t *testing.T) {
	s, _ := open(t, vfs.NewMem())
	s.Create("with.dot", 1, nil)
	for _, test := range []struct {
		err  error
		want *kerr.Error
	}{
		{second(s.Create("", 1, nil)), kerr.InvalidTopicException},
		{second(s.Create("..", 1, nil)), kerr.InvalidTopicException},
		{second(s.Create("a/b", 1, nil)), kerr.InvalidTopicException},
		{second(s.Create(MetadataTopic, 1, nil)), kerr.InvalidTopicException},
		{second(s.Create(strings.Repeat("x", 250), 1, nil)), kerr.InvalidTopicException},
		{second(s.Create("with_dot", 1, nil)), kerr.InvalidTopicException},
		{second(s.Create("with.dot", 1, nil)), kerr.TopicAlreadyExists},
		{second(s.Create("p", 0, nil)), kerr.InvalidPartitions},
		{second(s.Create("p", 1, map[string]string{"retention.m": "1"})), kerr.InvalidConfig},
		{second(s.Create("p", 1, map[string]string{"retention.ms": "-2"})), kerr.InvalidConfig},
		{second(s.Create("p", 1, map[string]string{"cleanup.policy": "delete,keep"})), kerr.InvalidConfig},
		{s.Grow("with.dot", 1, false), kerr.InvalidPartitions},
		{s.Grow("none", 2, false), kerr.UnknownTopicOrPartition},
		{s.Delete("none"), kerr.UnknownTopicOrPartition},
	} {
		if !errors.Is(test.err, test.want) {
			t.Errorf("got %v, want %v", test.err, test.want)
		}
	}
	longest := strings.Repeat("x", 249)
	if _, err := s.Create(longest, 1, nil); err != nil {
		t.Fatal(err)
	}
	put(t, s, longest, 0, "x")
	if err := s.Delete(longest); err != nil {
		t.Fatal(err)
	}
	s.removing.Wait()
	if names, _ := s.opt.FS.List("/data"); slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "xx") }) {
		t.Fatalf("%v", names)
	}
	if err := UnknownTopicConfig("retention.mss"); err == nil || !strings.Contains(err.Error(), "did you mean retention.ms?") {
		t.Fatal(err)
	}
}

func second(_ *Topic, err error) error { return err }

// TestCrash does changes at random, loses power after each, and expects of what was acknowledged everything.
func TestCrash(t *testing.T) {
	for seed := range int64(12) {
		rng := rand.New(rand.NewSource(seed))
		fs := vfs.NewMem()
		s, _ := open(t, fs)
		for step := range 12 {
			name := fmt.Sprint("t", rng.Intn(4))
			switch rng.Intn(4) {
			case 0, 1:
				if _, err := s.Create(name, 2, nil); err == nil {
					put(t, s, name, int32(rng.Intn(2)), "x")
				}
			case 2:
				s.Delete(name)
			case 3:
				s.AllocateProducerIDs(10)
			}
			want := describe(s)
			crashed := fs.CrashClone(vfs.CrashOptions{Seed: seed*100 + int64(step), UnsyncedDataPercent: rng.Intn(101)})
			after, said := open(t, crashed)
			if got := describe(after); got != want {
				t.Fatalf("seed %d step %d: before:\n%safter:\n%s", seed, step, want, got)
			}
			for _, line := range said.list {
				if strings.Contains(line, "belongs to no topic") {
					t.Fatalf("seed %d step %d: %s", seed, step, line)
				}
			}
			for _, topic := range after.Topics() {
				for i := range topic.Partitions {
					if _, err := after.Partition(topic.Name, i); err != nil {
						t.Fatalf("seed %d step %d: %v", seed, step, err)
					}
				}
			}
			after.Close()
		}
		s.Close()
	}
}

func FuzzRecord(f *testing.F) {
	id := UUID{1, 2, 3}
	for _, r := range []record{
		topicRecord{id, "name", 3, 1234, map[string]string{"a": "b"}}, deletedRecord{id}, partitionsRecord{id, 7},
		topicConfigRecord{id, map[string]string{}}, brokerConfigRecord{map[string]string{"x": ""}}, producerIDsRecord{1 << 40}, snapshotRecord{},
		identityRecord{Identity{"c", "d", 3}}, goneRecord{id, "name"},
		resourceRecord{Resource{32, "g"}, map[string]string{"a": "b"}}, quotaRecord{map[string]string{"user": ""}, map[string]string{"x": "1.5"}},
	} {
		f.Add(r.appendTo(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeRecord(b)
		if err != nil {
			return
		}
		text := fmt.Sprint(r)
		again, err := decodeRecord(r.appendTo(nil))
		if err != nil || fmt.Sprint(again) != text {
			t.Fatalf("%s became %v, %v", text, again, err)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	onDisk := func(o *Options) { o.Dir = filepath.Join(dir, "data") }
	s, _ := open(b, vfs.OS, onDisk)
	var topics []NewTopic
	for i := range 2000 {
		topics = append(topics, NewTopic{fmt.Sprint("topic-", i), 5, nil})
	}
	if _, _, err := s.CreateAll(topics, false); err != nil {
		b.Fatal(err)
	}
	for i := range 200 {
		put(b, s, topics[i].Name, 0, "x")
	}
	s.Close()
	for b.Loop() {
		s, _ := open(b, vfs.OS, onDisk)
		s.Close()
	}
}
