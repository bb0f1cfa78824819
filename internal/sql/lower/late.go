package lower

import (
	"fmt"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/engine"
	"github.com/millrace/millrace/internal/engine/operator"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/types"
)

// Late says where the rows go that come too late (sink.late-topic).
type Late struct {
	// Job is the name of the job that drops them.
	Job string
	// Topic is only named in messages.
	Topic string
	// Sink makes the sink of one operator's late rows; they have these columns.
	Sink func([]connector.Column) (connector.Sink, error)
}

// late gives a node whose operator may drop rows a sink for them, one an input: each
// has columns of its own.
func (b *builder) late(index int, n plan.Node, op operator.Operator) error {
	dropper, ok := op.(operator.LateDropper)
	if !ok || b.env.Late == nil {
		return nil
	}
	for port, time := range dropper.LateTime() {
		if time.Root == types.Null {
			continue
		}
		if err := b.lateSink(index, port, time.Plain(), n.Inputs()[port]); err != nil {
			return fmt.Errorf("late rows of %s: %w", b.nodes[index].Name, err)
		}
	}
	return nil
}

func (b *builder) lateSink(index, port int, time types.Type, input plan.Node) error {
	op := b.nodes[index]
	var row []types.Field
	for _, f := range input.Fields() {
		row = append(row, types.Field{Name: f.Name, Type: f.Type.Plain()})
	}
	names := append([]string{"job", "operator"}, operator.LateNames...)
	ts := append([]types.Type{types.TString.Required(), types.TString.Required()}, operator.LateTypes(time, types.TRow(row...))...)
	columns := make([]connector.Column, len(names))
	for i := range names {
		columns[i] = connector.Column{Name: names[i], Type: ts[i]}
	}
	sink, err := b.env.Late.Sink(columns)
	if err != nil {
		return err
	}
	late := &engine.Late{Port: port, Labels: []string{b.env.Late.Job, op.Name}, Types: ts}
	b.add(&engine.Node{
		ID: b.unique(fmt.Sprintf("late-%s-%d", op.ID, port)), Name: "LateRows(" + b.env.Late.Topic + ")",
		Inputs: []engine.Input{{Node: index, Ship: engine.Forward, Late: late}},
		Sink:   &engine.SinkSpec{Table: b.env.Late.Topic, Sink: sink, Late: true},
	})
	return nil
}
