// Package state holds the keyed state of operators: tables of columns, addressed
// by key, in memory that the garbage collector does not scan.
//
// State is addressed by (operator, table, key group, key). A change is kept as an
// after-image: the whole row as it is after the step, or a tombstone; so replaying
// a journal twice, or from an older snapshot, gives the same state.
package state

import (
	"fmt"
	"slices"
	"time"

	"github.com/millrace/millrace/internal/types"
)

// TableSpec declares a table.
type TableSpec struct {
	// Name is the table's identity within its operator, also in the journal.
	Name string
	// Key are the types of the key's columns.
	Key []types.Type
	// HashKey is how many of the first key columns decide the key group. They
	// must be those by which the exchange before the operator distributes. With
	// 0 all rows are in key group 0, which belongs to worker 0.
	HashKey int
	// Value are the types of the value's columns.
	Value []types.Type
	// Index lists the key columns by which rows are chained: First and Next
	// visit all rows that agree in them, the oldest first. nil: no chains; empty
	// but not nil: one chain of all rows.
	Index []int
	// Ordered makes each chain a tree, ordered by the bytes of the last value
	// column, then by age. The value column before the last is then the row's
	// weight, a BIGINT NOT NULL: how many equal rows it stands for. See tree.go.
	Ordered bool
	// Broadcast rows are restored on every worker, whatever their key group:
	// for what all workers know alike, such as the progress of time.
	Broadcast bool
	// Wide says that a chain may be larger than memory: rows leave memory one by
	// one, and chains are visited with Each, not with First and Next.
	Wide bool
	// Pinned keeps all rows in memory, for operators that hold ids over steps or
	// scan the table.
	Pinned bool
	// TTL is how long a row lives after it was last touched; 0: for ever. Expired
	// rows go when Store.Tick is called.
	TTL time.Duration
}

// Store holds the tables of one operator on one worker. It belongs to the
// goroutine of that worker.
type Store struct {
	maxParallelism int
	tables         []*Table
	byName         map[string]*Table
	now            int64 // epoch milliseconds
	expires        bool  // some table has a TTL
	spill          *Spill
	snapshots      []*Snapshot // that are being written
}

// SpillTo says where rows go when Evict is called. It is called before the tables are
// declared.
func (s *Store) SpillTo(to *Spill) { s.spill = to }

// NewStore makes an empty store.
func NewStore(maxParallelism int) *Store {
	return &Store{maxParallelism: maxParallelism, byName: map[string]*Table{}}
}

// Table declares a table, in Operator.Open; its name is its identity.
func (s *Store) Table(spec TableSpec) *Table {
	if s.byName[spec.Name] != nil {
		panic(fmt.Sprintf("state: table %q is declared twice", spec.Name))
	}
	t := newTable(spec, s)
	if s.spill != nil && spec.spillable() {
		t.cold = &cold{spill: s.spill}
		if spec.Wide {
			t.cold.order = append(slices.Clone(spec.Index), without(len(spec.Key), spec.Index)...)
		}
	}
	s.tables = append(s.tables, t)
	s.byName[spec.Name] = t
	s.expires = s.expires || spec.TTL > 0
	return t
}

// Tick sets the time from which rows that are touched live their TTL, and
// deletes those that have lived it. Operators call it before they look at their
// tables, with the time of the step, so that a replay expires the same rows.
func (s *Store) Tick(now time.Time) {
	if !s.expires {
		return
	}
	s.now = now.UnixMilli()
	for _, t := range s.tables {
		t.expire(s.now)
	}
}

// without are the numbers from 0 to n-1 that are not in list.
func without(n int, list []int) []int {
	var out []int
	for i := range n {
		if !slices.Contains(list, i) {
			out = append(out, i)
		}
	}
	return out
}

// Settle makes what is derived from rows that were restored, which otherwise the
// first look at a table does.
func (s *Store) Settle() {
	for _, t := range s.tables {
		t.settle()
	}
}

// LiveBytes is the memory that the rows take which are in memory. What the tables
// hold, MemBytes, is what that was at most.
func (s *Store) LiveBytes() int64 {
	n := int64(0)
	for _, t := range s.tables {
		n += t.liveBytes()
	}
	return n
}

// SpilledRows is the number of rows that are not in memory; after a restore it may
// be too high.
func (s *Store) SpilledRows() int64 {
	n := int64(0)
	for _, t := range s.tables {
		if t.cold != nil {
			n += t.cold.rows
		}
	}
	return n
}

// DiskBytes is about what the rows take that are not in memory.
func (s *Store) DiskBytes() int64 {
	n := int64(0)
	for _, t := range s.tables {
		if t.cold.any() {
			b := t.cold.bounds()
			if size, err := t.cold.db.EstimateDiskUsage(b.LowerBound, b.UpperBound); err == nil {
				n += int64(size)
			}
		}
	}
	return n
}

// MemBytes is the memory that the tables hold.
func (s *Store) MemBytes() int64 {
	n := int64(0)
	for _, t := range s.tables {
		n += t.MemBytes()
	}
	return n
}

// Rows is the number of rows in all tables.
func (s *Store) Rows() int {
	n := 0
	for _, t := range s.tables {
		n += t.Len()
	}
	return n
}

// Tables are the tables in the order of their declaration.
func (s *Store) Tables() []*Table { return s.tables }
