package nexmark

import (
	"fmt"
	"time"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// reader makes the events of one split.
type reader struct {
	*generator
	now           func() time.Time
	split, splits int64
	next          int64 // how many were handed over
	end           int64 // how many there are, -1: no end
	limit         int64 // how many are handed over, -1: all
	outputs       []output

	// An event is due as long after the first as its time is after the first's.
	opened  time.Time
	from    int64
	waiting bool // the next event is not due
	wake    func()
	timer   *time.Timer
	last    time.Time

	// Of the last batch: the number and time of every event, and the rows of each kind.
	numbers []int64
	times   []int64
	of      [3][]int32
}

// output is a column of the reader's batches.
type output struct {
	typ    types.Type
	kind   kind
	fields []*field // of a ROW, nil where nobody wants it; nil: the column event_type
	nulls  []vec.Nulls
}

func (s *source) output(column int) output {
	c := s.table.Columns[column]
	o := output{typ: c.Type}
	if c.Name == eventType {
		return o
	}
	o.kind = rows[c.Name]
	o.fields, o.nulls = make([]*field, len(c.Type.Fields)), make([]vec.Nulls, len(c.Type.Fields))
	want := func(i int) {
		f := fields[o.kind][c.Type.Fields[i].Name]
		o.fields[i] = &f
	}
	if used, ok := s.used[column]; ok {
		for _, i := range used {
			want(i)
		}
		return o
	}
	for i := range o.fields {
		want(i)
	}
	return o
}

// number is the place, among all events, of the k-th one of the split.
func (r *reader) number(k int64) int64 {
	round := r.ids.total
	return (k/round*r.splits+r.split)*round + k%round
}

// Poll makes the next events that are due.
func (r *reader) Poll(limit int) (*vec.Batch, error) {
	n := int64(min(limit, vec.BatchRows))
	if r.limit >= 0 {
		n = min(n, r.limit-r.next)
	}
	if r.paced {
		n = r.due(n)
		r.waiting = n == 0
	}
	if n <= 0 {
		return nil, nil
	}
	r.count(n)
	r.next += n
	r.last = r.now()
	cols := make([]*vec.Vector, len(r.outputs))
	for i := range r.outputs {
		cols[i] = r.column(&r.outputs[i])
	}
	return &vec.Batch{N: int(n), Cols: cols}, nil
}

// due is how many of the next n events are due now; a timer rings when more are.
func (r *reader) due(n int64) int64 {
	passed := r.now().Sub(r.opened).Milliseconds()
	for k := range n {
		wait := r.clock.at(r.number(r.next+k)) - r.from - passed
		if wait <= 0 {
			continue
		}
		if k == 0 {
			if r.timer != nil {
				r.timer.Stop()
			}
			r.timer = time.AfterFunc(time.Duration(wait)*time.Millisecond, r.wake)
		}
		return k
	}
	return n
}

// count finds out what the next n events are. A round's first event is found by
// division, the others follow it.
func (r *reader) count(n int64) {
	r.numbers, r.times = r.numbers[:0], r.times[:0]
	for k := range r.of {
		r.of[k] = r.of[k][:0]
	}
	round, at, place := r.ids.total, r.next%r.ids.total, r.number(r.next)
	for i := range int32(n) {
		number := r.clock.shuffled(place)
		k := bid
		switch where := at; {
		case number != place:
			k = r.ids.kind(number)
		case where < r.ids.persons:
			k = person
		case where < r.ids.persons+r.ids.auctions:
			k = auction
		}
		r.numbers = append(r.numbers, number)
		r.times = append(r.times, r.clock.at(number))
		r.of[k] = append(r.of[k], i)
		at++
		place++
		if at == round {
			at = 0
			place += (r.splits - 1) * round
		}
	}
}

// column makes a column of the batch.
func (r *reader) column(o *output) *vec.Vector {
	n := len(r.numbers)
	if o.fields == nil {
		v := &vec.Vector{Type: o.typ, N: n, I32: make([]int32, n)}
		for k, rows := range r.of {
			for _, row := range rows {
				v.I32[row] = int32(k)
			}
		}
		return v
	}
	v := &vec.Vector{Type: o.typ, N: n, Kids: make([]*vec.Vector, len(o.fields)), Valid: vec.NewBitmap(n, false)}
	for _, row := range r.of[o.kind] {
		v.Valid.Set(int(row))
	}
	for i, f := range o.fields {
		t := o.typ.Fields[i].Type
		switch {
		case f == nil:
			v.Kids[i] = o.nulls[i].Of(t, n)
		case f.text != nil:
			v.Kids[i] = r.texts(f, t, r.of[o.kind])
		default:
			v.Kids[i] = r.values(f, t, r.of[o.kind])
		}
	}
	return v
}

func (r *reader) values(f *field, t types.Type, rows []int32) *vec.Vector {
	v := &vec.Vector{Type: t, N: len(r.numbers), I64: make([]int64, len(r.numbers))}
	per := int64(1)
	if f.time {
		per = t.Unit().PerSecond() / 1000
	}
	for _, row := range rows {
		v.I64[row] = f.number(r.generator, r.numbers[row], r.times[row]) * per
	}
	return v
}

// texts leaves nothing in the rows of other kinds of events.
func (r *reader) texts(f *field, t types.Type, rows []int32) *vec.Vector {
	n := int32(len(r.numbers))
	v := &vec.Vector{Type: t, N: int(n), Off: make([]int32, n+1)}
	at := int32(0)
	for i, row := range rows {
		for ; at <= row; at++ {
			v.Off[at] = int32(len(v.Data))
		}
		if i == 8 {
			// The first few tell how much room the others need.
			v.Data = append(make([]byte, 0, len(v.Data)/8*len(rows)*5/4+256), v.Data...)
		}
		v.Data = f.text(r.generator, v.Data, r.numbers[row])
	}
	for ; at <= n; at++ {
		v.Off[at] = int32(len(v.Data))
	}
	return v
}

func (r *reader) Position() []byte { return encode(r.next) }

func (r *reader) Status() connector.Status {
	s := connector.Status{LastAppend: r.last, Behind: -1, Drained: r.waiting}
	if r.end >= 0 {
		s.Behind = r.end - r.next
	}
	if r.limit >= 0 && r.next >= r.limit {
		s.Drained = true
		s.Done = r.next == r.end && !r.keepAlive && r.stopAt < 0
	}
	return s
}

// Where names an event by its number.
func (r *reader) Where(row int) string {
	if row < 0 || row >= len(r.numbers) {
		return "connector nexmark"
	}
	return fmt.Sprintf("event %d of connector nexmark", r.numbers[row])
}

func (r *reader) Close() error {
	if r.timer != nil {
		r.timer.Stop()
	}
	return nil
}
