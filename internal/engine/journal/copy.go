package journal

import (
	"context"
	"fmt"
)

// Copy says what becomes of a journal that is copied into another log: one full run,
// which replaces whatever the other log may have held.
//
//	journal   full │ delta │ delta │ …        one run an epoch
//	   └ Copy ─> open │ begin │ state … │ commit   one run
//
// State records are after-images and go over as they are, in their order; nobody needs
// to know what is in them.
type Copy struct {
	Epoch int64
	Begin *Begin
	// Commit names splits, nodes and sinks by their place in Begin.
	Commit *Commit
	// Nodes are the places in Begin that get the state of a node of the journal; none: it
	// is left out.
	Nodes func(from int) []int
}

// To writes the run, and returns when it is durable. bytes are those of the state records,
// by the nodes of the journal, also of those that were left out.
func (c *Copy) To(ctx context.Context, log Log, rec *Recovered) (bytes []int64, err error) {
	bytes = make([]int64, len(rec.Begin.Nodes))
	w := NewWriter(log, nil)
	w.Open(c.Epoch, true, c.Commit.Time.UnixMilli())
	w.Begin(c.Begin)
	err = rec.State(func(node, worker int, delta []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		bytes[node] += int64(len(delta))
		for _, to := range c.Nodes(node) {
			if err := w.State(to, worker, delta); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return bytes, err
	}
	return bytes, w.Commit(ctx, c.Commit)
}

// StateBytes are the bytes of a journal's state records, by node.
func (rec *Recovered) StateBytes() ([]int64, error) {
	bytes := make([]int64, len(rec.Begin.Nodes))
	err := rec.State(func(node, _ int, delta []byte) error {
		bytes[node] += int64(len(delta))
		return nil
	})
	return bytes, err
}

// Begins are the begin records of a log that may be damaged, the oldest first: what is
// left to be known of a job whose journal cannot be followed.
func Begins(log Log) (out []*Begin) {
	visit := func(r record) error {
		if r.kind != kindBegin {
			return nil
		}
		if b, err := parseBegin(r.value); err == nil {
			out = append(out, b)
		}
		return nil
	}
	// Damage is passed over, and no visit fails.
	_ = scan(log, log.Start(), log.End(), visit, func(Damage) error { return nil })
	return out
}

// Upto is a journal as it was when its end was at offset: what comes behind it, such as
// records that are not durable yet, is not there for who reads it.
func Upto(log Log, end int64) Log { return upto{log, end} }

type upto struct {
	Log
	end int64
}

func (u upto) End() int64 { return u.end }

func (u upto) Read(from int64, max int, buf []byte) ([]byte, error) {
	if from >= u.end {
		return nil, nil
	}
	return u.Log.Read(from, max, buf)
}

func (u upto) Append([]byte) (int64, error) {
	return 0, fmt.Errorf("journal: a view of a journal is not written to")
}

func (u upto) DeleteBefore(int64) error {
	return fmt.Errorf("journal: nothing is deleted through a view of a journal")
}
