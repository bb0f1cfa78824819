package engine

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/engine/journal"
	"github.com/millrace/millrace/internal/wire"
)

// TestFormatVersion1: a journal that was written before snapshots came in pieces
// (testdata/journal/v1: 14 epochs of two workers, a full run among them, and killed
// before the last became visible) is read, and gone on with in the present format.
func TestFormatVersion1(t *testing.T) {
	old, err := os.ReadFile("testdata/journal/v1")
	if err != nil {
		t.Fatal(err)
	}
	for _, workers := range []int{1, 2, 3} {
		w := &world{filledTopic(3, 200, 7), newMemLog(), newLedger()}
		for rest := old; len(rest) > 0; {
			var b wire.Batch
			if b, rest, err = wire.ParseBatch(rest); err != nil {
				t.Fatal(err)
			}
			if w.journal.batches == nil {
				w.journal.start = b.BaseOffset()
			}
			w.journal.batches, w.journal.end = append(w.journal.batches, slices.Clone(b)), b.NextOffset()
		}
		rec, err := journal.Open(w.journal)
		if err != nil || rec.Epoch != 14 {
			t.Fatalf("%+v, %v", rec, err)
		}
		read := 0
		for _, s := range rec.Splits[0] {
			read += decodePos(s.Position)
		}
		// What the journal's sink was given before the last epoch is not in the file.
		w.ledger.done[14] = true
		config := Config{Workers: workers, StepRows: 5, CommitInterval: 1, SnapshotBytes: 900, SnapshotPiece: 50}
		if err := w.job(config).Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		want := expected(200, 7)
		if len(w.ledger.committed) != len(want)-read || read < 100 {
			t.Fatalf("%d rows committed after %d", len(w.ledger.committed), read)
		}
		for _, row := range w.ledger.committed {
			i := slices.Index(want, row)
			if i < 0 {
				t.Fatalf("%s is wrong or there twice", row)
			}
			want = slices.Delete(want, i, i+1)
		}
		// The counts that are left are those before the kill: the lower ones of each key.
		for k := range 7 {
			for n := range 200 {
				if slices.Contains(want, fmt.Sprintf("+I %d %d", k, n+2)) && !slices.Contains(want, fmt.Sprintf("+I %d %d", k, n+1)) && n > 0 {
					t.Fatalf("key %d has a hole before %d", k, n+2)
				}
			}
		}
		if rec, err = journal.Open(w.journal); err != nil || !rec.Finished {
			t.Fatal(rec, err)
		}
	}
}

// TestSnapshotsKeepTheJournalSmall: with pieces of any size the journal stays
// within a few times its state, and each epoch of it can be recovered.
func TestSnapshotsKeepTheJournalSmall(t *testing.T) {
	for _, piece := range []int{40, 200, 1 << 20} {
		w := &world{filledTopic(2, 20_000, 20), newMemLog(), newLedger()}
		largest, snapshots, start := 0, 0, int64(0)
		config := Config{StepRows: 3, CommitInterval: 1, SnapshotBytes: 1000, SnapshotPiece: piece, Workers: 2}
		config.Hook = func(p string) {
			if p != "after-commit" {
				return
			}
			n := 0
			for _, b := range w.journal.batches {
				n += len(b)
			}
			largest = max(largest, n)
			if w.journal.start > start {
				start = w.journal.start
				snapshots++
			}
			if _, err := journal.Open(w.journal); err != nil {
				t.Error(err)
			}
		}
		if err := w.job(config).Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		w.check(t, expected(20_000, 20))
		if largest > 10_000 || snapshots < 3 {
			t.Fatalf("pieces of %d: the journal grew to %d bytes, with %d snapshots", piece, largest, snapshots)
		}
	}
}

func TestPieceTime(t *testing.T) {
	for _, c := range []struct {
		epoch  time.Duration
		behind float64
		want   time.Duration
	}{
		{time.Millisecond, 0, leastPiece}, {100 * time.Millisecond, 0.5, 10 * time.Millisecond},
		{time.Second, 0, mostPiece}, {time.Millisecond, 1.5, mostPiece},
	} {
		if got := pieceTime(c.epoch, c.behind); got != c.want {
			t.Errorf("epoch of %v, behind %v: %v, want %v", c.epoch, c.behind, got, c.want)
		}
	}
}
