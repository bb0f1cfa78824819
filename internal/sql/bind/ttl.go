package bind

import (
	"strings"

	"github.com/millrace/millrace/internal/sql/catalog"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan"
)

// stateTTLs are the STATE_TTL hints of a SELECT: for how long the joins and the
// aggregation of its FROM keep the rows of a table, a view or a query, by the name that
// it has there. A hint is for this SELECT and for none below it.
type stateTTLs struct {
	ttls map[string]plan.StateTTL
	at   map[string]parser.Pos
	used map[string]bool
}

// stateTTLs reads the hints of a SELECT.
func (b *Binder) stateTTLs(sel *parser.Select) (*stateTTLs, error) {
	s := &stateTTLs{ttls: map[string]plan.StateTTL{}, at: map[string]parser.Pos{}, used: map[string]bool{}}
	for _, h := range sel.Hints {
		if h.Name != "STATE_TTL" {
			continue
		}
		if len(h.Options) == 0 {
			return nil, errorAt(h.Pos(), "the hint STATE_TTL takes tables with durations: STATE_TTL('orders' = '1 d')")
		}
		for _, o := range h.Options {
			d, err := catalog.ParseDuration(o.Value)
			if err != nil || d < 0 {
				return nil, errorAt(h.Pos(), "the hint STATE_TTL: '%s' is no duration; write '1 d', '12 h' or '30 min'", o.Value)
			}
			if s.ttls[o.Key] = plan.StateTTL(d); d == 0 {
				s.ttls[o.Key] = plan.ForEver
			}
			s.at[o.Key] = h.Pos()
		}
	}
	return s, nil
}

// of is the hint for a relation that is one table, view or query by a name.
func (s *stateTTLs) of(r *relation) plan.StateTTL {
	tables := r.scope.tables()
	if s == nil || len(tables) != 1 {
		return 0
	}
	s.used[tables[0]] = true
	return s.ttls[tables[0]]
}

// check refuses hints for what is not in FROM, as Flink does.
func (s *stateTTLs) check(r *relation) error {
	for name, pos := range s.at {
		if tables := r.scope.tables(); !s.used[name] && !r.scope.hasTable(name) {
			return errorAt(pos, "the hint STATE_TTL is for '%s', which is not in FROM: there are %s", name, strings.Join(tables, ", "))
		}
	}
	return nil
}
