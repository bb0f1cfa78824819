package filesystem

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
	"github.com/millrace/millrace/internal/vfs"
)

// partitioned is a table of an INT, by a day and a minute.
func partitioned(options ...string) connector.Table {
	t := testTable("/out", options...)
	t.Columns = []connector.Column{{Name: "dt", Type: types.TString}, {Name: "n", Type: types.TInt}, {Name: "hm", Type: types.TString}}
	t.PartitionedBy = []int{0, 2}
	return t
}

// sinkTest is a sink with a clock that stands still.
type sinkTest struct {
	t     *testing.T
	fs    *vfs.Mem
	table connector.Table
	now   time.Time
	sink  connector.Sink
	w     connector.TimedWriter
	epoch int64
	last  []byte
}

func newSinkTest(t *testing.T, table connector.Table) *sinkTest {
	s := &sinkTest{t: t, fs: vfs.NewMem(), table: table, now: time.UnixMilli(1_000_000)}
	s.open()
	return s
}

func (s *sinkTest) open() {
	s.t.Helper()
	k, err := Factory(s.fs).NewSink(s.table, connector.Env{Now: func() time.Time { return s.now }})
	s.must(err)
	s.must(k.Recover(context.Background(), []byte("id"), s.last))
	w, err := k.Writer(context.Background(), 0, 1)
	s.must(err)
	s.sink, s.w = k, w.(connector.TimedWriter)
}

func (s *sinkTest) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// put writes a row; empty strings are NULL.
func (s *sinkTest) put(dt string, n int64, hm string) {
	s.t.Helper()
	b := &vec.Batch{N: 1}
	for i, x := range []any{dt, n, hm} {
		v := vec.NewBuilder(s.table.Columns[i].Type, 1)
		if x == "" {
			v.AppendNull()
		} else if text, ok := x.(string); ok {
			v.AppendString(text)
		} else {
			v.AppendAny(x)
		}
		b.Cols = append(b.Cols, v.Finish())
	}
	s.must(s.w.Write(b))
	s.must(s.w.Flush())
}

// prepare goes as far as the commit record.
func (s *sinkTest) prepare() {
	s.t.Helper()
	s.epoch++
	s.sink.Seal()
	token, err := s.sink.Prepare(context.Background(), s.epoch)
	s.must(err)
	if token != nil {
		s.last = token
	}
}

func (s *sinkTest) commit() {
	s.t.Helper()
	s.prepare()
	s.must(s.sink.Commit(context.Background(), s.last))
}

// crash loses what was not synced, or a part of it, and starts again.
func (s *sinkTest) crash(seed int64) {
	s.t.Helper()
	s.fs = s.fs.CrashClone(vfs.CrashOptions{Seed: seed, UnsyncedDataPercent: 50})
	s.open()
}

// visible lists the files with their rows: "folder: 1 2" and "folder/_SUCCESS".
func (s *sinkTest) visible() string {
	s.t.Helper()
	rows := map[string][]string{}
	var walk func(dir string)
	walk = func(dir string) {
		names, err := s.fs.List(dir)
		s.must(err)
		for _, n := range names {
			path := filepath.Join(dir, n)
			folder := strings.TrimPrefix(strings.TrimPrefix(dir, "/out"), "/")
			info, err := s.fs.Stat(path)
			s.must(err)
			switch {
			case info.Dir:
				walk(path)
			case strings.HasPrefix(n, "part-"):
				f, err := s.fs.Open(path)
				s.must(err)
				text := make([]byte, 1<<16)
				k, _ := f.ReadAt(text, 0)
				f.Close()
				rows[folder] = append(rows[folder], strings.Fields(string(text[:k]))...)
			case !strings.HasPrefix(n, "."):
				rows[folder+"/"+n] = nil
			}
		}
	}
	walk("/out")
	var out []string
	for _, f := range slices.Sorted(maps.Keys(rows)) {
		slices.Sort(rows[f])
		out = append(out, strings.TrimSpace(f+": "+strings.Join(rows[f], " ")))
	}
	return strings.Join(out, ", ")
}

func (s *sinkTest) want(what string) {
	s.t.Helper()
	if got := s.visible(); got != what {
		s.t.Fatalf("visible: %s, want %s", got, what)
	}
}

// TestFolders: rows lie in the folders of their partition, escaped as Flink does, and
// are read from there again.
func TestFolders(t *testing.T) {
	s := newSinkTest(t, partitioned())
	s.put("2026-01-31", 1, "23:59")
	s.put("2026-01-31", 2, "a/b=%")
	s.put("", 3, "x")
	s.put("2026-01-31", 4, "23:59")
	s.want("")
	s.commit()
	s.want("dt=2026-01-31/hm=23%3A59: 1 4, dt=2026-01-31/hm=a%2Fb%3D%25: 2, dt=__DEFAULT_PARTITION__/hm=x: 3")
	src, err := Factory(s.fs).NewSource(s.table, connector.Env{})
	s.must(err)
	got, err := readAll(t, src, []int{0, 1, 2}, 10)
	s.must(err)
	for i := range got {
		got[i], _, _ = strings.Cut(got[i], " @")
	}
	slices.Sort(got)
	if want := "2026-01-31,1,23:59 2026-01-31,2,a/b=% 2026-01-31,4,23:59 NULL,3,x"; strings.Join(got, " ") != want {
		t.Errorf("read: %s, want %s", strings.Join(got, " "), want)
	}
}

