package engine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/internal/engine/operator"
)

// TestAlignment: of two sources in a group the full one waits for the slow one, and
// goes on when that does, in a job that sleeps in between.
func TestAlignment(t *testing.T) {
	for _, workers := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			full, slow := newTopic(3), newTopic(2)
			for i := range 3000 {
				full.append(i%3, time.Now(), row{ts: int64(i)})
			}
			g := &Graph{Nodes: []*Node{
				scan(full), scan(slow),
				opNode("union", operator.NewUnion, Input{}, Input{Node: 1}),
				sinkNode(newLedgerSink(newLedger()), Input{Node: 2}),
			}}
			g.Nodes[1].ID = "slow"
			for _, n := range g.Nodes[:2] {
				n.Source.Alignment = Alignment{Group: "g", MaxDrift: 100 * time.Millisecond}
				n.Source.IdleTimeout = time.Minute
			}
			ctx, cancel := context.WithCancel(t.Context())
			j := NewJob(JobSpec{Graph: g, Config: Config{Workers: workers, StepRows: 12}})
			done := make(chan error)
			go func() { done <- j.Run(ctx) }()
			defer func() { cancel(); <-done }()
			read := func() (full, slow int64) {
				synctest.Wait()
				s := j.Status()
				return s.Nodes[0].RowsOut, s.Nodes[1].RowsOut
			}
			for at := int64(0); at <= 1000; at += 250 {
				slow.append(0, time.Now(), row{ts: at})
				slow.append(1, time.Now(), row{ts: at + 20})
				// Each split may overshoot by what is read of it at a time.
				if n, _ := read(); n < at+100 || n > at+100+3*12 {
					t.Fatalf("%d workers: %d rows of the full source were read at %d", workers, n, at)
				}
			}
			time.Sleep(2 * time.Minute)
			if n, m := read(); n != 3000 || m != 10 {
				t.Fatalf("%d workers: %d and %d rows were read with the slow source idle", workers, n, m)
			}
		})
	}
}
