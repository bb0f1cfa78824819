package operator

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/vec"
)

// matchPart is a partition while rows of it are worked on.
type matchPart struct {
	row     int32 // one of the chunk that has its key
	partial matchQueue
	done    matchQueue // matches that wait
	// ids are the rows of the runs, the first of which has the number base.
	base int64
	ids  []int32
	// stored is how many runs of partial and of done are in state.
	stored, storedDone int
	loaded, changed    bool
}

// matchFound is a match that is to be emitted.
type matchFound struct {
	at   int32 // the row of the chunk that completed it or let it go
	part int32
	item matchItem
}

// matchAsk is a run whose row is being decided on.
type matchAsk struct {
	part    int32
	run     matchRun
	row     int32
	id      int32
	answers []uint8
	steps   []matchStep
	known   bool
}

// matchChunk is what is known of rows that are worked on together.
type matchChunk struct {
	b      *vec.Batch
	keys   []*vec.Vector // PARTITION BY, of each row
	at     []int64
	byKey  *state.Table // scratch: partition -> index in parts
	groups []int32
	parts  []matchPart
	number *vec.Vector // the last key column

	seen   seen
	level  []int32
	order  run // see history
	starts []matchAsk
	asks   []matchAsk
	items  []matchItem
	want   []int32
	walk   matchWalk

	dead  []int32 // rows that are to go
	found []matchFound
}

// begin finds the partitions of n rows.
func (o *match) begin(keys []*vec.Vector, n int) {
	c := &o.chunk
	c.keys, c.groups = keys, sized(c.groups, n)
	if c.byKey == nil {
		c.byKey = state.NewTable(state.TableSpec{Name: "partitions", Key: columnTypes(o.spec.Input, o.spec.Partition)})
		c.number = vec.New(countType, 0, 0)
	}
	c.byKey.Clear()
	c.byKey.Lookup(keys, nil, true, c.groups)
	c.number.N, c.number.I64 = n, sized(c.number.I64, n)
	clear(c.number.I64)
	c.parts = c.parts[:0]
	for i, g := range c.groups {
		for int(g) >= len(c.parts) {
			c.parts = append(c.parts, matchPart{row: -1})
		}
		if c.parts[g].row < 0 {
			c.parts[g].row = int32(i)
		}
	}
	c.dead, c.found = c.dead[:0], c.found[:0]
	rows := make([]int32, len(c.parts))
	for g := range c.parts {
		rows[g] = c.parts[g].row
	}
	first := make([]int32, len(rows))
	o.runs.Lookup(o.withNumber(), rows, false, first)
	for g, id := range first {
		if id >= 0 {
			o.load(&c.parts[g])
		}
	}
}

func (o *match) withNumber() []*vec.Vector {
	return append(slices.Clone(o.chunk.keys), o.chunk.number)
}

// find looks a row of a table up by its partition and number.
func (o *match) find(t *state.Table, p *matchPart, number int64, create bool) int32 {
	o.chunk.number.I64[p.row] = number
	if create {
		return t.Make(o.withNumber(), int(p.row))
	}
	return t.Find(o.withNumber(), int(p.row))
}

// load reads a partition's runs and the ids of their rows.
func (o *match) load(p *matchPart) {
	p.partial, p.stored = o.loadQueue(p, 0, 1)
	p.done, p.storedDone = o.loadQueue(p, -1, -1)
	p.base, p.loaded = noFirst, true
	next := int64(0)
	for _, q := range []matchQueue{p.partial, p.done} {
		for i := range q {
			if q[i].first != noFirst {
				p.base = min(p.base, q[i].first)
				next = max(next, q[i].first+q[i].len())
			}
		}
	}
	c := &o.chunk
	for n := p.base; n < next; n++ {
		id := o.find(o.rows, p, n, false)
		p.ids = append(p.ids, id)
	}
	c.number.I64[p.row] = 0
}

func (o *match) loadQueue(p *matchPart, from, by int64) (q matchQueue, n int) {
	for number := from; ; number += by {
		id := o.find(o.runs, p, number, false)
		if id < 0 {
			return q, len(q)
		}
		r := matchRun{
			state: int32(o.runs.Value(runState).I64[id]), first: o.runs.Value(runFirst).I64[id], at: o.runs.Value(runAt).I64[id],
			counts: make([]int32, len(o.spec.Pattern)),
		}
		for v := range r.counts {
			r.counts[v] = int32(o.runs.Value(runCounts + v).I64[id])
		}
		q = append(q, r)
	}
}