// TestCompletion: a partition gets its success file when the watermark has passed its
// time and the delay, once its files are there; by the clock likewise; all of them at
// the end of the input.
func TestCompletion(t *testing.T) {
	s := newSinkTest(t, partitioned(optPolicy, "success-file", optTrigger, "partition-time", optDelay, "1 min", optPattern, "$dt $hm:00"))
	at := func(text string) int64 {
		x, err := time.Parse(time.DateTime, text)
		s.must(err)
		return x.UnixMilli()
	}
	s.put("2026-01-31", 1, "10:00")
	s.put("2026-01-31", 2, "10:01")
	s.w.Advance(at("2026-01-31 10:01:00"))
	s.commit()
	s.want("dt=2026-01-31/hm=10%3A00: 1, dt=2026-01-31/hm=10%3A01: 2")
	s.w.Advance(at("2026-01-31 10:01:00") + 1)
	s.crash(1)
	s.w.Advance(at("2026-01-31 10:01:00") + 1)
	s.prepare()
	s.crash(2) // decided, and not done
	s.want("dt=2026-01-31/hm=10%3A00: 1, dt=2026-01-31/hm=10%3A00/_SUCCESS:, dt=2026-01-31/hm=10%3A01: 2")
	s.w.Advance(vec.MaxTime)
	s.commit()
	s.want("dt=2026-01-31/hm=10%3A00: 1, dt=2026-01-31/hm=10%3A00/_SUCCESS:, dt=2026-01-31/hm=10%3A01: 2, dt=2026-01-31/hm=10%3A01/_SUCCESS:")

	s = newSinkTest(t, partitioned(optPolicy, "success-file", optDelay, "1 min", optSuccess, "DONE"))
	s.put("a", 1, "x")
	s.commit()
	s.now = s.now.Add(time.Minute + time.Second)
	s.put("b", 2, "x")
	s.commit()
	s.want("dt=a/hm=x: 1, dt=a/hm=x/DONE:, dt=b/hm=x: 2")

	s = newSinkTest(t, partitioned(optPolicy, "success-file", optTrigger, "partition-time"))
	s.put("no day", 1, "x")
	s.sink.Seal()
	if _, err := s.sink.Prepare(context.Background(), 1); err == nil || !strings.Contains(err.Error(), "is no time") {
		t.Errorf("a partition without a time: %v", err)
	}
}

// TestRolling: with a policy a file goes on over several commits, and shows when it is
// finished; a crash cuts off what was not committed, and finishes it.
func TestRolling(t *testing.T) {
	for _, by := range [][]string{{optRollInterval, "1 min"}, {optRollSize, "6"}, {optRollQuiet, "1 min"}} {
		s := newSinkTest(t, partitioned(by...))
		s.put("a", 1, "x")
		s.commit()
		s.put("a", 2, "x")
		s.commit()
		s.want("")
		if by[0] != optRollSize {
			s.now = s.now.Add(time.Minute)
			s.put("b", 7, "x")
		} else {
			s.put("a", 3, "x")
		}
		s.commit()
		s.want(map[string]string{optRollSize: "dt=a/hm=x: 1 2 3"}[by[0]] + map[bool]string{true: "dt=a/hm=x: 1 2"}[by[0] != optRollSize])
	}
	for seed := range int64(30) {
		for _, phase := range []string{"written", "prepared", "decided"} {
			s := newSinkTest(t, partitioned(optRollInterval, "1 h"))
			s.put("a", 1, "x")
			s.commit()
			want := "dt=a/hm=x: 1"
			before := s.last
			s.put("a", 2, "x")
			if phase != "written" {
				s.prepare()
			}
			if phase == "decided" {
				want = "dt=a/hm=x: 1 2"
			} else {
				s.last = before
			}
			s.put("a", 3, "x")
			s.crash(seed)
			s.want(want)
			s.put("a", 4, "x")
			s.w.Advance(vec.MaxTime)
			s.commit()
			s.want(want + " 4")
		}
	}
	s := newSinkTest(t, partitioned(optRollInterval, "1 h"))
	s.put("a", 1, "x")
	s.commit()
	s.put("a", 2, "x")
	s.put("b", 3, "x")
	s.must(s.sink.Abort(context.Background()))
	s.want("dt=a/hm=x: 1")
}

func TestBadPartitions(t *testing.T) {
	for _, c := range []struct {
		table connector.Table
		want  string
	}{
		{partitioned(optPolicy, "metastore"), "option 'sink.partition-commit.policy.kind'"},
		{partitioned(optZone, "Nowhere"), "option 'sink.partition-commit.watermark-time-zone'"},
		{testTable("/out", optPolicy, "success-file"), "is not partitioned"},
	} {
		if _, err := Factory(vfs.NewMem()).NewSink(c.table, connector.Env{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

// FuzzToken: no token panics, and what is read is written the same.
func FuzzToken(f *testing.F) {
	f.Add([]byte("finish\ta=1\tpart-0-0-0\nkeep\t\tpart-0-0-1\t12\nmark\ta=1\nwait\ta=2\t1000\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		one, err := decodeToken(b)
		if err != nil {
			return
		}
		two, err := decodeToken(one.encode())
		if err != nil || fmt.Sprint(one) != fmt.Sprint(two) {
			t.Errorf("%q: %v and %v, %v", b, one, two, err)
		}
	})
}
