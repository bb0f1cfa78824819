package node

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/internal/commitlog"
	"github.com/millrace/millrace/internal/engine/journal"
)

// reportHeld tells what the transactions of jobs that do not go on hold back: read_committed
// readers of a topic wait before the first one that is open, for ever if nobody ends it. It
// looks into all partitions, and so beside the start.
func (n *Node) reportHeld(jobs []string) {
	if len(jobs) == 0 {
		return
	}
	n.running.Go(func() {
		producers := map[int64]string{}
		for _, id := range jobs {
			for _, p := range n.producersOf(id) {
				producers[p] = id
			}
		}
		if len(producers) == 0 {
			return
		}
		held := n.heldBy(producers)
		for _, id := range jobs {
			if topics := held[id]; len(topics) > 0 && n.ctx.Err() == nil {
				n.report(fmt.Sprintf("job %s, which does not go on, holds back read_committed readers of %s: `millrace job cancel %s` ends its transactions",
					id, strings.Join(topics, ", "), id))
			}
		}
	})
}

// producersOf are the producer ids that a job's journal says it writes with; none if there
// is no journal, or none that can be read.
func (n *Node) producersOf(id string) (out []int64) {
	t := n.broker.Metadata().Topic(journalPrefix + id)
	if t == nil {
		return nil
	}
	p, err := openPartition(n.broker.Metadata(), t, 0)
	if err != nil {
		return nil
	}
	rec, err := journal.Open(journalLog{p})
	if rec == nil || err != nil {
		return nil
	}
	for _, s := range rec.Begin.Sinks {
		if len(s.Identity) == 8 { // those of other connectors write no transactions here
			out = append(out, int64(binary.BigEndian.Uint64(s.Identity)))
		}
	}
	return out
}

// heldBy are the topics in which producers have a transaction open, by their jobs.
func (n *Node) heldBy(producers map[int64]string) map[string][]string {
	held := map[string][]string{}
	meta := n.broker.Metadata()
	for _, t := range meta.Topics() {
		for i := range t.Partitions {
			if n.ctx.Err() != nil {
				return nil
			}
			meta.Visit(t, i, func(log *commitlog.Log) error { // an error has been reported, of a log that does not open
				for pid, id := range producers {
					if s, ok := log.Producer(pid); ok && s.TxnFirstOffset >= 0 && !slices.Contains(held[id], t.Name) {
						held[id] = append(held[id], t.Name)
					}
				}
				return nil
			})
		}
	}
	return held
}
