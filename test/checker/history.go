// Package checker holds what clients saw of a log against what they did to it, in the
// manner of Jepsen's checker for Kafka: histories are recorded while nodes are killed,
// and judged afterwards by code that knows nothing of the node's.
package checker

import "sync"

// Outcome is what a client knows of what it tried.
type Outcome uint8

const (
	// Unknown: it may have happened, it may happen yet.
	Unknown Outcome = iota
	// Done: the node said so.
	Done
	// Refused: it has not happened and never will.
	Refused
)

// Place is a partition and an offset in it.
type Place struct {
	Partition int32
	Offset    int64
}

// Write is one record that a process sent. Values are unique in a history.
type Write struct {
	Process   int
	Partition int32
	Value     int64
	Txn       int64 // 0: in no transaction
	Outcome   Outcome
	Offset    int64 // of the acknowledgement, if Done
}

// Read is one record that a reader was given.
type Read struct {
	Session   int // a reader between two seeks: its offsets only grow
	Committed bool
	Place
	Value int64
}

// Position is an offset that a group committed, or found.
type Position struct {
	Partition int32
	Offset    int64
	Fetched   bool    // found, not committed
	Outcome   Outcome // of a commit
}

// History is what happened. It is safe for concurrent use while it is recorded.
type History struct {
	mu        sync.Mutex
	writes    []Write
	txns      map[int64]Outcome
	reads     []Read
	positions []Position // in the order of one process
	// final are complete reads of all partitions after everything was over, by
	// isolation level.
	final map[bool]map[Place]int64
}

// NewHistory is an empty one.
func NewHistory() *History {
	return &History{txns: map[int64]Outcome{}, final: map[bool]map[Place]int64{false: {}, true: {}}}
}

// Sent notes a write before its outcome is known and gives the number to tell it by.
func (h *History) Sent(w Write) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writes = append(h.writes, w)
	return len(h.writes) - 1
}

// Answered notes the outcome of a write.
func (h *History) Answered(n int, o Outcome, offset int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writes[n].Outcome, h.writes[n].Offset = o, offset
}

// Txn notes how a transaction ended: Done is committed, Refused aborted.
func (h *History) Txn(id int64, o Outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.txns[id] = o
}

// Saw notes a read.
func (h *History) Saw(r Read) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reads = append(h.reads, r)
}

// At notes a group's position.
func (h *History) At(p Position) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.positions = append(h.positions, p)
}

// Final notes a record of the last, complete read.
func (h *History) Final(committed bool, at Place, value int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.final[committed][at] = value
}

// Size is how many writes, acknowledged writes and reads there are.
func (h *History) Size() (writes, done, reads int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.writes {
		if h.writes[i].Outcome == Done {
			done++
		}
	}
	return len(h.writes), done, len(h.reads)
}
