package vec

import (
	"fmt"
	"time"

	"github.com/millrace/millrace/internal/types"
)

// EvalContext is what an expression may know besides its row. One belongs to
// one worker; it is not shared.
type EvalContext struct {
	// Now is the time of the step, decided once a step and journaled, so that a
	// replay computes the same.
	Now time.Time
	// Location is table.local-time-zone.
	Location *time.Location
}

// Expr computes a column from a batch. The planner makes Exprs from SQL; the
// engine runs them and knows nothing else of SQL. An Expr is used by one worker
// at a time.
type Expr interface {
	Type() types.Type
	// Eval computes the value for each selected row of b. The vector has b.N
	// values; those at rows that are not selected mean nothing. It may alias a
	// column of b, and is read only. An error that a row causes is a *RowError.
	Eval(ctx *EvalContext, b *Batch) (*Vector, error)
}

// RowError says which physical row of the batch an expression failed on.
type RowError struct {
	Row int
	Msg string
	// At is where the expression stands in the query's text, "12:8"; empty if nobody
	// knows.
	At string
}

func (e *RowError) Error() string { return e.Msg }

// RowErrorf is a RowError with a formatted message.
func RowErrorf(row int, format string, args ...any) error {
	return &RowError{Row: row, Msg: fmt.Sprintf(format, args...)}
}

// Aggregate is an aggregate function bound to the types of its arguments. It
// keeps nothing itself: an accumulator is a row of cells in columns that the
// state owns, so that it is journaled, restored and moved without the function
// knowing.
//
// In all methods groups[i] is the row of cells that row rows[i] of args belongs
// to. A group may occur many times in one call. FILTER and DISTINCT are the
// operator's work: rows holds what is left.
type Aggregate interface {
	// Type is the type of the result.
	Type() types.Type
	// Cells are the types of the accumulator's columns. A new accumulator is all
	// NULL for nullable cells and zero for the others.
	Cells() []types.Type
	// Add folds the rows into their groups.
	Add(cells []*Column, groups []int32, args []*Vector, rows []int32) error
	// Retractable says whether Retract works. If not, the operator keeps the
	// multiset of arguments and recomputes a group.
	Retractable() bool
	// Retract takes rows away that Add has folded in before.
	Retract(cells []*Column, groups []int32, args []*Vector, rows []int32) error
	// Merge folds accumulator fromGroups[i] of from into groups[i] of cells: how
	// window slices are joined, and partial results of several workers.
	Merge(cells []*Column, groups []int32, from []*Column, fromGroups []int32) error
	// Result reads the results of the groups, one value for each.
	Result(cells []*Column, groups []int32) (*Vector, error)
}
