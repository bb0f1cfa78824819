package journal

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestJournal runs scripts of runs, crashes and damage:
//
//	begin                      the first run of a job with two splits and a sink
//	run [full] [begin] [complete] [open] [pos=…] [state=…] [piece=…] [token=…] [finished]
//	                           an epoch's run; open: without its commit record;
//	                           begin, complete: a snapshot's first and last run
//	damage offset=… [header]   flips a bit of the batch there
//	trim                       what the engine does after a full run
//	restart                    recovers and prints what it finds
//	log                        prints the log's offsets
func TestJournal(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &script{log: &memLog{}}
		s.w = NewWriter(s.log, nil)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			out, err := s.do(t, d)
			if err != nil {
				return out + "error: " + err.Error() + "\n"
			}
			return out
		})
	})
}

type script struct {
	log   *memLog
	w     *Writer
	epoch int64
}

var testBegin = &Begin{
	JobID: "job", MaxParallelism: 128, Nodes: []string{"scan", "agg", "sink"},
	Sources: []Source{{Node: 0, Splits: []Split{{ID: "t-0", Start: []byte("s0")}, {ID: "t-1", Start: []byte("s1"), End: []byte("e1")}}}},
	Sinks:   []Sink{{Node: 2, Identity: []byte("me")}},
}

func (s *script) do(t *testing.T, d *datadriven.TestData) (string, error) {
	switch d.Cmd {
	case "begin":
		s.w.Open(0, true, 0)
		s.w.Begin(testBegin)
		return "", s.w.Commit(context.Background(), &Commit{Time: time.UnixMilli(1)})
	case "run":
		return s.run(t, d)
	case "damage":
		var offset int64
		d.ScanArgs(t, "offset", &offset)
		b, err := s.log.find(offset)
		if err != nil {
			return "", err
		}
		if d.HasArg("header") {
			b[8] ^= 0x40 // the length
		} else {
			b[len(b)-1] ^= 1
		}
		return "", nil
	case "trim":
		return fmt.Sprintf("due %v\n", s.w.Due()), s.w.Trim()
	case "restart":
		rec, err := Open(s.log)
		if err != nil {
			return "", err
		}
		s.w = NewWriter(s.log, rec)
		if rec != nil {
			s.epoch = rec.Epoch
		}
		return printRecovered(rec, s.w)
	case "log":
		out := fmt.Sprintf("start %d, end %d:", s.log.start, s.log.end)
		for _, b := range s.log.batches {
			out += fmt.Sprintf(" %d-%d", b.BaseOffset(), b.LastOffset())
		}
		return out + "\n", nil
	}
	return "", fmt.Errorf("unknown command %q", d.Cmd)
}

func (s *script) run(t *testing.T, d *datadriven.TestData) (string, error) {
	s.epoch++
	s.w.Open(s.epoch, d.HasArg("full"), s.epoch)
	if d.HasArg("full") || d.HasArg("begin") {
		s.w.Begin(testBegin)
	}
	if d.HasArg("complete") {
		s.w.Complete()
	}
	c := &Commit{Time: time.UnixMilli(s.epoch), Finished: d.HasArg("finished")}
	for _, arg := range d.CmdArgs {
		switch arg.Key {
		case "state":
			for _, v := range arg.Vals {
				if err := s.w.State(1, 0, []byte(v)); err != nil {
					return "", err
				}
			}
		case "piece":
			for _, v := range arg.Vals {
				if err := s.w.Piece(1, 0, []byte(v)); err != nil {
					return "", err
				}
			}
		case "pos":
			for i, v := range arg.Vals {
				c.Splits = append(c.Splits, SplitMark{Split: i, Position: []byte(v), Watermark: s.epoch})
			}
		case "token":
			c.Tokens = append(c.Tokens, Token{Token: []byte(arg.Vals[0])})
		}
	}
	c.Nodes = []NodeMark{{Node: 1, Watermark: s.epoch, Counters: []int64{s.epoch}}}
	if d.HasArg("open") {
		s.w.flush(&s.w.mu.pieces)
		s.w.flush(&s.w.mu.main)
		return "", s.w.mu.err
	}
	return "", s.w.Commit(context.Background(), c)
}

