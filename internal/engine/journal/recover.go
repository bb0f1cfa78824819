package journal

import (
	"fmt"
	"math"
	"time"
)

// Recovered is where the last committed epoch left a job.
type Recovered struct {
	Begin    *Begin
	Epoch    int64
	Time     time.Time
	Finished bool
	// Splits are all marks, by source and split; Nodes by node; Tokens, by sink,
	// are the last that were not nil.
	Splits [][]SplitMark
	Nodes  []NodeMark
	Tokens [][]byte
	// Damage was found where it cost nothing that was committed: between two runs of
	// which the later knows the other, in pieces of a snapshot that is not used.
	Damage []Damage

	log      Log
	first    int64          // offset of the open record with which the snapshot begins
	through  int64          // of the commit record that completes it
	last     int64          // of the last commit record
	harmless map[int64]bool // where Damage begins
	dropped  map[int64]bool // open records of runs without a commit record
	since    int64
	size     int64
}

// Damage is a place of the log that cannot be read, up to but not including End.
type Damage struct {
	Offset, End int64
	Reason      string
}

func (d Damage) String() string {
	return fmt.Sprintf("journal: the record at offset %d is damaged: %s", d.Offset, d.Reason)
}

// Open reads a journal to its last commit record, from the beginning of its last
// complete snapshot. It returns nil for a journal in which nothing was ever
// committed: the job is new.
//
// Damage that is known to have cost nothing is reported. Any other is refused,
// because it is not known what the job has lost:
//
//	… commit │ open state                         the last commit counts
//	… commit │ open state ✗                       refused: it may have been a commit record
//	… commit │ open state ✗ │ open …              if that run says that it follows the commit
//	… │ open piece ✗ state commit                 an older snapshot is used
//	… │ open piece state ✗ commit                 refused
//	… ✗ … │ begin … complete …                    nothing before it counts
func Open(log Log) (*Recovered, error) {
	r := &recovery{log: log, lastCommit: -1}
	if err := scan(log, log.Start(), log.End(), r.record, r.damage); err != nil {
		return nil, err
	}
	if r.lost != nil {
		return nil, r.lost
	}
	if d := r.doubtful(); len(d) > 0 {
		return nil, fmt.Errorf("%s; an epoch may have been committed there, so what the job lost is not known", d[0])
	}
	switch {
	case r.base == nil && log.Start() > 0:
		return nil, fmt.Errorf("journal: it begins with offset %d, and has no snapshot from there on", log.Start())
	case r.base == nil:
		return nil, nil
	}
	r.note(r.damages)
	for _, d := range r.noted {
		if d.Offset >= r.base.first {
			r.base.Damage = append(r.base.Damage, d)
			r.base.harmless[d.Offset] = true
		}
	}
	return r.base, nil
}

// doubtful is the damage behind the last commit record which no run shows to be older than
// itself. A log cuts what a crash has torn, so this was durable, and is not from a crash: a
// commit record whose markers readers have seen may have been there.
func (r *recovery) doubtful() []Damage {
	known := r.run.open && r.run.head.chained && r.run.head.follows == r.lastCommit+1
	i := 0
	for known && i < len(r.damages) && r.damages[i].Offset < r.run.offset {
		i++
	}
	return r.damages[i:]
}

// recovery follows the runs of a journal. It keeps two states: that of the last
// complete snapshot with all runs since, and that of the snapshot which has begun
// after it, to which each run is applied as well.
type recovery struct {
	log        Log
	base, next *Recovered
	lost       error    // why base cannot be followed any further; nil if it can
	damages    []Damage // since the last commit record
	noted      []Damage // that cost nothing
	lastCommit int64    // offset of the last commit record, -1: none
	run        run
}

// run is the run being read.
type run struct {
	open    bool
	head    openRecord
	offset  int64 // of the open record
	records int64 // that could be read
	bytes   int64 // of them, but for pieces
	begin   *Begin
}

func (r *recovery) damage(d Damage) error {
	r.damages = append(r.damages, d)
	return nil
}

func (r *recovery) note(ds []Damage) { r.noted = append(r.noted, ds...) }

