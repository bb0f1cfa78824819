// Package blackhole is Flink's blackhole connector: a sink that takes everything and
// keeps nothing, for measuring what a query costs by itself.
package blackhole

import (
	"context"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// Factory is the connector.
func Factory() *connector.Factory {
	return &connector.Factory{
		Name:    "blackhole",
		Summary: "A sink that drops every row.",
		Touches: func(connector.Table, bool) connector.Touches { return connector.Touches{} },
		NewSink: func(connector.Table, connector.Env) (connector.Sink, error) { return sink{}, nil },
	}
}

type sink struct{}

func (sink) ChangelogMode(query types.KindSet) types.KindSet            { return query }
func (sink) Transactional() bool                                        { return true }
func (sink) Identity(context.Context) ([]byte, error)                   { return nil, nil }
func (sink) Recover(context.Context, []byte, []byte) error              { return nil }
func (sink) Writer(context.Context, int, int) (connector.Writer, error) { return writer{}, nil }
func (sink) Seal()                                                      {}
func (sink) Prepare(context.Context, int64) ([]byte, error)             { return nil, nil }
func (sink) Commit(context.Context, []byte) error                       { return nil }
func (sink) Abort(context.Context) error                                { return nil }
func (sink) Close() error                                               { return nil }

type writer struct{}

func (writer) Write(*vec.Batch) error { return nil }
func (writer) Flush() error           { return nil }
func (writer) Close() error           { return nil }
