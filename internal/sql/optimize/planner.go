package optimize

import (
	"errors"
	"time"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/sql/bind"
	"github.com/millrace/millrace/internal/sql/catalog"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/types"
)

// Options are what SET says of the planning of statements.
type Options struct {
	// Batch is execution.runtime-mode = batch: only final results are emitted.
	Batch bool
	// Location is table.local-time-zone; nil means UTC.
	Location *time.Location
	// Env is what sources and sinks are made with.
	Env connector.Env
}

// Planner plans the statements of one session.
type Planner struct {
	Catalog *catalog.Catalog
	Options Options
}

// Plan plans a *parser.QueryStmt, *parser.Insert or *parser.StatementSet. It
// makes the statement's sources and sinks: a statement that is not run must be
// closed.
func (p *Planner) Plan(stmt parser.Stmt) (*plan.Statement, error) {
	b := bind.New(p.Catalog, p.Options.Location)
	s := &plan.Statement{Batch: p.Options.Batch}
	if err := bindInto(b, s, stmt); err != nil {
		return nil, err
	}
	s.Notes = b.Notes
	if err := p.optimize(s); err != nil {
		return nil, alsoClose(err, s.Close())
	}
	return s, nil
}

// alsoClose adds what went wrong with giving back to an error that is as it was
// if nothing did.
func alsoClose(err, closing error) error {
	if closing == nil {
		return err
	}
	return errors.Join(err, closing)
}

// bindInto makes the statement's logical plans.
func bindInto(b *bind.Binder, s *plan.Statement, stmt parser.Stmt) error {
	var inserts []*parser.Insert
	switch stmt := stmt.(type) {
	case *parser.QueryStmt:
		n, err := b.Query(stmt.Query)
		if err != nil {
			return err
		}
		s.Logical = []plan.Node{n}
		return nil
	case *parser.Insert:
		s.Kind, inserts = plan.Insert, []*parser.Insert{stmt}
	case *parser.StatementSet:
		s.Kind, inserts = plan.StatementSet, stmt.Inserts
	default:
		return errorAt(stmt.Pos(), "only a query, an INSERT or a statement set can be planned")
	}
	if len(inserts) == 0 {
		return errorAt(stmt.Pos(), "the statement set is empty")
	}
	for _, i := range inserts {
		n, err := b.Insert(i)
		if err != nil {
			return err
		}
		s.Logical = append(s.Logical, n)
	}
	return nil
}

// optimize runs all rules.
func (p *Planner) optimize(s *plan.Statement) error {
	roots := make([]plan.Node, len(s.Logical))
	for i, n := range s.Logical {
		for _, r := range logicalRules {
			var err error
			if n, err = r.apply(n); err != nil {
				return err
			}
		}
		roots[i] = n
	}
	src, err := p.sources(roots)
	if err != nil {
		return err
	}
	c := &converter{batch: p.Options.Batch, sources: src, env: p.Options.Env}
	pruned := pruneAll(roots, src)
	useFields(pruned, src)
	for _, n := range pruned {
		if n, err = c.node(n); err != nil {
			break
		}
		s.Physical = append(s.Physical, changelog(c.root(n)))
	}
	if err != nil {
		// The failing INSERT's sink, if it was made, is in no plan yet.
		return alsoClose(err, c.closeExcept(s))
	}
	fold(s.Physical)
	return nil
}

// source is a table as a statement reads it.
type source struct {
	source connector.Source
	at     parser.Pos
}

// sources are those of a statement by their keys: one that is read in several
// places is made once.
type sources struct{ byKey map[string]source }

// sources makes the sources of all plans.
func (p *Planner) sources(roots []plan.Node) (*sources, error) {
	out := &sources{byKey: map[string]source{}}
	var first error
	for _, r := range roots {
		plan.Walk(r, func(n plan.Node) {
			s, ok := n.(*plan.LogicalScan)
			if !ok || first != nil {
				return
			}
			first = p.source(out, s)
		})
	}
	return out, first
}

func (p *Planner) source(out *sources, s *plan.LogicalScan) error {
	key := sourceKey(s)
	if _, ok := out.byKey[key]; ok {
		return nil
	}
	src, err := s.Table.Factory.Source(s.Table.Connector, p.Options.Env)
	if err != nil {
		return errorAt(s.At, "table '%s': %s", s.Table.Path, err)
	}
	if p.Options.Batch && !src.Bounded() {
		return errorAt(s.At, "Querying an unbounded table '%s' in batch mode is not allowed. The table source is unbounded.", s.Table.Path)
	}
	out.byKey[key] = source{source: src, at: s.At}
	return nil
}

// keyed says whether a source's rows are told apart by the primary key, which
// must then be read though no expression uses it.
func (s *sources) keyed(key string) bool {
	src, ok := s.byKey[key]
	return ok && src.source.ChangelogMode()&^types.AppendOnly != 0
}
