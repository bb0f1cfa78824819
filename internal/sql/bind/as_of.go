package bind

import (
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// versioned takes FOR SYSTEM_TIME AS OF from the right side of a join.
func versioned(t parser.TableExpr) (parser.TableExpr, parser.Expr) {
	switch t := t.(type) {
	case *parser.TableName:
		if t.AsOf != nil {
			c := *t
			c.AsOf = nil
			return &c, t.AsOf
		}
	case *parser.AliasedTable:
		if in, asOf := versioned(t.Input); asOf != nil {
			c := *t
			c.Input = in
			return &c, asOf
		}
	}
	return t, nil
}

// asOf binds the time, which must be a time attribute of the left side.
func (b *Binder) asOf(e parser.Expr, kind plan.JoinKind, left *relation) (*plan.AsOf, error) {
	if kind != plan.Inner && kind != plan.Left {
		return nil, errorAt(e.Pos(), "FOR SYSTEM_TIME AS OF can be joined by INNER and LEFT JOIN only")
	}
	v, err := b.exprs(left.scope, "FOR SYSTEM_TIME AS OF").bind(e)
	if err != nil {
		return nil, err
	}
	c, ok := v.(*rex.Column)
	if !ok || c.T.Attr == types.NoTime {
		return nil, errorAt(e.Pos(), "Temporal table join currently only supports 'FOR SYSTEM_TIME AS OF' left table's time attribute field")
	}
	return &plan.AsOf{Time: c.Index, Proc: c.T.Attr == types.ProcTime, At: e.Pos()}, nil
}