// end stores what has changed, emits what was found and forgets the rows that no
// run has any more.
func (o *match) end(out Emit) error {
	if err := o.emit(out); err != nil {
		return err
	}
	c := &o.chunk
	for g := range c.parts {
		p := &c.parts[g]
		if !p.changed {
			continue
		}
		if len(p.partial) == 1 && len(p.done) == 0 {
			p.partial = nil // the run without rows stands for itself
		}
		p.stored = o.storeQueue(p, p.partial, p.stored, 0, 1)
		p.storedDone = o.storeQueue(p, p.done, p.storedDone, -1, -1)
		first := int64(noFirst)
		for _, q := range []matchQueue{p.partial, p.done} {
			for i := range q {
				first = min(first, q[i].first)
			}
		}
		gone := min(first-p.base, int64(len(p.ids)))
		o.rows.DeleteAll(p.ids[:gone])
	}
	o.rows.DeleteAll(c.dead)
	return nil
}

func (o *match) storeQueue(p *matchPart, q matchQueue, stored int, from, by int64) int {
	t, v := o.runs, runCounts+len(o.spec.Pattern)
	for i, r := range q {
		id := o.find(t, p, from+by*int64(i), true)
		if o.spec.Within > 0 {
			t.Unlink(id)
			at := r.at
			if by < 0 {
				at = noFirst // a match does not grow old
			}
			o.key = appendInt(o.key[:0], at)
			t.Value(v).I64[id] = 1
			t.Value(v+1).SetBytes(int(id), o.key)
		}
		t.Value(runState).I64[id], t.Value(runFirst).I64[id], t.Value(runAt).I64[id] = int64(r.state), r.first, r.at
		if by < 0 {
			t.Value(runAt).I64[id] = noFirst
		}
		for k, n := range r.counts {
			t.Value(runCounts + k).I64[id] = int64(n)
		}
		if o.spec.Within > 0 {
			t.Link(id)
		}
		t.Touch(id)
	}
	for i := len(q); i < stored; i++ {
		t.Delete(o.find(t, p, from+by*int64(i), false))
	}
	return len(q)
}

// startRun is the run without rows.
func (o *match) startRun() matchRun {
	return matchRun{state: o.auto.start, first: noFirst, at: noFirst, counts: make([]int32, len(o.spec.Pattern))}
}

// work runs the rows of a chunk, which are in the order of ORDER BY, through the
// automaton.
func (o *match) work(b *vec.Batch, at []int64, out Emit) error {
	c := &o.chunk
	c.b, c.at = b, at
	o.begin(pick(nil, b, o.spec.Partition), b.N)
	if err := o.decideStarts(); err != nil {
		return err
	}
	c.sort()
	for l := range len(c.order.width) - 1 {
		if err := o.workLevel(c.order.order[c.order.width[l]:c.order.width[l+1]]); err != nil {
			return err
		}
	}
	return o.end(out)
}

// sort gives each row its level: how many rows of its partition are before it.
func (c *matchChunk) sort() {
	c.level = sized(c.level, len(c.groups))
	c.seen.begin(c.groups)
	for pos, g := range c.groups {
		prev, again := c.seen.get(g)
		c.level[pos] = 0
		if again {
			c.level[pos] = c.level[prev] + 1
		}
		c.seen.put(g, int32(pos))
	}
	c.order.level = c.level
	c.order.sortByLevel()
}

// decideStarts finds for all rows whether they start a run: that depends on nothing
// but the row.
func (o *match) decideStarts() error {
	c := &o.chunk
	c.starts = c.starts[:0]
	none := o.startRun()
	answers := make([]uint8, c.b.N*len(o.defines))
	for r := range int32(c.b.N) {
		c.starts = append(c.starts, matchAsk{
			part: c.groups[r], run: none, row: r, id: r, answers: answers[int(r)*len(o.defines):][:len(o.defines)],
		})
	}
	return o.decide(c.starts, func(col int, ids []int32) *vec.Vector { return vec.Copy(c.b.Cols[col], ids) })
}

// decide walks the automaton for each ask. What conditions are met with is computed
// for all asks together, round by round.
func (o *match) decide(asks []matchAsk, gather gatherFunc) error {
	c := &o.chunk
	for {
		wanted := 0
		c.want = sized(c.want, len(asks))
		for i := range asks {
			a := &asks[i]
			c.want[i] = -1
			if a.known {
				continue
			}
			missing := o.auto.walk(a.run.state, a.answers, &c.walk)
			c.want[i] = int32(missing)
			if missing >= 0 {
				wanted++
				continue
			}
			a.known = true
			if len(c.walk.next) > 0 {
				a.steps = slices.Clone(c.walk.next)
			}
		}
		if wanted == 0 {
			return nil
		}
		for d := range o.defines {
			if err := o.answer(d, asks, gather); err != nil {
				return err
			}
		}
	}
}

