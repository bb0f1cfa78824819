package node

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/engine"
	"github.com/millrace/millrace/internal/sql/session"
	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

// TestDamagedMemory damages each record of the system topic in turn, and all after it:
// the node starts, keeps what is not damaged, and no job goes on whose tables or end are
// not known.
func TestDamagedMemory(t *testing.T) {
	const script = `CREATE TABLE a (x INT) WITH ('topic' = 'a');
CREATE TABLE b (x INT) WITH ('topic' = 'b');
INSERT INTO b SELECT x FROM a;
CREATE TABLE c (x INT) WITH ('topic' = 'c');`
	fs := vfs.NewMem()
	n := openMemory(t, fs, nil)
	run := session.New(n, session.Options{})
	for _, stmt := range strings.Split(strings.TrimSuffix(script, ";"), ";\n") {
		if _, err := run.Execute(context.Background(), stmt); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		record int    // from which on all are damaged; to is the last
		to     int    // -1: all
		tables string // that are there
		state  engine.State
	}{
		{0, 0, "b c", engine.Failed},
		{1, 1, "a c", engine.Failed},
		{2, 2, "a b c", engine.Failed}, // its journal is there
		{3, 3, "a b", engine.Failed},
		{1, -1, "a", engine.Failed},
	} {
		clone := fs.CrashClone(vfs.CrashOptions{UnsyncedDataPercent: 100})
		damageRecords(t, clone, c.record, c.to)
		var reports []string
		n := openMemory(t, clone, func(line string) { reports = append(reports, line) })
		tables, err := n.shared.Catalog.Tables("default_catalog", "default_database")
		if err != nil || strings.Join(tables, " ") != c.tables {
			t.Errorf("records %d to %d: tables %v, %v; want %s", c.record, c.to, tables, err, c.tables)
		}
		var state engine.State
		for _, j := range n.Jobs() {
			state = j.Status().State
		}
		if state != c.state {
			t.Errorf("records %d to %d: the job is %q, want %q", c.record, c.to, state, c.state)
		}
		if !strings.Contains(strings.Join(reports, "\n"), "topic __millrace is damaged from offset ") {
			t.Errorf("records %d to %d: said %q", c.record, c.to, reports)
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
}

func openMemory(t *testing.T, fs *vfs.Mem, report func(string)) *Node {
	t.Helper()
	n, err := Open(Config{files: fs, Report: report})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// damageRecords flips a bit in the batches of the system topic's records from one to
// another, -1 for the last.
func damageRecords(t *testing.T, fs *vfs.Mem, from, to int) {
	t.Helper()
	damageTopic(t, fs, systemTopic, from, to)
}

func damageTopic(t *testing.T, fs *vfs.Mem, topic string, from, to int) {
	t.Helper()
	f, err := fs.OpenReadWrite(filepath.Join("data", topic+"-0", "00000000000000000000.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Size()
	b := make([]byte, size)
	if _, rerr := f.ReadAt(b, 0); errors.Join(err, rerr) != nil {
		t.Fatal(err, rerr)
	}
	rest := b
	for n := 0; len(rest) > 0; n++ {
		batch, tail, err := wire.ParseBatch(rest)
		if err != nil {
			break // space that was given to the file ahead
		}
		if n >= from && (to < 0 || n <= to) {
			batch[len(batch)-2] ^= 1
		}
		rest = tail
	}
	if _, err := f.WriteAt(b, 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
}
