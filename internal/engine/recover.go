package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/engine/journal"
	"github.com/millrace/millrace/internal/engine/operator"
	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/vec"
)

// start brings the job to where its journal left it, or begins it:
//
//	new       Splits, Identity ── begin record durable ── Recover(identity, nil)
//	restored  read to the last commit record ─────────── Recover(identity, last token)
//	both      ── operators opened ── state applied ── readers, writers
//
// finished says that the journal says that there is nothing left to do.
func (j *Job) start() (finished bool, err error) {
	if err := j.spec.Graph.Validate(); err != nil {
		return false, err
	}
	if err := j.config.validate(j.spec.Graph); err != nil {
		return false, err
	}
	j.base = make([]counters, len(j.spec.Graph.Nodes))
	j.recorded = make([]nodeMark, len(j.spec.Graph.Nodes))
	j.splits = make([][]*split, len(j.spec.Graph.Nodes))
	var rec *journal.Recovered
	if j.spec.Journal != nil {
		if rec, err = j.openJournal(); err != nil {
			return false, err
		}
		j.out.writer = journal.NewWriter(j.spec.Journal, rec)
		j.out.writer.SnapshotBytes = j.config.SnapshotBytes
	}
	if rec == nil {
		err = j.begin()
	} else {
		err = j.resume(rec)
	}
	if err == nil {
		err = j.recoverSinks()
	}
	if err != nil || rec != nil && rec.Finished {
		return err == nil, err
	}
	j.showWidth()
	if err := j.build(); err != nil {
		return false, err
	}
	if rec != nil {
		if err := j.restore(rec); err != nil {
			return false, err
		}
	}
	if err := j.openEnds(); err != nil {
		return false, err
	}
	j.newAlignments()
	j.team = newTeam(j.workers)
	return false, nil
}

// begin decides what the job is for ever, and makes it durable before anything
// is written under the identities.
func (j *Job) begin() error {
	b := &journal.Begin{JobID: j.spec.ID, MaxParallelism: j.config.MaxParallelism}
	for i, n := range j.spec.Graph.Nodes {
		b.Nodes = append(b.Nodes, n.ID)
		j.numbers, j.nodes = append(j.numbers, i), append(j.nodes, i)
		switch {
		case n.Source != nil:
			splits, err := askSplits(j.ctx, n)
			if err != nil {
				return err
			}
			b.Sources = append(b.Sources, journal.Source{Node: i, Splits: splits})
		case n.Sink != nil:
			id, err := n.Sink.Sink.Identity(j.ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", n.Name, err)
			}
			j.out.sinks = append(j.out.sinks, &sink{node: n, index: i, number: len(b.Sinks)})
			b.Sinks = append(b.Sinks, journal.Sink{Node: i, Identity: id})
		}
	}
	j.out.begin = b
	if j.out.writer == nil {
		return nil
	}
	now := j.stepTime()
	j.out.writer.Open(0, true, now.UnixMilli())
	j.out.writer.Begin(b)
	return j.out.writer.Commit(j.ctx, &journal.Commit{Time: now})
}

func askSplits(ctx context.Context, n *Node) ([]journal.Split, error) {
	splits, err := n.Source.Source.Splits(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.Name, err)
	}
	var out []journal.Split
	for _, s := range splits {
		if slices.ContainsFunc(out, func(o journal.Split) bool { return o.ID == s.ID }) {
			return nil, fmt.Errorf("%s: two splits are called %q", n.Name, s.ID)
		}
		out = append(out, journal.Split{ID: s.ID, Start: s.Start, End: s.End})
	}
	return out, nil
}

// resume checks that the journal is this job's and takes over what it decided.
func (j *Job) resume(rec *journal.Recovered) error {
	b := rec.Begin
	if b.JobID != j.spec.ID {
		return fmt.Errorf("the journal is of job %q, not %q", b.JobID, j.spec.ID)
	}
	for _, d := range rec.Damage {
		j.note(d.String() + "; it was not committed and is dropped")
	}
	j.config.MaxParallelism = b.MaxParallelism
	j.config.Workers = min(j.config.Workers, b.MaxParallelism)
	if err := j.config.validate(j.spec.Graph); err != nil {
		return err
	}
	j.out.begin, j.out.epoch = b, rec.Epoch
	j.showCommit(rec.Epoch, 0)
	j.turn.now = rec.Time
	j.marks = rec.Splits
	j.restored = true
	j.numbers = make([]int, len(j.spec.Graph.Nodes))
	j.nodes = make([]int, len(b.Nodes))
	var added []string
	for i, n := range j.spec.Graph.Nodes {
		number := slices.Index(b.Nodes, n.ID)
		if number < 0 {
			added = append(added, n.ID)
			continue
		}
		j.numbers[i], j.nodes[number] = number, i
	}
	if len(added) > 0 || len(b.Nodes) != len(j.numbers) {
		return fmt.Errorf("the journal is of another query: it has %d operators, this has %d, of which new: %s; run it as a new job",
			len(b.Nodes), len(j.numbers), strings.Join(added, ", "))
	}
	for node := range j.numbers {
		m := rec.Nodes[j.numbers[node]]
		copy(j.base[node][:], m.Counters)
		j.recorded[node] = nodeMark{input: m.Input, out: mark{m.Watermark, m.Idle}, counters: j.base[node]}
	}
	for number, s := range b.Sinks {
		n := j.spec.Graph.Nodes[j.nodes[s.Node]]
		if n.Sink == nil {
			return fmt.Errorf("%s: is a sink in the journal, and not in this query", n.Name)
		}
		j.out.sinks = append(j.out.sinks, &sink{node: n, index: j.nodes[s.Node], number: number, last: rec.Tokens[number]})
	}
	for _, s := range b.Sources {
		if n := j.spec.Graph.Nodes[j.nodes[s.Node]]; n.Source == nil {
			return fmt.Errorf("%s: is a source in the journal, and not in this query", n.Name)
		}
	}
	return nil
}

