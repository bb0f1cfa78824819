package state

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync"

	"github.com/cockroachdb/pebble"
	"github.com/cockroachdb/pebble/bloom"
)

// Spill is where the rows of a job go for which memory has no room: a Pebble store in
// a directory of its own. It is no more durable than memory, for the journal is what
// a job is restored from: nothing is written ahead, nothing synced; it is empty at
// the start, and gone at the end. Several workers use it at once.
//
// A row is found under
//
//	┌─────────────┬───────────────────┬─────────────────────────────┐
//	│ table (4 B) │ hash of unit (4 B)│ key columns, vec's encoding │
//	└─────────────┴───────────────────┴─────────────────────────────┘
//
// and its value is
//
//	┌───────────────────┬──────────────┬──────────────────────┬───────────────┐
//	│ hash of key (4 B) │ length (1 B) │ key group, age, last │ value columns │
//	│                   │ of what next │ touched, as journaled│               │
//	└───────────────────┴──────────────┴──────────────────────┴───────────────┘
//
// so that a row can be copied to a snapshot without being decoded.
type Spill struct {
	dir string
	mu  struct {
		sync.Mutex
		db     *pebble.DB
		made   string // the directory that was made
		spaces uint32
		err    error
	}
}

const (
	// prefixBytes is the part of a key that bloom filters know: table and unit.
	prefixBytes = 8
	// spillCache and spillMemTable are what Pebble takes of memory, besides a job's
	// budget. The filters of all files must fit in the cache: a key that is new is
	// looked for in each.
	spillCache    = 64 << 20
	spillMemTable = 16 << 20
)

// NewSpill makes a Spill that will use a directory, if it is ever used: what is in it
// is deleted then. An empty dir stands for a temporary one.
func NewSpill(dir string) *Spill { return &Spill{dir: dir} }

// SpillError is a failure of the disk that spilled rows lie on. It comes as a panic,
// since lookups have no errors, and fails the job; its journal has everything.
type SpillError struct{ Err error }

func (e *SpillError) Error() string { return fmt.Sprintf("state on disk: %v", e.Err) }

// Unwrap is the cause.
func (e *SpillError) Unwrap() error { return e.Err }

// must panics with what the disk said.
func must(err error) {
	if err != nil {
		panic(&SpillError{err})
	}
}

// space is the store, opened if need be, and a number for a table in it.
func (s *Spill) space() (*pebble.DB, uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.db == nil && s.mu.err == nil {
		s.mu.err = s.open()
	}
	must(s.mu.err)
	s.mu.spaces++
	return s.mu.db, s.mu.spaces
}

func (s *Spill) open() (err error) {
	if s.mu.made = s.dir; s.dir == "" {
		if s.mu.made, err = os.MkdirTemp("", "millrace-state-"); err != nil {
			return err
		}
	} else if err = os.RemoveAll(s.dir); err != nil {
		return err
	}
	cache := pebble.NewCache(spillCache)
	defer cache.Unref()
	o := &pebble.Options{
		Cache: cache, MemTableSize: spillMemTable, DisableWAL: true, Comparer: comparer,
		FormatMajorVersion: pebble.FormatNewest, Logger: quiet{}, MaxOpenFiles: 500,
		L0CompactionThreshold: 4, LBaseMaxBytes: 64 << 20, Levels: make([]pebble.LevelOptions, 7),
		MaxConcurrentCompactions: func() int { return 2 },
	}
	for i := range o.Levels {
		l := &o.Levels[i]
		l.BlockSize, l.FilterPolicy, l.FilterType = 16<<10, bloom.FilterPolicy(10), pebble.TableFilter
		l.TargetFileSize, l.IndexBlockSize = 16<<20, 512<<10
	}
	s.mu.db, err = pebble.Open(s.mu.made, o)
	return err
}

// comparer tells Pebble which part of a key the bloom filters are made of.
var comparer = func() *pebble.Comparer {
	c := *pebble.DefaultComparer
	c.Name = "millrace.state"
	c.Split = func(k []byte) int { return min(len(k), prefixBytes) }
	return &c
}()

// quiet keeps Pebble's own log out of ours.
type quiet struct{}

func (quiet) Infof(string, ...any) {}

func (quiet) Fatalf(format string, args ...any) {
	panic(&SpillError{fmt.Errorf(format, args...)})
}

// Close gives the disk space back.
func (s *Spill) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.db == nil {
		return nil
	}
	err := s.mu.db.Close()
	s.mu.db, s.mu.err = nil, pebble.ErrClosed
	if rerr := os.RemoveAll(s.mu.made); err == nil {
		err = rerr
	}
	return err
}

// Used says that rows were spilled.
func (s *Spill) Used() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.db != nil
}

// Budget is the memory that the states of several jobs share.
type Budget struct {
	limit int64
	mu    struct {
		sync.Mutex
		used map[*Share]int64
	}
}

// NewBudget makes a budget of so many bytes; 0: without a limit.
func NewBudget(limit int64) *Budget {
	b := &Budget{limit: limit}
	b.mu.used = map[*Share]int64{}
	return b
}

// Share is a job's part in a Budget.
type Share struct{ of *Budget }

// Join gives a job a share; nil of a nil budget.
func (b *Budget) Join() *Share {
	if b == nil || b.limit == 0 {
		return nil
	}
	s := &Share{b}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.used[s] = 0
	return s
}

// Leave gives the share back.
func (s *Share) Leave() {
	if s == nil {
		return
	}
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	delete(s.of.mu.used, s)
}

// Allowed is how many bytes a job may use that uses so many now: what the others
// leave, and an equal part at least.
func (s *Share) Allowed(used int64) int64 {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	s.of.mu.used[s] = used
	others := int64(0)
	for o, n := range s.of.mu.used {
		if o != s {
			others += n
		}
	}
	return max(s.of.limit-others, s.of.limit/int64(len(s.of.mu.used)))
}

// spillKey begins a key of a table.
func spillKey(dst []byte, space, unit uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(dst, space), unit)
}