// answer computes a condition for the asks that want it.
func (o *match) answer(d int, asks []matchAsk, gather gatherFunc) error {
	c := &o.chunk
	variable := slices.IndexFunc(o.spec.Pattern, func(v MatchVar) bool { return v.Define == d })
	from := 0
	for from < len(asks) {
		c.items = c.items[:0]
		i := from
		for ; i < len(asks) && len(c.items) < vec.BatchRows; i++ {
			if a := &asks[i]; int(c.want[i]) == d {
				c.items = append(c.items, matchItem{
					ids: c.parts[a.part].of(&a.run), counts: a.run.counts, current: a.id, variable: variable, rowtime: c.at[a.row],
				})
			}
		}
		if len(c.items) == 0 {
			return nil
		}
		v, err := o.defines[d].eval(o.ctx.Eval, c.items, gather)
		if err != nil {
			return err
		}
		k := 0
		for ; from < i; from++ {
			if int(c.want[from]) != d {
				continue
			}
			asks[from].answers[d] = matchNo
			if holds(v[0], k) {
				asks[from].answers[d] = matchYes
			}
			k++
		}
	}
	return nil
}

// of are the rows of a run.
func (p *matchPart) of(r *matchRun) []int32 {
	if r.first == noFirst {
		return nil
	}
	return p.ids[r.first-p.base:][:r.len()]
}

