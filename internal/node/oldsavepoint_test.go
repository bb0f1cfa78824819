package node

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/engine/savepoint"
	"github.com/millrace/millrace/internal/sql/session"
	"github.com/millrace/millrace/internal/vfs"
)

// save makes the savepoint of the present version anew. Those of earlier versions stay as
// they are: a change of the format gets another directory.
var save = flag.Bool("save-savepoint", false, "write testdata/savepoints of the present format anew")

// oldRows are how many rows the job had been sent when it was saved.
const oldRows = 120

// TestOldSavepoints restores savepoints that earlier versions wrote. They hold windows, a
// join, an aggregate and a Top-N with their state, and must be restored by every later
// version: by the format, by the operators' identities, and by what state means. The file
// before lists what the saved job had written.
func TestOldSavepoints(t *testing.T) {
	if *save {
		saveSavepoint(t, fmt.Sprintf("testdata/savepoints/v%d", savepoint.FormatVersion))
	}
	dirs, err := filepath.Glob("testdata/savepoints/v*")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("%v, %v", dirs, err)
	}
	for _, dir := range dirs {
		for _, parallelism := range []int{1, 2, 3} {
			t.Run(fmt.Sprintf("%s/%d", filepath.Base(dir), parallelism), func(t *testing.T) { restoreOld(t, dir, parallelism) })
		}
	}
}

func saveSavepoint(t *testing.T, dir string) {
	f := newFlow(t, 7, 2)
	defer f.node.Close()
	f.rows(oldRows)
	for f.job.Status().Progress.RowsRead < oldRows {
		time.Sleep(time.Millisecond)
	}
	at, err := f.job.Stop(context.Background(), "/savepoints")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	names, err := f.fs.List(at)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), readAll(t, f.fs, path.Join(at, name)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var before strings.Builder
	for table := range flowAnswers {
		for _, row := range f.written(table) {
			fmt.Fprintf(&before, "%s %s\n", table, row)
		}
	}
	lines := strings.SplitAfter(before.String(), "\n")
	slices.Sort(lines)
	if err := os.WriteFile(filepath.Join(dir, "before"), []byte(strings.Join(lines, "")), 0o644); err != nil {
		t.Fatal(err)
	}
}

func restoreOld(t *testing.T, dir string, parallelism int) {
	f := newFlow(t, 7, 2)
	defer func() { f.node.Close() }()
	// The same rows in topics of the same names; whatever the job here makes of them is
	// not looked at.
	f.rows(oldRows)
	if err := f.job.End(context.Background()); err != nil {
		t.Fatal(err)
	}
	f.skip = map[string]int{}
	for table := range flowAnswers {
		f.skip[table] = f.records(table)
	}
	f.before = map[string][]string{}
	text, err := os.ReadFile(filepath.Join(dir, "before"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		table, row, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		f.before[table] = append(f.before[table], row)
	}
	f.rehome(dir, "/savepoints/old")
	r, err := f.node.Restore(context.Background(), session.RestoreOptions{Savepoint: "/savepoints/old", Parallelism: parallelism})
	if err != nil {
		t.Fatal(err)
	}
	f.job = r.(*job)
	f.rows(60)
	f.finish()
}

// rehome copies a savepoint with the ids of this node's topics in its positions: they would
// be refused otherwise, as those of topics that were made anew.
func (f *flow) rehome(from, to string) {
	f.t.Helper()
	sp, err := savepoint.Open(vfs.OS, from)
	if err != nil {
		f.t.Fatal(err)
	}
	defer sp.Close()
	for s, src := range sp.State.Begin.Sources {
		for i, split := range src.Splits {
			id := f.node.broker.Metadata().Topic(split.ID[:strings.LastIndexByte(split.ID, '-')]).ID
			for _, position := range [][]byte{split.Start, sp.State.Splits[s][i].Position} {
				copy(position, id[:])
			}
		}
	}
	m := *sp.Manifest
	if err := savepoint.Write(context.Background(), f.fs, to, sp.State, &m); err != nil {
		f.t.Fatal(err)
	}
}

func readAll(t *testing.T, fs vfs.FS, name string) []byte {
	t.Helper()
	file, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	size, err := file.Size()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	if _, err := file.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(b)
}