func (r *recovery) record(rec record) error {
	if rec.kind == kindOpen {
		head, err := parseOpen(rec.value)
		if err != nil {
			return refuse(rec.offset, err)
		}
		r.drop()
		if head.chained && head.follows > r.lastCommit+1 && len(r.damages) > 0 && (r.base != nil || r.next != nil) {
			// This run was not committed perhaps, but it knows of one that was.
			r.lose(fmt.Errorf("%s; an epoch was committed there, so what the job lost is not known", covering(r.damages, head.follows-1)))
			r.next = nil
		}
		r.run = run{open: true, head: head, offset: rec.offset}
	}
	r.run.records++
	if rec.kind != kindPiece {
		r.run.bytes += int64(len(rec.value))
	}
	switch rec.kind {
	case kindOpen, kindState, kindPiece:
		return nil
	case kindBegin:
		begin, err := parseBegin(rec.value)
		if err != nil {
			return refuse(rec.offset, err)
		}
		r.run.begin = begin
		return nil
	case kindCommit:
		return r.commit(rec)
	}
	return refuse(rec.offset, fmt.Errorf("is of unknown kind %q", rec.kind))
}

// covering is the damage that an offset lies in, or the first.
func covering(ds []Damage, offset int64) Damage {
	for _, d := range ds {
		if d.Offset <= offset && offset < d.End {
			return d
		}
	}
	return ds[0]
}

// drop notes that the open run has no commit record.
func (r *recovery) drop() {
	if !r.run.open {
		return
	}
	for _, at := range []*Recovered{r.base, r.next} {
		if at != nil {
			at.dropped[r.run.offset] = true
		}
	}
}

// commit takes the open run into account.
func (r *recovery) commit(rec record) error {
	run := r.run
	r.run.open = false
	begin := r.begin()
	if begin == nil {
		r.lose(fmt.Errorf("journal: offset %d commits an epoch, but the snapshot that it builds on is missing", rec.offset))
		return nil
	}
	c, e, err := parseCommit(rec.value, begin)
	if err != nil {
		return refuse(rec.offset, err)
	}
	before, pieces, within := r.sort(run, e)
	if run.begin != nil && run.open {
		r.next = newRecovered(r.log, run.begin, run.offset)
	} else if len(before) > 0 {
		r.next = nil
	}
	if len(within)+len(pieces) > 0 {
		r.next = nil // it lacks a piece at least
	}
	if len(before)+len(within) == 0 && !run.is(c, e, rec.offset, pieces) {
		r.next = nil
		r.lose(refuse(rec.offset, fmt.Errorf("commits %d records of epoch %d, the run has %d of epoch %d", e.records, c.Epoch, run.records, run.head.epoch)))
	}
	if cost := append(before, within...); len(cost) > 0 {
		r.lose(fmt.Errorf("%s; an epoch was committed after it, at offset %d, so what the job lost is not known", cost[0], rec.offset))
	}
	if all := append(pieces, append(before, within...)...); r.base == nil && r.next == nil && len(all) > 0 {
		r.lose(fmt.Errorf("%s; it was part of the only snapshot, so what the job had is not known", all[0]))
	}
	r.damages, r.lastCommit = nil, rec.offset
	r.apply(c, rec.offset, run.bytes)
	if r.next != nil && (e.complete || run.head.full) {
		r.base, r.next, r.lost = r.next, nil, nil
		r.base.through = rec.offset
		if r.base.size = e.snapshot; !run.head.chained {
			r.base.size, r.base.since = run.bytes, 0
		}
	}
	return nil
}

// begin is what bounds the numbers of a commit record: it is the same in all
// snapshots of a journal.
func (r *recovery) begin() *Begin {
	switch {
	case r.run.begin != nil:
		return r.run.begin
	case r.next != nil:
		return r.next.Begin
	case r.base != nil:
		return r.base.Begin
	}
	return nil
}

// sort parts the damage since the last commit record into what lay before the run
// and may have been an epoch, what hit pieces only, and what hit other records of
// the run. What is known to have cost nothing is noted.
func (r *recovery) sort(run run, e extent) (before, pieces, within []Damage) {
	known := run.open && run.head.chained && run.head.follows == r.lastCommit+1
	for _, d := range r.damages {
		switch inside := run.open && d.Offset >= run.offset; {
		case inside && run.hasOnlyPieces(d, e):
			pieces = append(pieces, d)
			r.note([]Damage{d})
		case inside:
			within = append(within, d)
		case known:
			r.note([]Damage{d})
		default:
			before = append(before, d)
		}
	}
	if run.open && run.head.chained && !known && len(before) == 0 && r.base != nil && r.lost == nil {
		// A run between was lost without a trace.
		before = []Damage{{Offset: r.lastCommit + 1, End: run.offset, Reason: "a commit record is missing"}}
	}
	return before, pieces, within
}

