package engine

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/internal/engine/journal"
	"github.com/millrace/millrace/internal/vec"
)

// Restore is what a new job begins with: the state that a savepoint holds.
type Restore struct {
	From *journal.Recovered
	// StateBytes are the sizes of the state of From's operators, Names what they are
	// called.
	StateBytes []int64
	Names      []string
	// AllowNonRestored lets state go that no operator of the graph takes.
	AllowNonRestored bool
	// Close is called when From is not needed any more.
	Close func() error
}

// claims says who takes what of a savepoint.
//
// An operator takes the state of the one with its ID, or of one of its family: the ID is a
// hash of the operator's sub-plan, so it computes the same of the same inputs. With it go its
// sources, for what they read is in its ID. Several operators may take the state of one.
//
// A source of which there is none of its family takes the positions of a source that is
// there no longer and read the same splits. So a query that was edited goes on where the old
// one stopped and writes no row of the past once more. A source for which none has gone is
// new, and begins where its table says.
type claims struct {
	nodes   [][]int // by the savepoint's operators: those of the graph
	sources []claimedSource
	lost    []int // operators of the savepoint whose state or positions nobody takes
}

type claimedSource struct {
	node   int // of the graph
	splits []journal.Split
	marks  []journal.SplitMark
}

// Unclaimed names the operators whose state a job of this graph would lose, as an error
// that says how to agree to it; nil if there are none.
func (r *Restore) Unclaimed(ctx context.Context, g *Graph) error {
	c, err := r.claim(ctx, g)
	if err != nil {
		return err
	}
	return r.refuse(c)
}

func (r *Restore) refuse(c *claims) error {
	if len(c.lost) == 0 || r.AllowNonRestored {
		return nil
	}
	var names []string
	for _, n := range c.lost {
		names = append(names, r.describe(n))
	}
	return fmt.Errorf("the savepoint has state that this query does not take, of %s; to give it up add --allow-non-restored-state, or SET 'execution.state-recovery.ignore-unclaimed-state' = 'true'",
		strings.Join(names, ", of "))
}

// describe is an operator of the savepoint with what it has.
func (r *Restore) describe(n int) string {
	if r.isSource(n) {
		return r.Names[n] + " (positions)"
	}
	return fmt.Sprintf("%s (%d bytes)", r.Names[n], r.StateBytes[n])
}

// Family is what the IDs have in common of operators that keep the same state, and of
// sources that read the same rows: they differ in what they give out of it.
func Family(id string) string {
	family, _, _ := strings.Cut(id, ".")
	return family
}

// find is the operator of the savepoint that a node takes the state of, -1 if there is none.
func (r *Restore) find(n *Node) int {
	if old := slices.Index(r.From.Begin.Nodes, n.ID); old >= 0 && r.isSource(old) == (n.Source != nil) {
		return old
	}
	for old, id := range r.From.Begin.Nodes {
		if Family(id) == Family(n.ID) && r.isSource(old) == (n.Source != nil) {
			return old
		}
	}
	return -1
}

func (r *Restore) isSource(n int) bool {
	return slices.ContainsFunc(r.From.Begin.Sources, func(s journal.Source) bool { return s.Node == n })
}

func (r *Restore) claim(ctx context.Context, g *Graph) (*claims, error) {
	b := r.From.Begin
	c := &claims{nodes: make([][]int, len(b.Nodes))}
	taken := make([]bool, len(b.Nodes)) // by the savepoint's operators
	for i, n := range g.Nodes {
		if old := r.find(n); old >= 0 {
			c.nodes[old] = append(c.nodes[old], i)
		}
		for old, id := range b.Nodes {
			taken[old] = taken[old] || Family(id) == Family(n.ID) && r.isSource(old) == (n.Source != nil)
		}
	}
	for i, n := range g.Nodes {
		if n.Source == nil {
			continue
		}
		s, from, err := r.claimSource(ctx, c, i, n)
		if err != nil {
			return nil, err
		}
		for _, old := range from {
			taken[b.Sources[old].Node] = true
		}
		c.sources = append(c.sources, s)
	}
	for old := range b.Nodes {
		if !taken[old] && (r.StateBytes[old] > 0 || r.isSource(old)) {
			c.lost = append(c.lost, old)
		}
	}
	return c, nil
}

