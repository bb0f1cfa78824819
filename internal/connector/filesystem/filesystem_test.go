package filesystem

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/connector"
	_ "github.com/millrace/millrace/internal/format/csv"
	_ "github.com/millrace/millrace/internal/format/json"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
	"github.com/millrace/millrace/internal/vfs"
)

// write makes a file, durable with its name.
func write(t *testing.T, fs vfs.FS, path string, content []byte) {
	t.Helper()
	if err := fs.MkdirAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	f, err := fs.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(content) > 0 {
		if _, err := f.WriteAt(content, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := fs.SyncDir(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
}

func gzipped(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(text))
	z.Close()
	return b.Bytes()
}

// testTable is a table of an INT, a STRING and the file's name.
func testTable(path string, options ...string) connector.Table {
	o := connector.Options{"path": path, "format": "csv"}
	for i := 0; i < len(options); i += 2 {
		o[options[i]] = options[i+1]
	}
	return connector.Table{
		Path: [3]string{"c", "d", "files"}, Dir: "/scripts", Options: o,
		Columns: []connector.Column{{Name: "a", Type: types.TInt}, {Name: "b", Type: types.TString}, {Name: "f", Type: types.TString, Metadata: "file.name", Virtual: true}},
	}
}

func newSource(t *testing.T, fs vfs.FS, table connector.Table) connector.Source {
	t.Helper()
	s, err := Factory(fs).NewSource(table, connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// drain reads a split, max rows at a time, and gives its rows, with the reader's name
// of each behind it, or the error it ends with.
func drain(r connector.Reader, max int) (rows []string, err error) {
	for !r.Status().Done {
		b, err := r.Poll(max)
		if err != nil {
			return rows, err
		}
		if b == nil {
			break
		}
		for i := range b.N {
			rows = append(rows, line(b, i)+" @ "+r.Where(i))
		}
	}
	return rows, nil
}

func line(b *vec.Batch, i int) string {
	var cells []string
	for _, c := range b.Cols {
		if c.IsNull(i) {
			cells = append(cells, "NULL")
			continue
		}
		cells = append(cells, string(vec.AppendText(nil, c, i)))
	}
	return strings.Join(cells, ",")
}

func readAll(t *testing.T, s connector.Source, columns []int, max int) (rows []string, err error) {
	t.Helper()
	splits, err := s.Splits(context.Background())
	if err != nil {
		return nil, err
	}
	for _, split := range splits {
		r, err := s.Open(context.Background(), split, columns, func() {})
		if err != nil {
			return rows, err
		}
		more, err := drain(r, max)
		r.Close()
		if rows = append(rows, more...); err != nil {
			return rows, err
		}
	}
	return rows, nil
}

// TestRead: a folder's files in the order of their names, hidden ones left out,
// compressed ones told by their ending, a path that starts from the script's folder.
func TestRead(t *testing.T) {
	fs := vfs.NewMem()
	write(t, fs, "/scripts/in/b.csv.gz", gzipped("3,z\n\n4,\"two\nlines\"\n5,last"))
	write(t, fs, "/scripts/in/a.csv", []byte("1,x\r\n2,y\n"))
	write(t, fs, "/scripts/in/.hidden", []byte("9,no\n"))
	write(t, fs, "/scripts/in/_temporary", []byte("9,no\n"))
	write(t, fs, "/scripts/in/sub/c.csv", []byte("6,deep\n"))
	write(t, fs, "/scripts/in/empty.csv", nil)
	want := []string{
		"1,x,a.csv @ /scripts/in/a.csv, line 1", "2,y,a.csv @ /scripts/in/a.csv, line 2",
		"3,z,b.csv.gz @ /scripts/in/b.csv.gz, line 1", "4,two\nlines,b.csv.gz @ /scripts/in/b.csv.gz, line 3", "5,last,b.csv.gz @ /scripts/in/b.csv.gz, line 5",
		"6,deep,c.csv @ /scripts/in/sub/c.csv, line 1",
	}
	for _, max := range []int{1, 2, 100} {
		got, err := readAll(t, newSource(t, fs, testTable("in")), []int{0, 1, 2}, max)
		if err != nil || strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("at most %d at a time: %q, %v", max, got, err)
		}
	}
	got, err := readAll(t, newSource(t, fs, testTable("file:///scripts/in/a.csv")), []int{1}, 10)
	if err != nil || len(got) != 2 || !strings.HasPrefix(got[0], "x @") {
		t.Errorf("one column of one file: %q, %v", got, err)
	}
}

// TestResume: from every position that a reader gives, another goes on with exactly
// the rows that are left, in plain files and in compressed ones.
func TestResume(t *testing.T) {
	const text = "1,x\n2,\"a\nb\"\n\n3,z\n4,end"
	for name, content := range map[string][]byte{"f.csv": []byte(text), "f.csv.gz": gzipped(text)} {
		fs := vfs.NewMem()
		write(t, fs, "/scripts/"+name, content)
		s := newSource(t, fs, testTable(name))
		all, err := readAll(t, s, []int{0, 1}, 1)
		if err != nil || len(all) != 4 {
			t.Fatalf("%s: %q, %v", name, all, err)
		}
		splits, _ := s.Splits(context.Background())
		for stop := range len(all) + 1 {
			r, err := s.Open(context.Background(), splits[0], []int{0, 1}, func() {})
			if err != nil {
				t.Fatal(err)
			}
			for range stop {
				if _, err := r.Poll(1); err != nil {
					t.Fatal(err)
				}
			}
			again, err := s.Open(context.Background(), connector.Split{ID: splits[0].ID, Start: r.Position()}, []int{0, 1}, func() {})
			if err != nil {
				t.Fatal(err)
			}
			rest, err := drain(again, 10)
			if err != nil || strings.Join(rest, "|") != strings.Join(all[stop:], "|") {
				t.Errorf("%s after %d rows: %q, %v", name, stop, rest, err)
			}
			r.Close()
			again.Close()
		}
	}
}

// TestBadInput: what a person reads names the file, the line, the column and the text.
func TestBadInput(t *testing.T) {
	fs := vfs.NewMem()
	write(t, fs, "/scripts/bad.csv", []byte("1,x\n2,y\nz3,z\n"))
	write(t, fs, "/scripts/cut.csv.gz", gzipped(strings.Repeat("1,a long row that is not repeated\n", 1000))[:60])
	write(t, fs, "/scripts/no.csv.gz", []byte("1,not compressed\n"))
	for _, c := range []struct{ path, want string }{
		{"bad.csv", "/scripts/bad.csv, line 3, column a: 'z3' is not an INT"},
		{"cut.csv.gz", "/scripts/cut.csv.gz, after line "},
		{"no.csv.gz", "table files: cannot read '/scripts/no.csv.gz': it is no gzip file, though its name ends as one's does"},
		{"none.csv", "table files: cannot read '/scripts/none.csv': file does not exist"},
	} {
		_, err := readAll(t, newSource(t, fs, testTable(c.path)), []int{0, 1}, 10)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.path, err, c.want)
		}
	}
	got, err := readAll(t, newSource(t, fs, testTable("bad.csv", "csv.ignore-parse-errors", "true")), []int{0, 1}, 10)
	if err != nil || len(got) != 3 || !strings.HasPrefix(got[2], "NULL,z @") {
		t.Errorf("with ignore-parse-errors: %q, %v", got, err)
	}
	// A file that lost its end while a job that had read more of it was down.
	s := newSource(t, fs, testTable("bad.csv"))
	_, err = s.Open(context.Background(), connector.Split{ID: "/scripts/bad.csv", Start: place{offset: 100, line: 9}.encode()}, []int{0}, func() {})
	if err == nil || !strings.Contains(err.Error(), "is shorter than when the job began to read it") {
		t.Errorf("a file that shrank: %v", err)
	}
	if _, err := s.Open(context.Background(), connector.Split{ID: "/scripts/bad.csv", Start: []byte("x")}, []int{0}, func() {}); err == nil {
		t.Error("a position of one byte is taken")
	}
}

// visible are the rows of the files that have their names.
func visible(t *testing.T, fs vfs.FS) []string {
	t.Helper()
	rows, err := readAll(t, newSource(t, fs, sinkTable()), []int{0}, 100)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		rows[i], _, _ = strings.Cut(rows[i], " @")
	}
	return rows
}