func (j *Job) recoverSinks() error {
	err := j.eachSink(func(s *sink) error {
		return s.node.Sink.Sink.Recover(j.ctx, j.out.begin.Sinks[s.number].Identity, s.last)
	})
	j.out.recovered = err == nil
	return err
}

// build makes the workers with their instances of the nodes.
func (j *Job) build() error {
	g, c := j.spec.Graph, &j.config
	j.openMemory()
	j.layout = g.layout(c.Workers)
	j.barrier = newBarrier(c.Workers)
	j.owner = make([]int32, c.MaxParallelism)
	for kg := range j.owner {
		j.owner[kg] = int32(vec.WorkerOf(kg, c.MaxParallelism, c.Workers))
	}
	j.exchanges = make([][]*exchange, j.layout.depth)
	for i := range c.Workers {
		w := &worker{
			job: j, index: i,
			eval:    vec.EvalContext{Now: j.turn.now, Location: c.Location},
			nodes:   make([]*instance, len(g.Nodes)),
			levels:  make([][]*instance, j.layout.depth),
			met:     make([]int, j.layout.depth),
			pending: make([]int, j.layout.depth),
			split:   cutter{count: make([]int, c.Workers), sels: make([][]int32, c.Workers)},
		}
		j.workers = append(j.workers, w)
		for node, n := range g.Nodes {
			if !j.layout.runsOn(node, i) {
				continue
			}
			if err := w.place(node, n); err != nil {
				return fmt.Errorf("%s: %w", n.Name, err)
			}
		}
	}
	j.connect()
	return nil
}

// place makes the instance of a node.
func (w *worker) place(index int, n *Node) (err error) {
	in := &instance{node: n, index: index, level: w.job.layout.level[index], inbox: make([][]*vec.Batch, len(n.Inputs))}
	in.input.watermark, in.mark.watermark = vec.MinTime, vec.MinTime
	in.emit = w.emitter(in)
	w.nodes[index] = in
	w.levels[in.level] = append(w.levels[in.level], in)
	switch {
	case n.Source != nil:
		in.source = newPipeline(n.Source)
	case n.Make != nil:
		if in.op, err = n.Make(w.index); err != nil {
			return err
		}
		worker, workers := w.share(index)
		in.store = state.NewStore(w.job.config.MaxParallelism)
		if w.job.memory.spill != nil {
			in.store.SpillTo(w.job.memory.spill)
		}
		if _, ok := in.op.(operator.Alarm); ok {
			w.alarms = append(w.alarms, in)
		}
		return in.op.Open(&operator.Context{
			Worker: worker, Workers: workers, Eval: &w.eval, State: in.store, Metrics: &in.metrics, KeepLate: w.sideOutput(in),
		})
	}
	return nil
}

// share is which of how many instances of a node a worker's is.
func (w *worker) share(node int) (worker, workers int) {
	if w.job.layout.single[node] {
		return 0, 1
	}
	return w.index, w.job.config.Workers
}

// connect draws the edges.
func (j *Job) connect() {
	for to, n := range j.spec.Graph.Nodes {
		for port, input := range n.Inputs {
			ship := j.layout.ships[to][port]
			from := j.layout.level[input.Node]
			var x *exchange
			if ship != Forward {
				x = newExchange(to, port, ship, input.Keys, len(j.workers))
				j.exchanges[from] = append(j.exchanges[from], x)
			}
			for _, w := range j.workers {
				if in := w.nodes[input.Node]; in != nil {
					if input.Late != nil {
						in.late = append(in.late, out{to: w.nodes[to], port: port})
						continue
					}
					later := x == nil && j.layout.level[to] > from
					in.outs = append(in.outs, out{to: w.nodes[to], port: port, later: later, exchange: x})
				}
			}
		}
	}
}

// openEnds opens readers, where the journal left them, and writers.
func (j *Job) openEnds() error {
	for number, src := range j.out.begin.Sources {
		if err := j.openSource(number, j.nodes[src.Node], src.Splits); err != nil {
			return err
		}
	}
	for _, s := range j.out.sinks {
		for _, w := range j.workers {
			in := w.nodes[s.index]
			if in == nil {
				continue
			}
			worker, workers := w.share(s.index)
			var err error
			if in.writer, err = s.node.Sink.Sink.Writer(j.ctx, worker, workers); err != nil {
				return fmt.Errorf("%s: %w", s.node.Name, err)
			}
		}
	}
	return nil
}

// openSource gives the splits to workers in contiguous ranges: their order is
// then the order of workers and of what each reads.
func (j *Job) openSource(number, node int, splits []journal.Split) error {
	spec := j.spec.Graph.Nodes[node].Source
	for i, sp := range splits {
		w := j.workers[0]
		if !j.layout.single[node] {
			w = j.workers[i*len(j.workers)/len(splits)]
		}
		s := &split{id: sp.ID, worker: w.index, in: w.nodes[node], watermark: vec.MinTime, limit: vec.MaxTime}
		from := connector.Split{ID: sp.ID, Start: sp.Start, End: sp.End}
		if j.marks != nil {
			m := j.marks[number][i]
			s.position, from.Start = m.Position, m.Position
			s.watermark, s.idle, s.done, s.journaledIdle = m.Watermark, m.Idle, m.Done, m.Idle
		}
		s.stood = s.watermark
		w.splits = append(w.splits, s)
		j.splits[node] = append(j.splits[node], s)
		if s.done {
			continue
		}
		if err := s.open(j, spec, from); err != nil {
			return err
		}
	}
	return nil
}
