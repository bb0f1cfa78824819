package journal

import (
	"fmt"
	"time"
)

// A run is the records of one epoch. Its records lie together; a run without its
// commit record was cut off by a crash and is passed over.
//
//	open │ begin? │ state … │ commit
//
// A snapshot is all state, in pieces, which are spread over as many runs as it
// takes: what is written is always the rows as they are after the run's epoch, so
// that pieces and changes, applied in their order, give the state at the end.
//
//	run n        open │ begin │ piece … state … │ commit   it begins here
//	run n+1 …    open │ piece … state … │ commit
//	run m        open │ piece … state … │ commit, complete
//
// Reading begins with run n once run m is committed; until then with the snapshot
// before. A full run is a snapshot that is begun and completed in one run.
//
// The batch that carries a record has its checksum; records have none of their
// own. Pieces lie in batches of their own, and the commit record says which: so
// damage that hit nothing but pieces of an unfinished snapshot is known to have
// cost nothing else. A run says which commit record it follows: so damage between
// the two, which is what a crash leaves, is known to have cost nothing at all.
//
// A record's key is its kind, one byte; its value is, with uv an unsigned and sv a
// signed varint, and bytes a uv length and so many bytes:
//
//	open 'O'    version 1 │ epoch uv │ full 1 │ follows uv │ workers uv
//	            full: the run holds everything, and replaces all before it
//	            follows: the offset of the commit record before, plus 1; 0: none
//	            workers: that wrote the run, so that a restart with as many gives each
//	            its own records; 0: not known
//	begin 'B'   version 1 │ job bytes │ key groups uv
//	            │ n uv │ n × node ID bytes
//	            │ n uv │ n × source: node uv │ m uv │ m × split: ID bytes, start bytes?, end bytes?
//	            │ n uv │ n × sink: node uv, identity bytes?
//	piece 'P'   version 1 │ node uv │ worker uv │ rows, as package state encodes them
//	state 'S'   the same, of what the epoch changed
//	commit 'C'  version 1 │ epoch uv │ records of the run, itself included uv
//	            │ complete 1 │ bytes of the snapshot uv
//	            │ n uv │ n × range of pieces: records after the open record uv, length uv
//	            │ time sv (ms) │ finished 1
//	            │ n uv │ n × split: source uv, split uv, position bytes?, watermark sv, flags 1
//	            │ n uv │ n × node: node uv, input sv, watermark sv, idle 1, m uv, m × counter uv
//	            │ n uv │ n × token: sink uv, token bytes?
//
// where bytes? has the length plus one, and 0 for nil. Splits and nodes are named by
// their place in the begin record; those that did not change since the last commit
// record may be left out, except in a run with a begin record.
//
// Version 1 had neither follows nor workers, nor the second and third line of the
// commit record, and knew full runs only, whose state records hold everything.
const (
	kindOpen   = 'O'
	kindBegin  = 'B'
	kindPiece  = 'P'
	kindState  = 'S'
	kindCommit = 'C'

	version = 2
)

// Begin is what a job is for ever, decided at its first start.
type Begin struct {
	JobID          string
	MaxParallelism int
	Nodes          []string
	Sources        []Source
	Sinks          []Sink
}

// Source is a source node, by its index in Begin.Nodes, and its splits.
type Source struct {
	Node   int
	Splits []Split
}

// Split is a split with where the job began it and its bound.
type Split struct {
	ID         string
	Start, End []byte
}

// Sink is a sink node and the identity of the job's writes there.
type Sink struct {
	Node     int
	Identity []byte
}

// Commit is where an epoch leaves the job.
type Commit struct {
	Epoch int64
	// Time is what the last step took for now.
	Time time.Time
	// Finished: the input has ended, and there will be no further epoch.
	Finished bool
	Splits   []SplitMark
	Nodes    []NodeMark
	Tokens   []Token
}

// SplitMark is how far a split was read.
type SplitMark struct {
	Source, Split int // indexes in Begin.Sources and its Splits
	Position      []byte
	Watermark     int64
	Idle, Done    bool
}

// NodeMark is a node's watermarks, of its input and its output, and its counters
// in an order of the engine's choice.
type NodeMark struct {
	Node      int
	Input     int64
	Watermark int64
	Idle      bool
	Counters  []int64
}

// Token is what a sink's Prepare gave.
type Token struct {
	Sink  int // index in Begin.Sinks
	Token []byte
}

// openRecord begins a run.
type openRecord struct {
	epoch   int64
	full    bool
	follows int64 // the offset of the commit record before, plus 1; 0: none
	chained bool  // follows is known: not in version 1
	workers int
}

func (o openRecord) append(b []byte) []byte {
	b = appendBool(appendInt(append(b, version), o.epoch), o.full)
	return appendInt(appendInt(b, o.follows), int64(o.workers))
}

func parseOpen(b []byte) (openRecord, error) {
	r := newReader(b)
	o := openRecord{epoch: r.int(), full: r.bool()}
	if r.version > 1 {
		o.chained, o.follows, o.workers = true, r.int(), int(r.int())
	}
	return o, r.err("open")
}

