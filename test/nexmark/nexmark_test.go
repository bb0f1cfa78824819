package nexmark

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/bench/nexmark"
)

// missing are the queries that do not run yet, with what is said of them; one that
// runs fails the test, so that the list stays true.
var missing = map[string]string{
	"q6": "The window can only be ordered by a single time column",
}

// unrecorded are the queries whose answers over the large number of events are not
// recorded yet. Flink takes more than minutes for cep3 over the small one too: thousands of
// bids of one pair lie within its 5 seconds, and each starts a match.
var unrecorded = map[string]bool{"cep3": true}

// variations are run over the small number of events.
var variations = []variation{
	{workers: 1},
	{workers: 2, stepRows: 300},
	{workers: 8},
	{workers: 1, batch: true},
	{workers: 8, batch: true},
	{workers: 2, stepRows: 5_000, kill: "before-prepare", nth: 3},
	{workers: 1, stepRows: 10_000, kill: "after-prepare", nth: 2},
	{workers: 2, stepRows: 20_000, kill: "after-journal", nth: 1},
}

// TestAnswers: every query's final result is Flink's, whichever way it is run.
func TestAnswers(t *testing.T) {
	side := filepath.Join(t.TempDir(), "side.csv")
	if err := nexmark.WriteSide(side); err != nil {
		t.Fatal(err)
	}
	for _, q := range nexmark.Queries() {
		t.Run(q.Name, func(t *testing.T) {
			if reason, ok := missing[q.Name]; ok {
				w, err := newWorld(q, 1000, 2, side, false)
				if err == nil {
					_, err = w.plan(false)
				}
				if err == nil || !strings.Contains(err.Error(), reason) {
					t.Fatalf("said to be missing (%s): %v", reason, err)
				}
				t.Skip(reason)
			}
			for _, events := range sizes {
				if !recordedOver(q, events) {
					continue
				}
				if _, err := os.Stat(path(q.Name, events)); err != nil && unrecorded[q.Name] && (events > sizes[0] || q.Name == "cep3") {
					t.Logf("%d events: Flink's answer is not recorded yet", events)
					continue
				}
				want, err := read(path(q.Name, events))
				if errors.Is(err, fs.ErrNotExist) {
					t.Fatalf("no answer of Flink's is recorded: make oracle")
				}
				if err != nil {
					t.Fatal(err)
				}
				ways := variations
				if events > sizes[0] {
					ways = []variation{{workers: 2}}
					if testing.Short() {
						ways = nil
					}
				}
				for _, v := range ways {
					if v.batch && q.Total >= 0 {
						continue // processing time
					}
					began := time.Now()
					hold(t, q, events, side, v, want)
					t.Logf("%d events, %s: %s", events, v, time.Since(began).Round(time.Millisecond))
				}
			}
		})
	}
}

// TestDigests: the digests that the benchmark goes by are those of the recorded rows,
// and a recorded answer that has all of its rows has their digest.
func TestDigests(t *testing.T) {
	for _, q := range nexmark.Queries() {
		for _, events := range sizes {
			r, err := read(path(q.Name, events))
			if errors.Is(err, fs.ErrNotExist) || strings.HasPrefix(q.Name, "cep") {
				continue // see inOrder
			}
			if err != nil {
				t.Fatal(err)
			}
			d, err := nexmark.Answer(q, events)
			if err != nil || d == nil || len(d.Differ(r.digest)) > 0 || d.Total != r.digest.Total {
				t.Errorf("%s over %d events: answers.txt says something else than %s (%v)", q.Name, events, path(q.Name, events), err)
			}
			if r.all && q.Total < 0 && int64(len(r.rows)) != r.digest.Rows() {
				t.Errorf("%s over %d events: %d rows, and a digest of %d", q.Name, events, len(r.rows), r.digest.Rows())
			}
		}
	}
}

// hold runs a query one way and compares.
func hold(t *testing.T, q nexmark.Query, events int64, side string, v variation, want *recorded) {
	t.Helper()
	got, err := answer(q, events, side, v, false)
	if err != nil {
		t.Fatalf("%d events, %s: %v", events, v, err)
	}
	if len(got.Result().Differ(want.digest)) == 0 && got.Result().Total == want.digest.Total {
		return
	}
	t.Errorf("%d events, %s: %d rows, total %d; Flink has %d, total %d", events, v, got.Result().Rows(), got.Result().Total, want.digest.Rows(), want.digest.Total)
	if got, err = answer(q, events, side, v, true); err == nil {
		t.Error(difference(want, got))
	}
}

func answer(q nexmark.Query, events int64, side string, v variation, rows bool) (*nexmark.Ledger, error) {
	w, err := newWorld(q, events, 2, side, rows)
	if err == nil {
		w, err = w.run(v)
	}
	if err != nil {
		return nil, err
	}
	return w.ledger, nil
}

// difference shows rows that one has and the other has not: all of them if all are
// recorded, otherwise those of the sample that are not there.
func difference(want *recorded, got *nexmark.Ledger) string {
	rows := got.Rows()
	var b strings.Builder
	shown := 0
	show := func(sign, row string) {
		if shown++; shown <= 20 {
			fmt.Fprintf(&b, "%s %s\n", sign, row)
		}
	}
	for _, row := range want.rows {
		if rows[row]--; rows[row] < 0 {
			show("Flink has   ", row)
		}
	}
	if want.all {
		for _, row := range slices.Sorted(maps.Keys(rows)) {
			if rows[row] > 0 {
				show("millrace has", row)
			}
		}
	}
	if !want.all {
		fmt.Fprintf(&b, "(%d of Flink's rows are recorded)\n", len(want.rows))
	}
	return b.String()
}
