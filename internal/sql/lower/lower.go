// Package lower turns physical plans into job graphs: plan nodes become operators,
// exchanges become edges, and expressions become kernels that the engine runs
// without knowing of SQL.
package lower

import (
	"fmt"
	"time"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/engine"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// Env is what a plan does not say of how it is to run.
type Env struct {
	// Location is table.local-time-zone.
	Location *time.Location
	// NullRowTime and IdleTimeout are those of the sources; a table may have an idle
	// timeout of its own.
	NullRowTime engine.NullRowTime
	IdleTimeout time.Duration
	// StateTTL is table.exec.state.ttl: for how long operators keep a row of state that
	// nobody writes; 0: for ever. Hints go before it; windows know by themselves.
	StateTTL time.Duration
	// DropNulls is table.exec.sink.not-null-enforcer = DROP: rows with a NULL where
	// the table allows none are left out; otherwise they fail the job.
	DropNulls bool
	// Collect takes the rows of a query.
	Collect connector.Sink
	// Late takes rows that come too late; nil: they are only counted.
	Late *Late
}

// Graph makes the job graph of a statement. Sub-plans that are the same become one
// node, so that a statement set reads a source once.
func Graph(st *plan.Statement, env Env) (*engine.Graph, error) {
	b := &builder{env: env, byID: map[string]int{}, names: map[string]int{}, identities: plan.NewIdentities(st.Physical)}
	for _, root := range st.Physical {
		if sink, ok := root.(*plan.Sink); ok {
			if err := b.sink(sink); err != nil {
				return nil, err
			}
			continue
		}
		if err := b.collect(root); err != nil {
			return nil, err
		}
	}
	return &engine.Graph{Nodes: b.nodes}, nil
}

// builder makes nodes in topological order: a node's inputs are made before it.
type builder struct {
	env   Env
	nodes []*engine.Node
	byID  map[string]int // by what makes sub-plans one node
	ids   plan.IDs
	names map[string]int // how often an ID was asked for

	identities *plan.Identities // by which state is found
}

func (b *builder) add(n *engine.Node) int {
	b.nodes = append(b.nodes, n)
	return len(b.nodes) - 1
}

// unique makes an ID that no other node has: two sinks may do the same.
func (b *builder) unique(id string) string {
	b.names[id]++
	if k := b.names[id]; k > 1 {
		return fmt.Sprintf("%s-%d", id, k)
	}
	return id
}

// sink makes the node of a sink, and those that stand before it.
//
//	query ── [one row a primary key] ── [no NULLs] ── sink
func (b *builder) sink(n *plan.Sink) error {
	in, err := b.edge(n.Input)
	if err != nil {
		return err
	}
	id := b.identities.Of(n)
	if n.Materialize {
		in = b.before(in, n, &engine.Node{ID: "materialize-" + id, Name: "SinkUpsertMaterializer", Make: b.materializer(n)})
	}
	if len(n.NotNull) > 0 {
		in = b.before(in, n, &engine.Node{ID: "not-null-" + id, Name: enforcerName(n), Make: enforcer(n, b.env.DropNulls)})
	}
	b.add(&engine.Node{
		ID: b.unique(id), Name: "Sink(" + n.Table.Path.Name() + ")", Inputs: []engine.Input{in},
		Sink: &engine.SinkSpec{Table: n.Table.Path.Name(), Sink: n.Sink},
	})
	return nil
}

// before puts an operator that changes no columns before a sink.
func (b *builder) before(in engine.Input, n *plan.Sink, op *engine.Node) engine.Input {
	op.ID = b.unique(op.ID)
	op.Inputs, op.Types = []engine.Input{in}, plan.Types(n.Input)
	op.Single = in.Ship == engine.Single
	return engine.Input{Node: b.add(op), Ship: engine.Forward}
}

// collect brings a query's rows to one worker, in the order in which they are made.
func (b *builder) collect(root plan.Node) error {
	in, err := b.edge(root)
	if err != nil {
		return err
	}
	b.add(&engine.Node{
		ID: b.unique("collect-" + b.identities.Of(root)), Name: "Collect", Inputs: []engine.Input{{Node: in.Node, Ship: engine.Single}},
		Sink: &engine.SinkSpec{Table: "result", Sink: b.env.Collect}, Single: true,
	})
	return nil
}

// edge is the edge from a plan node: an exchange is how its input is shipped.
func (b *builder) edge(n plan.Node) (engine.Input, error) {
	x, ok := n.(*plan.Exchange)
	if !ok {
		i, err := b.node(n)
		return engine.Input{Node: i, Ship: engine.Forward}, err
	}
	i, err := b.node(x.Input)
	if len(x.Keys) == 0 {
		return engine.Input{Node: i, Ship: engine.Single}, err
	}
	return engine.Input{Node: i, Ship: engine.Hash, Keys: x.Keys}, err
}

// node makes the node of a sub-plan, or finds the one that computes the same.
func (b *builder) node(n plan.Node) (int, error) {
	id := b.ids.Of(n)
	if i, ok := b.byID[id]; ok {
		return i, nil
	}
	i, err := b.make(n, b.unique(b.identities.Of(n)))
	if err == nil {
		b.byID[id] = i
	}
	return i, err
}

func (b *builder) make(n plan.Node, id string) (int, error) {
	if i, ok, err := b.source(n, id); ok || err != nil {
		return i, err
	}
	out := &engine.Node{ID: id, Name: short(n), Types: plan.Types(n)}
	for _, in := range n.Inputs() {
		edge, err := b.edge(in)
		if err != nil {
			return 0, err
		}
		out.Inputs = append(out.Inputs, edge)
		out.Single = out.Single || edge.Ship == engine.Single
	}
	make, err := b.operator(n)
	if err != nil {
		return 0, err
	}
	out.Make = make
	// An operator is made once now, so that what cannot be compiled is an error
	// before the job starts.
	op, err := make(0)
	if err != nil {
		return 0, err
	}
	index := b.add(out)
	return index, b.late(index, n, op)
}

// short is the node's text up to its first detail: what metrics and errors call it.
func short(n plan.Node) string {
	text := n.Text(rex.Infix)
	if len(text) > 60 {
		return text[:57] + "..."
	}
	return text
}

// compile is a factory of kernels, for every worker has its own.
func compile(e rex.Expr) func() vec.Expr {
	return func() vec.Expr {
		x, err := rex.Compile(e)
		if err != nil {
			return failing{e.Type(), err}
		}
		return x
	}
}

// failing is an expression that could not be compiled: an error of the planner's,
// said when the first row comes.
type failing struct {
	t   types.Type
	err error
}

func (f failing) Type() types.Type { return f.t }

// Eval fails.
func (f failing) Eval(*vec.EvalContext, *vec.Batch) (*vec.Vector, error) { return nil, f.err }

func compileAll(exprs []rex.Expr) ([]vec.Expr, error) {
	out := make([]vec.Expr, len(exprs))
	for i, e := range exprs {
		var err error
		if out[i], err = rex.Compile(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// compileOne compiles an expression that may be nil.
func compileOne(e rex.Expr) (vec.Expr, error) {
	if e == nil {
		return nil, nil
	}
	return rex.Compile(e)
}