// claimSource finds the splits of a source. from are the sources of the savepoint whose
// positions it takes.
func (r *Restore) claimSource(ctx context.Context, c *claims, node int, n *Node) (s claimedSource, from []int, err error) {
	s.node = node
	now, err := askSplits(ctx, n)
	if err != nil {
		return s, nil, err
	}
	b := r.From.Begin
	same := slices.IndexFunc(b.Sources, func(o journal.Source) bool { return slices.Contains(c.nodes[o.Node], node) })
	if same >= 0 {
		// The bound that it began with stays, and what is new is read as well.
		from = append(from, same)
		s.splits = slices.Clone(b.Sources[same].Splits)
		s.marks = slices.Clone(r.From.Splits[same])
	}
	for _, sp := range now {
		if slices.ContainsFunc(s.splits, func(o journal.Split) bool { return o.ID == sp.ID }) {
			continue
		}
		mark := journal.SplitMark{Position: sp.Start, Watermark: vec.MinTime}
		if same < 0 {
			old, err := r.gone(c, n, sp.ID)
			if err != nil {
				return s, nil, err
			}
			if old >= 0 {
				from = append(from, old)
				mark = r.mark(old, sp.ID)
				// It is another reading: its bound is that of now.
				mark.Done = false
			}
		}
		s.splits, s.marks = append(s.splits, sp), append(s.marks, mark)
	}
	return s, from, nil
}

// gone is the source of the savepoint that read a split and has no successor of its own
// ID; -1 if there is none.
func (r *Restore) gone(c *claims, n *Node, split string) (int, error) {
	found := -1
	for old, src := range r.From.Begin.Sources {
		if len(c.nodes[src.Node]) > 0 || !slices.ContainsFunc(src.Splits, func(s journal.Split) bool { return s.ID == split }) {
			continue
		}
		if found >= 0 && !bytes.Equal(r.mark(found, split).Position, r.mark(old, split).Position) {
			return -1, fmt.Errorf("%s: two sources of the savepoint that this query does not have any more, %s and %s, had read %s to different places, so it is not known where to go on; change one of them first, and take another savepoint",
				n.Name, r.Names[r.From.Begin.Sources[found].Node], r.Names[src.Node], split)
		}
		if found < 0 {
			found = old
		}
	}
	return found, nil
}

// mark is how far a source of the savepoint has read a split.
func (r *Restore) mark(source int, split string) journal.SplitMark {
	i := slices.IndexFunc(r.From.Begin.Sources[source].Splits, func(s journal.Split) bool { return s.ID == split })
	return r.From.Splits[source][i]
}

// seed begins the job's journal with what a savepoint holds: one full run, durable before
// anything else happens, so that from here on the job is one that is restored from its own
// journal. The sinks get new identities: what the saved job has written is not touched.
func (j *Job) seed(r *Restore) error {
	g := j.spec.Graph
	c, err := r.claim(j.ctx, g)
	if err != nil {
		return err
	}
	if err := r.refuse(c); err != nil {
		return err
	}
	begin := &journal.Begin{JobID: j.spec.ID, MaxParallelism: r.From.Begin.MaxParallelism}
	commit := &journal.Commit{Time: r.From.Time}
	for i, n := range g.Nodes {
		begin.Nodes = append(begin.Nodes, n.ID)
		if n.Sink == nil {
			continue
		}
		id, err := n.Sink.Sink.Identity(j.ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", n.Name, err)
		}
		begin.Sinks = append(begin.Sinks, journal.Sink{Node: i, Identity: id})
	}
	for number, s := range c.sources {
		begin.Sources = append(begin.Sources, journal.Source{Node: s.node, Splits: s.splits})
		for i, m := range s.marks {
			m.Source, m.Split = number, i
			commit.Splits = append(commit.Splits, m)
		}
	}
	for old, m := range r.From.Nodes {
		// Watermarks go on; counters are of this job's life.
		for _, to := range c.nodes[old] {
			commit.Nodes = append(commit.Nodes, journal.NodeMark{Node: to, Input: m.Input, Watermark: m.Watermark, Idle: m.Idle})
		}
	}
	run := journal.Copy{Begin: begin, Commit: commit, Nodes: func(old int) []int { return c.nodes[old] }}
	_, err = run.To(j.ctx, j.spec.Journal, r.From)
	return err
}

// openJournal reads the job's journal; that of a new job begins with what is restored.
func (j *Job) openJournal() (*journal.Recovered, error) {
	rec, err := journal.Open(j.spec.Journal)
	if err != nil || rec != nil || j.spec.Restore == nil {
		return rec, err
	}
	from, err := j.spec.Restore()
	if err != nil {
		return nil, err
	}
	defer from.Close()
	if err := j.seed(from); err != nil {
		return nil, err
	}
	return journal.Open(j.spec.Journal)
}