func printRecovered(rec *Recovered, w *Writer) (string, error) {
	if rec == nil {
		return "empty\n", nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "epoch %d at %d ms", rec.Epoch, rec.Time.UnixMilli())
	if rec.Finished {
		b.WriteString(", finished")
	}
	for _, s := range rec.Splits[0] {
		fmt.Fprintf(&b, "\nsplit %d at %q, watermark %d", s.Split, s.Position, s.Watermark)
	}
	fmt.Fprintf(&b, "\nagg: watermark %d, counters %v\ntoken %q\nstate", rec.Nodes[1].Watermark, rec.Nodes[1].Counters, rec.Tokens[0])
	err := rec.State(func(node, worker int, delta []byte) error {
		fmt.Fprintf(&b, " %s", delta)
		return nil
	})
	b.WriteString("\n")
	for _, d := range rec.Damage {
		fmt.Fprintf(&b, "%s\n", d)
	}
	if !reflect.DeepEqual(rec.Begin, testBegin) {
		err = fmt.Errorf("begin record is %+v", rec.Begin)
	}
	if w.Due() {
		b.WriteString("a snapshot is due\n")
	}
	return b.String(), err
}

// TestBounded: however long a job runs, its journal has about twice the size of
// its state, or what is always allowed.
func TestBounded(t *testing.T) {
	log := &memLog{}
	w := NewWriter(log, nil)
	w.SnapshotBytes = 10 << 10
	delta := make([]byte, 300)
	size := func() (n int) {
		for _, b := range log.batches {
			n += len(b)
		}
		return n
	}
	for epoch := range int64(1000) {
		full := w.Due()
		w.Open(epoch, full, 0)
		if full {
			w.Begin(testBegin)
			if err := w.Piece(1, 0, delta); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.State(1, 0, delta); err != nil {
			t.Fatal(err)
		}
		if err := w.Commit(context.Background(), &Commit{}); err != nil {
			t.Fatal(err)
		}
		if full {
			if err := w.Trim(); err != nil {
				t.Fatal(err)
			}
		}
		if n := size(); n > 12<<10 {
			t.Fatalf("epoch %d: the journal has %d bytes", epoch, n)
		}
	}
	if rec, err := Open(log); err != nil || rec.Epoch != 999 {
		t.Fatal(rec, err)
	}
}

// TestManyBatches: a run larger than a batch, or than a read, is one epoch.
func TestManyBatches(t *testing.T) {
	log := &memLog{}
	w := NewWriter(log, nil)
	w.Open(0, true, 0)
	w.Begin(testBegin)
	piece := make([]byte, 300<<10)
	for i := range 20 {
		piece[0] = byte(i)
		if err := w.Piece(1, i, piece); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(context.Background(), &Commit{}); err != nil {
		t.Fatal(err)
	}
	if len(log.batches) < 5 {
		t.Fatalf("%d batches", len(log.batches))
	}
	for cut := range len(log.batches) {
		torn := log.clone()
		torn.batches = torn.batches[:cut]
		torn.end = 0
		if cut > 0 {
			torn.end = torn.batches[cut-1].NextOffset()
		}
		if rec, err := Open(torn); rec != nil || err != nil {
			t.Fatalf("cut to %d batches: %v, %v", cut, rec, err)
		}
	}
	rec, err := Open(log)
	if err != nil {
		t.Fatal(err)
	}
	next := 0
	if err := rec.State(func(node, worker int, delta []byte) error {
		if worker != next || delta[0] != byte(next) || len(delta) != len(piece) {
			return fmt.Errorf("piece %d: worker %d, %d bytes", next, worker, len(delta))
		}
		next++
		return nil
	}); err != nil || next != 20 {
		t.Fatal(next, err)
	}
}

func FuzzRecords(f *testing.F) {
	f.Add(openRecord{epoch: 7, full: true, follows: 9, chained: true}.append(nil))
	f.Add(testBegin.append(nil))
	c := &Commit{
		Epoch: 3, Splits: []SplitMark{{Split: 1, Position: []byte("p"), Watermark: -1, Idle: true}},
		Nodes: []NodeMark{{Node: 1, Counters: []int64{1, 2}}}, Tokens: []Token{{Token: []byte{}}},
	}
	f.Add(c.append(nil, extent{records: 4, complete: true, snapshot: 5, pieces: []span{{1, 2}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		// What is read of version 1 is written as the present version.
		if x, err := parseOpen(b); err == nil {
			x.chained = true
			if y, err := parseOpen(x.append(nil)); err != nil || x != y {
				t.Fatal(x, y, err)
			}
		}
		if x, err := parseBegin(b); err == nil {
			y, err := parseBegin(x.append(nil))
			if err != nil || !reflect.DeepEqual(x, y) {
				t.Fatal(x, y, err)
			}
		}
		if x, n, err := parseCommit(b, testBegin); err == nil {
			y, m, err := parseCommit(x.append(nil, n), testBegin)
			if err != nil || !reflect.DeepEqual(n, m) || !reflect.DeepEqual(x, y) {
				t.Fatal(x, y, err)
			}
		}
		_, _, _, _ = parseState(b)
	})
}
