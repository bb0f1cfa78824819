package node

import (
	"context"
	"fmt"
	"strings"

	logconn "github.com/millrace/millrace/internal/connector/log"
	"github.com/millrace/millrace/internal/engine/journal"
)

// settle ends what a job has left open in the topics that it writes, because it holds back
// every read_committed reader. A run that ended in order has left nothing. Otherwise the
// job's journal says which transactions are committed; where it cannot be read all are
// aborted, and a line says so. Neither the job's plan nor its tables are needed.
func (j *job) settle() error {
	j.mu.Lock()
	clean := j.mu.engine != nil && j.mu.engine.Settled()
	j.mu.Unlock()
	if clean {
		return nil
	}
	log, ok, err := j.existingJournal()
	if !ok || err != nil {
		return err
	}
	rec, err := journal.Open(log)
	if err != nil {
		return j.abortAll(log, err)
	}
	if rec == nil {
		return nil // nothing was written before the first commit
	}
	_, err = j.node.settleSinks(rec.Begin.Sinks, rec.Tokens)
	return err
}

// abortAll is for a journal that is damaged: what it last committed is not known.
func (j *job) abortAll(log journal.Log, damage error) error {
	begins := journal.Begins(log)
	if len(begins) == 0 {
		j.node.report(fmt.Sprintf("job %s: %v; its producers are not known: if readers wait for its transactions, kafka-transactions.sh find-hanging names these", j.ID(), damage))
		return nil
	}
	out, err := j.node.settleSinks(begins[len(begins)-1].Sinks, nil)
	if err != nil {
		return err
	}
	what := "it had left no transaction open"
	if len(out.Aborted) > 0 {
		what = "its open transactions were aborted, in " + strings.Join(out.Aborted, ", ")
	}
	j.node.report(fmt.Sprintf("job %s: %v; %s", j.ID(), damage, what))
	return nil
}

// settleSinks ends the transactions of sinks; tokens are by sink, nil for none at all.
func (n *Node) settleSinks(sinks []journal.Sink, tokens [][]byte) (all logconn.Settled, err error) {
	places, err := n.places()
	if err != nil {
		return all, err
	}
	for i, s := range sinks {
		var token []byte
		if i < len(tokens) {
			token = tokens[i]
		}
		out, err := logconn.Settle(context.Background(), places, s.Identity, token)
		if err != nil {
			return all, err
		}
		all.Committed, all.Aborted = append(all.Committed, out.Committed...), append(all.Aborted, out.Aborted...)
	}
	return all, nil
}

// places are all partitions of the node.
func (n *Node) places() ([]logconn.Place, error) {
	meta := n.broker.Metadata()
	var out []logconn.Place
	for _, t := range meta.Topics() {
		for i := range t.Partitions {
			p, err := openPartition(meta, t, i)
			if err != nil {
				return nil, fmt.Errorf("topic %s, partition %d: %w", t.Name, i, err)
			}
			out = append(out, logconn.Place{Topic: t.Name, ID: logconn.TopicID(t.ID), Number: int(i), Partition: p})
		}
	}
	return out, nil
}