func (r run) hasOnlyPieces(d Damage, e extent) bool {
	for _, p := range e.pieces {
		if from := r.offset + p.from; from <= d.Offset && d.End <= from+p.count {
			return true
		}
	}
	return false
}

// is says whether a commit record is this run's.
func (r run) is(c *Commit, e extent, offset int64, lost []Damage) bool {
	n := r.records
	for _, d := range lost {
		n += d.End - d.Offset
	}
	return r.open && c.Epoch == r.head.epoch && int64(e.records) == n && offset-r.offset+1 == n
}

// lose says that base ends here.
func (r *recovery) lose(err error) {
	if r.lost == nil {
		r.lost = err
	}
}

// apply takes a commit record over to both states.
func (r *recovery) apply(c *Commit, offset, bytes int64) {
	if r.base != nil && r.lost == nil {
		r.base.apply(c, offset, bytes)
	}
	if r.next != nil {
		r.next.apply(c, offset, bytes)
	}
}

func refuse(offset int64, err error) error {
	return fmt.Errorf("journal: the record at offset %d %w", offset, err)
}

// newRecovered begins with the snapshot whose first run is at offset.
func newRecovered(log Log, begin *Begin, offset int64) *Recovered {
	rec := &Recovered{log: log, Begin: begin, first: offset, dropped: map[int64]bool{}, harmless: map[int64]bool{}}
	rec.Splits = make([][]SplitMark, len(begin.Sources))
	for i, s := range begin.Sources {
		for j, sp := range s.Splits {
			rec.Splits[i] = append(rec.Splits[i], SplitMark{Source: i, Split: j, Position: sp.Start, Watermark: math.MinInt64})
		}
	}
	rec.Nodes = make([]NodeMark, len(begin.Nodes))
	for i := range rec.Nodes {
		rec.Nodes[i] = NodeMark{Node: i, Input: math.MinInt64, Watermark: math.MinInt64}
	}
	rec.Tokens = make([][]byte, len(begin.Sinks))
	return rec
}

func (rec *Recovered) apply(c *Commit, offset, bytes int64) {
	rec.Epoch, rec.Time, rec.Finished, rec.last = c.Epoch, c.Time, c.Finished, offset
	rec.since += bytes
	for _, s := range c.Splits {
		rec.Splits[s.Source][s.Split] = s
	}
	for _, n := range c.Nodes {
		rec.Nodes[n.Node] = n
	}
	for _, t := range c.Tokens {
		if t.Token != nil {
			rec.Tokens[t.Sink] = t.Token
		}
	}
}

// State reads the pieces of the snapshot and what the committed runs since it
// began have changed, in their order. delta is valid during the call.
func (rec *Recovered) State(apply func(node, worker int, delta []byte) error) error {
	return rec.StateOf(func(node, worker, _ int, delta []byte) error { return apply(node, worker, delta) })
}

// StateOf is State, and says how many workers there were when a record was written;
// 0: not known.
func (rec *Recovered) StateOf(apply func(node, worker, workers int, delta []byte) error) error {
	skip, workers := false, 0
	visit := func(r record) error {
		switch r.kind {
		case kindOpen:
			skip = rec.dropped[r.offset]
			head, err := parseOpen(r.value)
			if err != nil {
				return refuse(r.offset, err)
			}
			workers = head.workers
		case kindState, kindPiece:
			if skip || r.kind == kindPiece && r.offset > rec.through {
				return nil // what a later snapshot would say again
			}
			node, worker, delta, err := parseState(r.value)
			if err == nil && node >= len(rec.Begin.Nodes) {
				err = fmt.Errorf("is of node %d of %d", node, len(rec.Begin.Nodes))
			}
			if err != nil {
				return refuse(r.offset, err)
			}
			return apply(node, worker, workers, delta)
		}
		return nil
	}
	// The range was read whole when the journal was opened.
	broken := func(d Damage) error {
		if rec.harmless[d.Offset] {
			return nil
		}
		return fmt.Errorf("%s", d)
	}
	return scan(rec.log, rec.first, rec.last+1, visit, broken)
}
