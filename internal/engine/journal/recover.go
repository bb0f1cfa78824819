package journal

import (
	"fmt"
	"math"
	"slices"
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
	// Damage was found behind the last commit record; what it hit was not
	// committed, and is dropped.
	Damage []Damage

	log         Log
	first, last int64          // offsets of the last full run's open record, of the last commit record
	dropped     map[int64]bool // open records of runs without a commit record
	since       int64
	snapshot    int64
}

// Damage is a place of the log that cannot be read.
type Damage struct {
	Offset int64
	Reason string
}

func (d Damage) String() string {
	return fmt.Sprintf("journal: the record at offset %d is damaged: %s", d.Offset, d.Reason)
}

// Open reads a journal to its last commit record. It returns nil for a journal
// in which nothing was ever committed: the job is new.
//
// Damage behind the last commit record is what a crash leaves; it is reported.
// Any other is refused, because it is not known what the job has lost:
//
//	… commit │ open state ✗                     the last commit counts
//	… commit │ open state ✗ │ open … commit     refused
//	… ✗ … │ open(full) begin state … commit     nothing before a full run counts
func Open(log Log) (*Recovered, error) {
	r := &recovery{rec: &Recovered{log: log, dropped: make(map[int64]bool)}}
	err := scan(log, log.Start(), log.End(), r.record, r.damage)
	if err == nil {
		err = r.lost
	}
	if err != nil {
		return nil, err
	}
	if r.rec.Begin == nil {
		return nil, nil
	}
	r.rec.Damage = r.damages
	return r.rec, nil
}

// recovery follows the runs of a journal.
type recovery struct {
	rec     *Recovered
	damages []Damage // since the last full run
	lost    error    // an epoch that was committed and cannot be read; a full run heals it
	run     run
}

// run is the run being read.
type run struct {
	open, full bool
	epoch      int64
	offset     int64 // of the open record
	records    int
	bytes      int64
	begin      *Begin
}

func (r *recovery) damage(d Damage) error {
	r.damages = append(r.damages, d)
	return nil
}

func (r *recovery) record(rec record) error {
	if rec.kind == kindOpen {
		epoch, full, err := parseOpen(rec.value)
		if err != nil {
			return refuse(rec.offset, err)
		}
		if r.run.open {
			r.rec.dropped[r.run.offset] = true
		}
		r.run = run{open: true, full: full, epoch: epoch, offset: rec.offset}
	}
	r.run.records++
	r.run.bytes += int64(len(rec.value))
	switch rec.kind {
	case kindOpen, kindState:
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

// commit takes the open run into account.
func (r *recovery) commit(rec record) error {
	run, out := r.run, r.rec
	r.run.open = false
	if run.open && run.full && run.begin != nil {
		// Nothing before this run counts any more.
		r.damages = slices.DeleteFunc(r.damages, func(d Damage) bool { return d.Offset < run.offset })
		r.lost = nil
		out.reset(run.begin, run.offset)
	}
	switch {
	case r.lost != nil:
		return nil
	case len(r.damages) > 0:
		r.lost = fmt.Errorf("%s; an epoch was committed after it, at offset %d, so what the job lost is not known", r.damages[0], rec.offset)
		return nil
	case out.Begin == nil:
		r.lost = fmt.Errorf("journal: offset %d commits an epoch, but the snapshot that it builds on is missing", rec.offset)
		return nil
	}
	c, records, err := parseCommit(rec.value, out.Begin)
	if err != nil {
		return refuse(rec.offset, err)
	}
	if !run.open || c.Epoch != run.epoch || records != run.records {
		return refuse(rec.offset, fmt.Errorf("commits %d records of epoch %d, the run has %d of epoch %d", records, c.Epoch, run.records, run.epoch))
	}
	out.apply(c, rec.offset)
	if out.since += run.bytes; run.full {
		out.since, out.snapshot = 0, run.bytes
	}
	return nil
}

func refuse(offset int64, err error) error {
	return fmt.Errorf("journal: the record at offset %d %w", offset, err)
}

// reset begins anew with a full run.
func (rec *Recovered) reset(begin *Begin, offset int64) {
	rec.Begin, rec.first = begin, offset
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
	clear(rec.dropped)
}

func (rec *Recovered) apply(c *Commit, offset int64) {
	rec.Epoch, rec.Time, rec.Finished, rec.last = c.Epoch, c.Time, c.Finished, offset
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

// State reads the state records of all committed runs since the last full one,
// in their order. delta is valid during the call.
func (rec *Recovered) State(apply func(node, worker int, delta []byte) error) error {
	skip := false
	visit := func(r record) error {
		switch r.kind {
		case kindOpen:
			skip = rec.dropped[r.offset]
		case kindState:
			if skip {
				return nil
			}
			node, worker, delta, err := parseState(r.value)
			if err == nil && node >= len(rec.Begin.Nodes) {
				err = fmt.Errorf("is of node %d of %d", node, len(rec.Begin.Nodes))
			}
			if err != nil {
				return refuse(r.offset, err)
			}
			return apply(node, worker, delta)
		}
		return nil
	}
	// The range was read whole when the journal was opened.
	broken := func(d Damage) error { return fmt.Errorf("%s", d) }
	return scan(rec.log, rec.first, rec.last+1, visit, broken)
}