func sinkTable() connector.Table {
	table := testTable("/out")
	table.Columns = table.Columns[:1]
	return table
}

func openSink(t *testing.T, fs vfs.FS, identity, token []byte) (connector.Sink, connector.Writer) {
	t.Helper()
	s, err := Factory(fs).NewSink(sinkTable(), connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Recover(context.Background(), identity, token); err != nil {
		t.Fatal(err)
	}
	w, err := s.Writer(context.Background(), 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	return s, w
}

func put(t *testing.T, w connector.Writer, values ...int64) {
	t.Helper()
	v := vec.NewBuilder(types.TInt, len(values))
	for _, x := range values {
		v.AppendAny(x)
	}
	if err := w.Write(&vec.Batch{N: len(values), Cols: []*vec.Vector{v.Finish()}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}

// TestCommit crashes a job in every phase of a commit, beside which it writes the next
// epoch, with random parts of its unsynced writes kept: recovered with the last token
// that is durable, the committed epochs' rows are there once each, and no other.
func TestCommit(t *testing.T) {
	ctx := context.Background()
	for seed := range int64(50) {
		for _, phase := range []string{"written", "prepared", "decided", "committed"} {
			fs := vfs.NewMem()
			s, w := openSink(t, fs, []byte("0a"), nil)
			put(t, w, 1, 2)
			s.Seal()
			token, err := s.Prepare(ctx, 1)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Commit(ctx, token); err != nil {
				t.Fatal(err)
			}
			durable, want := token, "1,2"
			put(t, w, 3)
			s.Seal()
			put(t, w, 9)
			if phase != "written" {
				if token, err = s.Prepare(ctx, 2); err != nil {
					t.Fatal(err)
				}
			}
			if phase == "decided" || phase == "committed" {
				durable, want = token, "1,2,3"
			}
			if phase == "committed" {
				if err := s.Commit(ctx, token); err != nil {
					t.Fatal(err)
				}
			}
			after := fs.CrashClone(vfs.CrashOptions{Seed: seed, UnsyncedDataPercent: 50})
			s, w = openSink(t, after, []byte("0a"), durable)
			if got := strings.Join(visible(t, after), ","); got != want {
				t.Fatalf("seed %d, crashed when %s: %s, want %s", seed, phase, got, want)
			}
			names, _ := after.List("/out")
			if strings.Contains(fmt.Sprint(names), "inprogress") {
				t.Fatalf("seed %d, crashed when %s: %v", seed, phase, names)
			}
			put(t, w, 4)
			s.Seal()
			if token, err = s.Prepare(ctx, 3); err != nil {
				t.Fatal(err)
			}
			put(t, w, 5)
			if err := s.Commit(ctx, token); err != nil {
				t.Fatal(err)
			}
			if err := s.Commit(ctx, token); err != nil {
				t.Fatalf("a commit that is repeated: %v", err)
			}
			if got := strings.Join(visible(t, after), ","); got != want+",4" {
				t.Fatalf("seed %d, crashed when %s, after one more epoch: %s", seed, phase, got)
			}
		}
	}
}

// TestAbort: what was written and not committed is gone, however far it had come; an
// epoch without rows makes no file and no token.
func TestAbort(t *testing.T) {
	fs, ctx := vfs.NewMem(), context.Background()
	s, w := openSink(t, fs, []byte("0b"), nil)
	s.Seal()
	if token, err := s.Prepare(ctx, 1); token != nil || err != nil {
		t.Errorf("an epoch without rows: %q, %v", token, err)
	}
	put(t, w, 1)
	s.Seal()
	if token, err := s.Prepare(ctx, 2); token == nil || err != nil {
		t.Errorf("an epoch with a row: %q, %v", token, err)
	}
	put(t, w, 2)
	s.Seal()
	put(t, w, 3)
	if err := s.Abort(ctx); err != nil {
		t.Fatal(err)
	}
	if names, err := fs.List("/out"); len(names) != 0 || err != nil {
		t.Errorf("after Abort: %v, %v", names, err)
	}
}
