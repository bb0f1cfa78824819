// Package connector declares what a source, a sink and a lookup table are to the
// engine, and how a table's WITH options become one. Each connector has a folder
// of its own below this one and registers nothing by itself: package node lists
// them.
package connector

import (
	"context"
	"time"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// Column is a column of a table that the connector reads or writes: a physical
// one, or one of its metadata.
type Column struct {
	Name string
	Type types.Type
	// Metadata is the key of a metadata column (METADATA FROM 'key'), or empty.
	Metadata string
	// Virtual metadata columns are read and never written.
	Virtual bool
}

// Table is a table as a connector sees it: what CREATE TABLE said, without
// computed columns and watermark.
type Table struct {
	// Path is catalog, database and name, for messages and names of jobs.
	Path [3]string
	// Columns are the physical and metadata columns in the table's order.
	Columns []Column
	// PrimaryKey are indexes into Columns, nil if there is none.
	PrimaryKey []int
	// PartitionedBy are indexes into Columns.
	PartitionedBy []int
	Options       Options
	// Dir is the folder that relative paths in options start from: that of the
	// script that created the table.
	Dir string
}

// Option is the specification of one option of a connector or format: from it
// come the check of WITH (…), the reference pages and SHOW CREATE.
type Option struct {
	Name string
	// Type is one of string, bool, int, duration, size, enum, map (Name is then
	// a prefix, such as "properties.").
	Type     string
	Default  string
	Required bool
	Values   []string // of an enum
	Doc      string
	// Check says what else is wrong with a value of the right type; nil: nothing.
	Check func(value string) error
}

// Factory makes the sources and sinks of one connector. A factory without
// NewSource cannot be read from, one without NewSink not be written to.
type Factory struct {
	// Name is the value of the option 'connector'.
	Name string
	// Summary is one sentence for the reference pages.
	Summary string
	Options []Option
	// Formats says which of format, key.format and value.format the connector
	// takes; their own options are checked against the format's specification.
	Formats Formats
	// DefaultFormat is that of a table that names none; empty: it must name one.
	DefaultFormat string
	// Metadata are the metadata columns that can be declared.
	Metadata []Column

	// Check says what is wrong with a table when it is declared, beyond its single
	// options: an *OptionError where one of them is to blame. nil: nothing is. What
	// an OPTIONS hint may still add is left to NewSource and NewSink.
	Check func(Table) error
	// Touches says what rights it takes to read or write a table. nil: those that things
	// of the host take.
	Touches func(t Table, write bool) Touches
	// Sources and sinks are made by way of Source and Sink, which ask for the rights.
	NewSource func(Table, Env) (Source, error)
	NewSink   func(Table, Env) (Sink, error)
}

// Env is what a connector gets of the node that it runs in.
type Env struct {
	Now func() time.Time
	// Location is table.local-time-zone.
	Location *time.Location
	// Params are the statement's session options (SET 'k' = 'v').
	Params map[string]string
	// May says why a table must not be read or written by whom the statement is of; nil:
	// everything may be.
	May func(Access) error
	// Delivery is how a sink writes that does not say so itself
	// (execution.checkpointing.mode): exactly-once, which empty stands for as well, or
	// at-least-once.
	Delivery string
	// Forgetful jobs keep no journal (execution.checkpointing.interval = 0), so that
	// none of their sinks can be exactly once.
	Forgetful bool
}

// Source is a table that can be read. It is made once a job.
type Source interface {
	// ChangelogMode is which row kinds its rows can have.
	ChangelogMode() types.KindSet
	// Bounded says that the source ends by itself.
	Bounded() bool
	// Splits lists what there is to read, in a fixed order, with the position
	// from which a new job starts each and, for a bounded source, where it ends.
	// It is asked once at the start of a new job, and the answer is journaled; a
	// job that is restored reads the splits that its journal names. A source
	// that must be restored and asks nothing anew returns the same IDs.
	Splits(ctx context.Context) ([]Split, error)
	// Open opens a split at its Start. columns are indexes into Table.Columns:
	// the reader's batches have these columns, in this order. wake is called,
	// from any goroutine and without locks held, when Poll may find new rows.
	Open(ctx context.Context, split Split, columns []int, wake func()) (Reader, error)
}

// ColumnChecker is a Source that may not be able to give every column that the table
// declares. It is asked when a query is planned.
type ColumnChecker interface {
	// CheckColumns says why Open would fail with these columns.
	CheckColumns(columns []int) error
}

// FieldPruner is a Source that need not make every field of its ROW columns.
type FieldPruner interface {
	// UseFields says, before Open, that of a column only these fields of the first
	// level are used; the others may be NULL. column is an index into Table.Columns.
	// It is not called for a column that is used as a whole.
	UseFields(column int, fields []int)
}

// Split is a part of a source that is read in order: a partition, a file.
type Split struct {
	// ID is stable and unique in the source: "departures-0", a file's path.
	ID string
	// Start is where to begin, in the connector's own encoding; it is what
	// Reader.Position gave, or what Splits chose.
	Start []byte
	// End is the bound in the connector's own encoding; nil: none.
	End []byte
}

// Reader reads one split. Its methods are called by one goroutine.
type Reader interface {
	// Poll hands over rows that are there now, about max at the most; it does
	// not wait for rows to arrive (it may wait for a disk). nil means that there
	// are none now. The batch is valid until the next step begins; Sel is nil.
	Poll(max int) (*vec.Batch, error)
	// Position is the place after the last batch handed over: the journal keeps
	// it, and a restored job gives it as Split.Start.
	Position() []byte
	// Status says whether more is to be expected.
	Status() Status
	// Where names physical row r of the last batch to a person: "topic
	// departures, partition 0, offset 17", "flights.csv.gz, line 5".
	Where(r int) string
	Close() error
}

// Status is what a reader knows of its split at this moment.
type Status struct {
	// Done: the bound was reached; no row will follow.
	Done bool
	// Drained: there is no row now. A split with unread rows is never idle.
	Drained bool
	// LastAppend is when the split last got a row, the zero time if it never did
	// (such a split is idle at once). Sources that cannot know give the time of
	// the last row handed over.
	LastAppend time.Time
	// Behind is how many rows or offsets are unread, -1 if unknown.
	Behind int64
	// Hidden is how many offsets there are that an open transaction hides; 0 where
	// there are no transactions.
	Hidden int64
	// Skipped counts rows left out by ignore-parse-errors.
	Skipped int64
}

// Sink is a table that can be written. It is made once a job, and commits in two
// phases, so that the job's journal alone decides what becomes visible:
//
//	Identity ── durable in the journal ── Recover(identity, last token)
//	   └> writers: Write … Write ─ Flush ┐
//	Seal: the epoch ends here
//	   └> Prepare(epoch) = token: all that was written before Seal is durable, invisible
//	         └> the journal's commit record (with the token) is durable: the commit
//	                └> Commit(token): it becomes visible
//
// From Seal on this happens beside the writers, which get the rows of the next epoch
// meanwhile:
//
//	epoch n     Write … Flush │ Prepare ── [journal] ── Commit │
//	epoch n+1                 │ Write ─ Flush ─ Write … Flush ┄┼> Write … Flush │ Prepare …
//	                        Seal     kept                                    Seal
//
// A sink whose Commit decides everything that stands under its identity, as a
// transaction's marker does, must keep the rows of n+1 to itself until it has
// committed n, and hand them over then. What it keeps is bounded: beyond that Write
// and Flush wait for the commit, or for the end of the context that the writer was
// opened with. Prepare and Commit need nothing of the goroutines that write.
//
// Seal of n+1 comes after Commit of n has returned, or after its Prepare has if that
// gave no token.
//
// After a crash Recover is called with the token of the last commit record: it
// completes that commit and drops whatever was written after it.
type Sink interface {
	// ChangelogMode is which row kinds the sink takes, given what the query
	// would produce: AppendOnly, Upsert (needs a primary key) or Retract.
	ChangelogMode(query types.KindSet) types.KindSet
	// Transactional says whether Prepare and Commit make it exactly once; other
	// sinks are at least once and flush in Prepare.
	Transactional() bool
	// Identity makes what names this job's writes for ever (a producer id). It is
	// made durable before anything is written. nil if the sink needs none.
	Identity(ctx context.Context) ([]byte, error)
	// Recover completes the commit that token stands for (nil: none yet), drops
	// every other write of this identity, and fences older writers.
	Recover(ctx context.Context, identity, token []byte) error
	// Writer opens the writer of one worker.
	Writer(ctx context.Context, worker, workers int) (Writer, error)
	// Seal ends the epoch: all writers were flushed, and none is at work. The job
	// stands still meanwhile, so it does not wait for a disk.
	Seal()
	// Prepare makes durable what was written before Seal. An empty epoch gives a
	// nil token, and no Commit follows.
	Prepare(ctx context.Context, epoch int64) (token []byte, err error)
	// Commit makes visible what the token names. It is idempotent.
	Commit(ctx context.Context, token []byte) error
	// Abort drops what was written and not prepared, or prepared and not
	// committed: a cancelled or failed job calls it last, when nothing else of the
	// sink is at work.
	Abort(ctx context.Context) error
	Close() error
}

// Writer takes the rows of one worker.
type Writer interface {
	// Write takes the selected rows. The batch's columns are the table's
	// persisted ones (no virtual metadata) in the table's order. It keeps
	// nothing of the batch. An error that a row causes is a *vec.RowError.
	Write(b *vec.Batch) error
	// Flush hands what is buffered to the destination; it is called at the end
	// of a step, and before Seal.
	Flush() error
	Close() error
}

// Blocker is a Writer that may have to wait for its sink.
type Blocker interface {
	// Blocked is how long it has waited so far.
	Blocked() time.Duration
}

// TimedWriter is a Writer that is told how far event time has come: in each step, after
// the step's rows and before Flush. At the end of a bounded input it is vec.MaxTime.
type TimedWriter interface {
	Writer
	Advance(watermark int64)
}

// Options are the WITH options of a table.
type Options map[string]string
