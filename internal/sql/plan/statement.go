package plan

import (
	"github.com/millrace/millrace/internal/types"
)

// Kind is what a planned statement is.
type Kind uint8

// A query gives rows to whoever asked; an INSERT or a statement set writes tables.
const (
	Query Kind = iota
	Insert
	StatementSet
)

// Statement is a planned query, INSERT or statement set: one job.
type Statement struct {
	Kind Kind
	// Logical and Physical have one tree for a query and for each INSERT.
	Logical, Physical []Node
	// Notes are what the user should know though it is no error.
	Notes []string
	// Batch: execution.runtime-mode is batch.
	Batch bool
}

// Columns are the result's columns of a query.
func (s *Statement) Columns() []types.Field { return s.Logical[0].Fields() }

// Mode is which row kinds a query's result has.
func (s *Statement) Mode() types.KindSet { return s.Physical[0].(Physical).Traits().Mode }

// Bounded says whether the statement ends by itself: all its sources do.
func (s *Statement) Bounded() bool {
	for _, n := range s.Physical {
		if !Bounded(n) {
			return false
		}
	}
	return true
}

// Bounded says whether all sources below a physical node end by themselves.
func Bounded(n Node) bool {
	bounded := true
	Walk(n, func(n Node) {
		if s, ok := n.(*Scan); ok && s.Source != nil && !s.Source.Bounded() {
			bounded = false
		}
	})
	return bounded
}

// Sinks are the statement's sink nodes; none for a query.
func (s *Statement) Sinks() []*Sink {
	var out []*Sink
	for _, n := range s.Physical {
		if k, ok := n.(*Sink); ok {
			out = append(out, k)
		}
	}
	return out
}

// Explain is the text of EXPLAIN.
func (s *Statement) Explain(changelog bool) string {
	return Explain(s.Logical, s.Physical, changelog)
}

// Close gives back what planning has opened, if the statement is not run: a
// statement that only was explained.
func (s *Statement) Close() error {
	var first error
	for _, k := range s.Sinks() {
		if k.Sink == nil {
			continue
		}
		if err := k.Sink.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}
