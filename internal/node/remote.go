package node

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/connector/kafka"
	"github.com/millrace/millrace/internal/engine"
	"github.com/millrace/millrace/internal/engine/journal"
)

// journalFor opens the journal of a run: in the node's log, or, for a job that writes
// exactly once to a Kafka cluster, there, in the transactions of its results. The latter
// stays connected until the next run or the job's end, for it is deleted only once it is
// durable that the job has ended.
func (j *job) journalFor(ctx context.Context, g *engine.Graph) (journal.Log, error) {
	j.closeRemote()
	var sinks []connector.Sink
	for _, n := range g.Nodes {
		if n.Sink != nil {
			sinks = append(sinks, n.Sink.Sink)
		}
	}
	remote, err := kafka.OpenJournal(ctx, j.ID(), sinks)
	if err != nil {
		return nil, err
	}
	if remote == nil {
		return j.openJournal()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.mu.remote = remote
	return remote, nil
}

func (j *job) remoteJournal() *kafka.Journal {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.mu.remote
}

func (j *job) closeRemote() {
	j.mu.Lock()
	remote := j.mu.remote
	j.mu.remote = nil
	j.mu.Unlock()
	if remote != nil {
		remote.Close()
	}
}

// dropRemote deletes the journal of a job that has ended. A job that failed and was
// cancelled leaves it on the cluster: nobody is connected.
func (j *job) dropRemote() {
	remote := j.remoteJournal()
	if remote == nil {
		return
	}
	if err := remote.Drop(); err != nil {
		j.node.report(fmt.Sprintf("journal of job %s: %v; delete the topic by hand", j.ID(), err))
	}
}