// workLevel works on rows of different partitions.
func (o *match) workLevel(rows []int32) error {
	c := &o.chunk
	kept := rows[:0:0]
	for _, r := range rows {
		p := &c.parts[c.groups[r]]
		if p.loaded {
			if err := o.advanceTime(c.groups[r], c.at[r], r); err != nil {
				return err
			}
		}
		if p.waiting() || len(c.starts[r].steps) > 0 {
			kept = append(kept, r)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	o.keepRows(kept)
	c.asks = c.asks[:0]
	for _, r := range kept {
		g := c.groups[r]
		p := &c.parts[g]
		id := p.ids[len(p.ids)-1]
		for _, run := range p.partial {
			if run.first == noFirst {
				c.asks = append(c.asks, matchAsk{part: g, run: run, row: r, id: id, steps: c.starts[r].steps, known: true})
				continue
			}
			c.asks = append(c.asks, matchAsk{part: g, run: run, row: r, id: id, answers: make([]uint8, len(o.defines))})
		}
	}
	asks := c.asks
	if err := o.decide(asks, func(col int, ids []int32) *vec.Vector { return o.rowCols[col].Gather(ids) }); err != nil {
		return err
	}
	for len(asks) > 0 {
		n := 1
		for n < len(asks) && asks[n].part == asks[0].part {
			n++
		}
		if err := o.step(asks[:n]); err != nil {
			return err
		}
		asks = asks[n:]
	}
	return nil
}

// waiting says whether the partition has a run with rows.
func (p *matchPart) waiting() bool { return len(p.partial) > 1 }

// keepRows puts rows into state, as the last of their partitions.
func (o *match) keepRows(rows []int32) {
	c := &o.chunk
	for _, r := range rows {
		p := &c.parts[c.groups[r]]
		if !p.loaded {
			p.loaded = true
			p.partial.push(o.startRun())
		}
		c.number.I64[r] = p.base + int64(len(p.ids))
	}
	ids := make([]int32, len(rows))
	o.rows.Lookup(o.withNumber(), rows, true, ids)
	for i, col := range others(len(o.spec.Input), o.spec.Partition) {
		to, from := o.rows.Value(i), c.b.Cols[col]
		for k, id := range ids {
			to.Set(int(id), from, int(rows[k]))
		}
	}
	for i, r := range rows {
		p := &c.parts[c.groups[r]]
		p.ids = append(p.ids, ids[i])
		p.changed = true
	}
}

// step lets the runs of one partition go on, in the order of its queue.
func (o *match) step(asks []matchAsk) error {
	c := &o.chunk
	g, row := asks[0].part, asks[0].row
	p := &c.parts[g]
	number := p.base + int64(len(p.ids)) - 1
	var partial, found matchQueue
	for i := range asks {
		a := &asks[i]
		for _, s := range a.steps {
			next := matchRun{state: s.state, first: a.run.first, at: a.run.at, counts: slices.Clone(a.run.counts)}
			next.counts[s.variable]++
			if next.first == noFirst {
				next.first, next.at = number, c.at[row]
			}
			if s.state == o.auto.final {
				found.push(next)
			} else {
				partial.push(next)
			}
		}
		if a.run.first == noFirst {
			partial.push(a.run)
		}
	}
	p.partial = partial
	for _, r := range found {
		p.done.push(r)
	}
	return o.release(g, row, c.at[row])
}

// release takes the matches that no run stands before, and drops the runs that
// AFTER MATCH SKIP leaves out.
func (o *match) release(g, row int32, rowtime int64) error {
	c := &o.chunk
	p := &c.parts[g]
	for len(p.done) > 0 && (len(p.partial) == 0 || p.done[0].first <= p.partial[0].first) {
		r := p.done.pop()
		next, err := o.skip(&r)
		if err != nil {
			return err
		}
		p.partial.prune(next)
		p.done.prune(next)
		c.found = append(c.found, matchFound{at: row, part: g, item: matchItem{
			ids: slices.Clone(p.of(&r)), counts: r.counts, current: -1, variable: -1, rowtime: rowtime,
		}})
	}
	if !p.waiting() && len(p.done) == 0 {
		c.dead = append(c.dead, p.ids...)
		p.base, p.ids = p.base+int64(len(p.ids)), nil
	}
	return nil
}

// skip is the first row that the next match may begin with.
func (o *match) skip(r *matchRun) (int64, error) {
	switch o.spec.Skip {
	case SkipPastLast:
		return r.first + r.len(), nil
	case SkipToNext:
		return r.first + 1, nil
	}
	v, at := o.spec.SkipVar, r.first
	for _, n := range r.counts[:v] {
		at += int64(n)
	}
	if r.counts[v] == 0 {
		return 0, fmt.Errorf("AFTER MATCH: could not skip to %s: the match has no such row", o.spec.Names[v])
	}
	if o.spec.Skip == SkipToLast {
		at += int64(r.counts[v]) - 1
	}
	if at == r.first {
		return 0, fmt.Errorf("AFTER MATCH: could not skip to %s: it is the first row of the match, which would be found again and again", o.spec.Names[v])
	}
	return at, nil
}

// advanceTime drops the runs of a partition that WITHIN leaves no time, one time
// after the other, and takes the matches that waited for them.
func (o *match) advanceTime(g int32, now int64, row int32) error {
	p := &o.chunk.parts[g]
	for {
		oldest := int64(noFirst)
		for i := range p.partial {
			oldest = min(oldest, p.partial[i].at)
		}
		if !o.over(oldest, now) {
			return nil
		}
		p.changed = true
		var kept matchQueue
		for _, r := range p.partial {
			if r.at != oldest {
				kept.push(r)
			}
		}
		p.partial = kept
		if err := o.release(g, row, oldest+o.spec.Within); err != nil {
			return err
		}
	}
}

// expire lets time pass in partitions that have no rows to work on.
func (o *match) expire(keys []*vec.Vector, n int, now int64, out Emit) error {
	o.begin(keys, n)
	for g := range o.chunk.parts {
		if err := o.advanceTime(int32(g), now, o.chunk.parts[g].row); err != nil {
			return err
		}
	}
	return o.end(out)
}

// emit computes the measures of the matches and hands them on in the order of time.
func (o *match) emit(out Emit) error {
	found := o.chunk.found
	slices.SortStableFunc(found, func(a, b matchFound) int { return cmp.Compare(a.at, b.at) })
	for len(found) > 0 {
		n := min(len(found), vec.BatchRows)
		items, rows := make([]matchItem, n), make([]int32, n)
		for i, f := range found[:n] {
			items[i], rows[i] = f.item, o.chunk.parts[f.part].row
		}
		cols := make([]*vec.Vector, 0, len(o.spec.Partition)+len(o.spec.Measures.Exprs))
		for _, k := range o.chunk.keys {
			cols = append(cols, vec.Copy(k, rows))
		}
		v, err := o.measures.eval(o.ctx.Eval, items, func(col int, ids []int32) *vec.Vector { return o.rowCols[col].Gather(ids) })
		if err != nil {
			return err
		}
		if err := out(&vec.Batch{N: n, Cols: append(cols, v...)}); err != nil {
			return err
		}
		found = found[n:]
	}
	return nil
}