func (x *Begin) append(b []byte) []byte {
	b = appendString(append(b, version), x.JobID)
	b = appendInt(b, int64(x.MaxParallelism))
	b = appendInt(b, int64(len(x.Nodes)))
	for _, id := range x.Nodes {
		b = appendString(b, id)
	}
	b = appendInt(b, int64(len(x.Sources)))
	for _, s := range x.Sources {
		b = appendInt(appendInt(b, int64(s.Node)), int64(len(s.Splits)))
		for _, sp := range s.Splits {
			b = appendBytes(appendBytes(appendString(b, sp.ID), sp.Start), sp.End)
		}
	}
	b = appendInt(b, int64(len(x.Sinks)))
	for _, s := range x.Sinks {
		b = appendBytes(appendInt(b, int64(s.Node)), s.Identity)
	}
	return b
}

func parseBegin(b []byte) (*Begin, error) {
	r := newReader(b)
	x := &Begin{JobID: r.string(), MaxParallelism: int(r.int())}
	for range r.count() {
		x.Nodes = append(x.Nodes, r.string())
	}
	for range r.count() {
		s := Source{Node: r.index(len(x.Nodes))}
		for range r.count() {
			s.Splits = append(s.Splits, Split{ID: r.string(), Start: r.bytes(), End: r.bytes()})
		}
		x.Sources = append(x.Sources, s)
	}
	for range r.count() {
		x.Sinks = append(x.Sinks, Sink{Node: r.index(len(x.Nodes)), Identity: r.bytes()})
	}
	return x, r.err("begin")
}

func appendState(b []byte, node, worker int) []byte {
	return appendInt(appendInt(append(b, version), int64(node)), int64(worker))
}

func parseState(b []byte) (node, worker int, delta []byte, err error) {
	r := newReader(b)
	node, worker = int(r.int()), int(r.int())
	delta, r.b = r.b, nil
	return node, worker, delta, r.err("state")
}

const (
	flagIdle = 1 << iota
	flagDone
)

// extent is what a commit record says of the run that it closes.
type extent struct {
	records  int
	complete bool  // with this run the snapshot begun last is complete
	snapshot int64 // its bytes
	pieces   []span
}

// span is a range of a run's records.
type span struct{ from, count int64 }

func (c *Commit) append(b []byte, e extent) []byte {
	b = appendInt(appendInt(append(b, version), c.Epoch), int64(e.records))
	b = appendInt(appendBool(b, e.complete), e.snapshot)
	b = appendInt(b, int64(len(e.pieces)))
	for _, p := range e.pieces {
		b = appendInt(appendInt(b, p.from), p.count)
	}
	b = appendBool(appendSigned(b, c.Time.UnixMilli()), c.Finished)
	b = appendInt(b, int64(len(c.Splits)))
	for _, s := range c.Splits {
		b = appendBytes(appendInt(appendInt(b, int64(s.Source)), int64(s.Split)), s.Position)
		flags := byte(0)
		if s.Idle {
			flags |= flagIdle
		}
		if s.Done {
			flags |= flagDone
		}
		b = append(appendSigned(b, s.Watermark), flags)
	}
	b = appendInt(b, int64(len(c.Nodes)))
	for _, n := range c.Nodes {
		b = appendSigned(appendSigned(appendInt(b, int64(n.Node)), n.Input), n.Watermark)
		b = appendBool(b, n.Idle)
		b = appendInt(b, int64(len(n.Counters)))
		for _, v := range n.Counters {
			b = appendInt(b, v)
		}
	}
	b = appendInt(b, int64(len(c.Tokens)))
	for _, t := range c.Tokens {
		b = appendBytes(appendInt(b, int64(t.Sink)), t.Token)
	}
	return b
}

// parseCommit reads a commit record; begin bounds what its indexes may be.
func parseCommit(b []byte, begin *Begin) (c *Commit, e extent, err error) {
	r := newReader(b)
	c = &Commit{Epoch: r.int()}
	e.records = int(r.int())
	if r.version > 1 {
		e.complete, e.snapshot = r.bool(), r.int()
		for range r.count() {
			e.pieces = append(e.pieces, span{r.int(), r.int()})
		}
	}
	c.Time = time.UnixMilli(r.signed())
	c.Finished = r.bool()
	for range r.count() {
		s := SplitMark{Source: r.index(len(begin.Sources))}
		if !r.bad {
			s.Split = r.index(len(begin.Sources[s.Source].Splits))
		}
		s.Position, s.Watermark = r.bytes(), r.signed()
		flags := r.byte()
		s.Idle, s.Done = flags&flagIdle != 0, flags&flagDone != 0
		c.Splits = append(c.Splits, s)
	}
	for range r.count() {
		n := NodeMark{Node: r.index(len(begin.Nodes)), Input: r.signed(), Watermark: r.signed(), Idle: r.bool()}
		for range r.count() {
			n.Counters = append(n.Counters, r.int())
		}
		c.Nodes = append(c.Nodes, n)
	}
	for range r.count() {
		c.Tokens = append(c.Tokens, Token{Sink: r.index(len(begin.Sinks)), Token: r.bytes()})
	}
	return c, e, r.err("commit")
}

// errVersion says that a record is of a later format.
func errVersion(v byte) error {
	return fmt.Errorf("is of format version %d, this program reads versions up to %d", v, version)
}
