package operator

import (
	"slices"

	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// sessions finds the session of each row: a window that goes on while no gap
// between a key's rows is longer than the gap. A row within reach of two sessions
// makes them one.
//
//	rows      ●  ●            ●        then ● makes one of two
//	sessions  ├──────gap──┤   ├──gap──┤      ├──────────────────┤
//
// A session has a row in the table, under its keys and a number, so that it keeps
// its row while its bounds move; its start and its last row's time are values.
// Sessions whose bounds touch are one, as in Flink.
//
// A row is late if the session that it would belong to has fired at the row's limit
// (see windowAgg): one that has fired by then is out of reach, even if it is still
// here because the step is not over.
type sessions struct {
	spec  *WindowAggregateSpec
	ctx   *Context
	grid  lattice
	unit  types.Unit
	table *state.Table
	start *vec.Column
	last  *vec.Column
	clock clock
	wm    int64
	seen  int

	// merge moves what belongs to one session to another, before it goes.
	merge func(into, from int32) error

	timers timers
	queued []int64 // by id: where the session's timer stands

	// Of the last call of assign: rows with their sessions, and late ones.
	rows, ids []int32
	late      lateList

	keys       []*vec.Vector
	number     *vec.Vector
	heads, all []int32
	near       []int32
}

func (s *sessions) open(ctx *Context, spec *WindowAggregateSpec, cells []types.Type) {
	s.spec, s.ctx, s.wm = spec, ctx, vec.MinTime
	s.grid = lattice{size: spec.Windows.Size.Milliseconds(), zone: zone{loc: spec.Windows.Location}}
	if w := spec.Windows; !w.ProcTime {
		s.unit = spec.Input[w.TimeCol].Unit()
	}
	keys := columnTypes(spec.Input, spec.Keys)
	s.table = ctx.State.Table(state.TableSpec{
		Name: "sessions", Key: append(slices.Clone(keys), countType), HashKey: len(keys), Index: countTo(len(keys)),
		Value: append(slices.Clone(cells), timeKey, timeKey), Pinned: true,
	})
	s.start, s.last = s.table.Value(len(cells)), s.table.Value(len(cells)+1)
	s.number = vec.New(countType, 0, 0)
	s.clock = openClock(ctx.State)
}

func (s *sessions) refresh() {
	n := s.table.Restored() + s.clock.restored()
	if n == s.seen {
		return
	}
	s.seen, s.wm = n, s.clock.now()
	s.timers.clear()
	clear(s.queued)
	s.table.Scan(s.schedule)
}

// end is the end of a session: it fires when that is reached.
func (s *sessions) end(id int32) int64 { return s.last.I64[id] + s.grid.size }

func (s *sessions) fireAt(id int32) int64 { return s.grid.fireAt(s.end(id)) }

// numbers is the column with the sessions' numbers.
func (s *sessions) numbers() []int64 { return s.table.Key(len(s.spec.Keys)).I64 }

// schedule sets a session's timer. One that moves on keeps the timer it has, which
// is set anew when it goes off.
func (s *sessions) schedule(id int32) {
	for int(id) >= len(s.queued) {
		s.queued = append(s.queued, 0)
	}
	at := s.fireAt(id)
	s.queued[id] = at
	s.timers.push(timer{at: at, age: s.table.Age(id), id: id})
}

// assign finds the sessions of a batch's rows.
func (s *sessions) assign(b *vec.Batch) error {
	s.refresh()
	s.all = selected(s.all, b)
	s.rows, s.ids = s.rows[:0], s.ids[:0]
	s.late.reset()
	s.keys = pick(s.keys, b, s.spec.Keys)
	s.heads = sized(s.heads, len(s.all))
	s.table.First(s.keys, s.all, s.heads)
	var times *vec.Vector
	now := int64(0)
	if s.spec.Windows.ProcTime {
		now = s.ctx.Eval.Now.UnixMilli()
	} else {
		times = b.Cols[s.spec.Windows.TimeCol]
	}
	for i, r := range s.all {
		at, limit := now, s.wm
		if times != nil {
			if times.IsNull(int(r)) {
				s.ctx.Metrics.NullTimeRows++
				continue
			}
			at = millis(times.I64[r], s.unit)
		}
		if b.Before != nil && times != nil {
			limit = max(limit, b.Before[r])
		}
		id, err := s.place(b, i, r, s.grid.zone.local(at), limit)
		switch {
		case err != nil:
			return err
		case id < 0:
			s.late.add(r, at, limit)
		default:
			s.rows, s.ids = append(s.rows, r), append(s.ids, id)
		}
	}
	return s.late.drop(s.ctx, 0, b, "the session of the row has fired")
}

// place finds the session of a row, makes one, or makes one of several; -1 if the
// row is late.
func (s *sessions) place(b *vec.Batch, i int, r int32, at, limit int64) (int32, error) {
	head := s.heads[i]
	if head < 0 {
		head = s.table.FirstOf(s.keys, int(r)) // a row of this batch may have begun it
	}
	s.near = s.near[:0]
	for id := head; id >= 0; id = s.table.Next(id) {
		if s.start.I64[id] <= at+s.grid.size && at <= s.end(id) && s.fireAt(id) > limit {
			s.near = append(s.near, id)
		}
	}
	if len(s.near) == 0 {
		if s.grid.fireAt(at+s.grid.size) <= limit {
			return -1, nil
		}
		return s.begin(b, r, at), nil
	}
	id := s.near[0]
	first, last := min(s.start.I64[id], at), max(s.last.I64[id], at)
	for _, other := range s.near[1:] {
		first, last = min(first, s.start.I64[other]), max(last, s.last.I64[other])
		if err := s.unite(id, other); err != nil {
			return 0, err
		}
	}
	if first != s.start.I64[id] || last != s.last.I64[id] {
		s.start.I64[id], s.last.I64[id] = first, last
		s.table.Touch(id)
	}
	return id, nil
}

func (s *sessions) begin(b *vec.Batch, r int32, at int64) int32 {
	s.number.N, s.number.I64 = b.N, sized(s.number.I64, b.N)
	s.number.I64[r] = s.table.NextAge()
	id := s.table.Make(append(s.keys, s.number), int(r))
	s.start.I64[id], s.last.I64[id] = at, at
	s.schedule(id)
	return id
}

// unite makes one session of two: rows that were given the second belong to the
// first.
func (s *sessions) unite(into, from int32) error {
	if err := s.merge(into, from); err != nil {
		return err
	}
	for k, id := range s.ids {
		if id == from {
			s.ids[k] = into
		}
	}
	s.queued[from] = vec.MinTime
	s.table.Delete(from)
	return nil
}

// due are the sessions that fire at watermark wm, in the order of their ends.
func (s *sessions) due(wm int64, ids []int32) []int32 {
	for {
		t, ok := s.timers.due(wm)
		if !ok {
			return ids
		}
		switch {
		case !s.table.Has(t.id) || s.queued[t.id] != t.at:
		case s.fireAt(t.id) > t.at:
			s.schedule(t.id)
		default:
			s.queued[t.id] = vec.MinTime // another timer may stand there for a row that had its id
			ids = append(ids, t.id)
		}
	}
}

// upTo is up to when sessions fire in this step.
func (s *sessions) upTo(wm int64) int64 {
	if s.spec.Windows.ProcTime && wm != vec.MaxTime {
		return s.ctx.Eval.Now.UnixMilli() - 1
	}
	return wm
}

// advance remembers up to when sessions have fired.
func (s *sessions) advance(upTo int64) {
	if upTo > s.wm {
		s.wm = upTo
		s.clock.set(upTo)
	}
}

func (s *sessions) nextAlarm() (int64, bool) {
	if !s.spec.Windows.ProcTime {
		return 0, false
	}
	s.refresh()
	if len(s.timers) == 0 {
		return 0, false
	}
	return s.timers[0].at + 1, true
}

// bounds are the starts and ends of sessions.
func (s *sessions) bounds(ids []int32) (starts, ends []int64) {
	starts, ends = make([]int64, len(ids)), make([]int64, len(ids))
	for i, id := range ids {
		starts[i], ends[i] = s.start.I64[id], s.end(id)
	}
	return starts, ends
}
