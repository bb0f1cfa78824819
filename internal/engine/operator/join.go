package operator

import (
	"slices"
	"time"

	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// JoinKind is the kind of a join.
type JoinKind uint8

// The joins. Semi and anti joins emit the left side's columns only.
const (
	InnerJoin JoinKind = iota
	LeftJoin
	RightJoin
	FullJoin
	SemiJoin
	AntiJoin
)

// JoinSpec is a regular join of two changelogs, which retract what they change
// (an input without -U goes through a Normalize). Port 0 is the left side.
type JoinSpec struct {
	Kind JoinKind
	// Left and Right are the types of the inputs' columns. The output has both,
	// or the left ones only.
	Left, Right []types.Type
	// LeftKeys and RightKeys are the columns that are equated, pairwise; the
	// inputs are distributed by them. A NULL equals nothing. Without keys the
	// operator runs on worker 0.
	LeftKeys, RightKeys []int
	// NullSafe marks the keys that are compared by IS NOT DISTINCT FROM, so that
	// NULL equals NULL; nil: none.
	NullSafe []bool
	// Residual is what the ON clause asks besides, a BOOLEAN over the left side's
	// columns followed by the right side's; nil: nothing.
	Residual vec.Expr
	// FinalOnly emits nothing that a later row could take back, of inputs that
	// only append: rows without a match come at the end of the input.
	FinalOnly bool
	// LeftTTL and RightTTL are how long a side's rows are kept; 0: for ever.
	LeftTTL, RightTTL time.Duration
}

// join keeps each side as a multiset of rows, chained by join key. It emits for
// every row what Flink's StreamingJoinOperator does: a row of an outer side has
// its NULL-padded twin in the output exactly while it has no match.
//
// While a batch of one port is worked on, the other side's rows do not change,
// only their numbers of matches. So the pairs of many input rows can be put
// through the residual at once, and each pair be decided in order.
type join struct {
	spec  JoinSpec
	ctx   *Context
	sides [2]joinSide
	ended ended

	pairs   joinPairs
	out     joinOutput
	rows    []int32
	heads   []int32
	matched int64 // matches so far of the input row that is worked on
}

// joinSide is one input. The table's key is the join key, then the row's other
// columns; its values are how often the row is there, and with how many rows of
// the other side each of them is matched.
type joinSide struct {
	types  []types.Type
	keys   []int
	layout []int // which input column each key column of the table is
	at     []int // which key column of the table each input column is
	table  *state.Table
	// padded rows have a result while they have no match (outer and anti sides).
	padded bool
	// tracked rows count their matches.
	tracked bool

	ids []int32 // by position in the batch, -1: not in the table
}

const (
	joinCount   = 0
	joinMatches = 1
)

// NewJoin makes the operator.
func NewJoin(spec JoinSpec) Operator {
	o := &join{spec: spec}
	k := spec.Kind
	o.sides[0] = newJoinSide(spec.Left, spec.LeftKeys)
	o.sides[1] = newJoinSide(spec.Right, spec.RightKeys)
	o.sides[0].padded = k == LeftJoin || k == FullJoin || k == AntiJoin
	o.sides[1].padded = k == RightJoin || k == FullJoin
	o.sides[0].tracked = o.sides[0].padded || k == SemiJoin
	o.sides[1].tracked = o.sides[1].padded
	return o
}

func newJoinSide(all []types.Type, keys []int) joinSide {
	s := joinSide{types: all, keys: keys, layout: append(slices.Clone(keys), others(len(all), keys)...)}
	for c := range all {
		s.at = append(s.at, slices.Index(s.layout, c))
	}
	return s
}

func (o *join) Open(ctx *Context) error {
	o.ctx = ctx
	o.sides[0].open(ctx, "left", o.spec.LeftTTL, o.spec.FinalOnly)
	o.sides[1].open(ctx, "right", o.spec.RightTTL, o.spec.FinalOnly)
	if o.spec.FinalOnly {
		o.ended = openEnded(ctx.State)
	}
	return nil
}

func (s *joinSide) open(ctx *Context, name string, ttl time.Duration, pinned bool) {
	spec := state.TableSpec{
		Name: name, Key: columnTypes(s.types, s.layout), HashKey: len(s.keys),
		Value: []types.Type{countType}, Index: []int{}, TTL: ttl, Pinned: pinned,
	}
	if s.tracked {
		spec.Value = append(spec.Value, countType)
	}
	for k := range s.keys {
		spec.Index = append(spec.Index, k)
	}
	s.table = ctx.State.Table(spec)
}

// semi says that the output has the left side's columns only.
func (o *join) semi() bool { return o.spec.Kind == SemiJoin || o.spec.Kind == AntiJoin }

func (o *join) Process(port int, b *vec.Batch, out Emit) error {
	o.ctx.State.Tick(o.ctx.Eval.Now)
	in, other := &o.sides[port], &o.sides[1-port]
	o.rows = selected(o.rows, b)
	in.lookup(b, o.rows, o.spec.NullSafe)
	o.heads = sized(o.heads, len(o.rows))
	other.table.First(pick(nil, b, in.keys), o.rows, o.heads)
	o.out.begin(o, port, b, out)
	o.matched = 0
	for i := range o.rows {
		if in.ids[i] >= 0 {
			if err := o.pair(port, int32(i), o.heads[i]); err != nil {
				return err
			}
		}
		// The end of the row is a pair without a partner.
		if err := o.push(port, int32(i), -1); err != nil {
			return err
		}
	}
	if err := o.drain(port); err != nil {
		return err
	}
	in.removeEmpty()
	return o.out.flush()
}

// lookup finds the batch's rows in their table, or makes them; rows whose join
// key is NULL are never in it.
func (s *joinSide) lookup(b *vec.Batch, rows []int32, nullSafe []bool) {
	s.ids = sized(s.ids, len(rows))
	var keyed, at []int32
	for i, r := range rows {
		s.ids[i] = -1
		if !anyNull(b, s.keys, nullSafe, int(r)) {
			keyed, at = append(keyed, r), append(at, int32(i))
		}
	}
	ids := make([]int32, len(keyed))
	s.table.Lookup(pick(nil, b, s.layout), keyed, true, ids)
	for k, id := range ids {
		s.ids[at[k]] = id
	}
}

func anyNull(b *vec.Batch, cols []int, safe []bool, row int) bool {
	for k, c := range cols {
		if b.Cols[c].IsNull(row) && (safe == nil || !safe[k]) {
			return true
		}
	}
	return false
}

// removeEmpty deletes the batch's rows that are not there any more.
func (s *joinSide) removeEmpty() {
	for _, id := range s.ids {
		if id >= 0 && s.table.Has(id) && s.table.Value(joinCount).I64[id] == 0 {
			s.table.Delete(id)
		}
	}
}

// pair lists the row's candidates on the other side.
func (o *join) pair(port int, i, head int32) error {
	t := o.sides[1-port].table
	for id := head; id >= 0; id = t.Next(id) {
		if err := o.push(port, i, id); err != nil {
			return err
		}
	}
	return nil
}

func (o *join) push(port int, i, id int32) error {
	p := &o.pairs
	p.in, p.other = append(p.in, i), append(p.other, id)
	if len(p.in) < vec.BatchRows {
		return nil
	}
	return o.drain(port)
}

// drain decides the pairs that are listed.
func (o *join) drain(port int) error {
	p := &o.pairs
	if err := p.hold(o, port); err != nil {
		return err
	}
	for k, i := range p.in {
		var err error
		switch {
		case p.other[k] < 0:
			err = o.finish(port, i)
		case p.keep[k]:
			err = o.match(port, i, p.other[k])
		}
		if err != nil {
			return err
		}
	}
	p.in, p.other = p.in[:0], p.other[:0]
	return nil
}

// known says that a row adds, or retracts what is there: other retractions are
// ignored (their row has outlived its TTL). A row without a key has no state.
func (o *join) known(port int, i int32, kind types.RowKind) bool {
	s := &o.sides[port]
	return kind.Adds() || s.ids[i] < 0 || s.table.Value(joinCount).I64[s.ids[i]] > 0
}

// match is a row of the input that meets a row of the other side.
func (o *join) match(port int, i, id int32) error {
	kind := o.out.batch.Kind(int(o.rows[i]))
	if !o.known(port, i, kind) {
		return nil
	}
	other := &o.sides[1-port]
	times := other.table.Value(joinCount).I64[id]
	o.matched += times
	emitted := kind
	if o.sides[port].padded || other.padded {
		emitted = types.Delete
		if kind.Adds() {
			emitted = types.Insert
		}
	}
	turned := false
	if other.tracked {
		turned = other.count(id, kind.Adds())
	}
	if turned && kind.Adds() {
		if err := o.turn(port, id, true); err != nil {
			return err
		}
	}
	if !o.semi() {
		if err := o.out.put(emitted, o.rows[i], id, times); err != nil {
			return err
		}
	}
	if turned && !kind.Adds() {
		return o.turn(port, id, false)
	}
	return nil
}

// count changes the number of matches of a row, and says whether it went from
// or to none.
func (s *joinSide) count(id int32, adds bool) bool {
	n := &s.table.Value(joinMatches).I64[id]
	s.table.Touch(id)
	if adds {
		*n++
		return *n == 1
	}
	*n--
	return *n == 0
}

// turn emits what it means for a row of the other side to have got its first
// match, or lost its last.
func (o *join) turn(port int, id int32, has bool) error {
	kind := types.Insert
	if has != (o.spec.Kind == SemiJoin) {
		kind = types.Delete
	}
	if o.spec.FinalOnly && o.spec.Kind != SemiJoin {
		return nil // its lone row has not been emitted
	}
	return o.out.put(kind, -1, id, o.sides[1-port].table.Value(joinCount).I64[id])
}

// finish writes a row of the input to its table, after its matches were found,
// and emits it by itself if that is due.
func (o *join) finish(port int, i int32) error {
	s, matched := &o.sides[port], o.matched
	o.matched = 0
	row := o.rows[i]
	kind := o.out.batch.Kind(int(row))
	if !o.known(port, i, kind) {
		return nil
	}
	id := s.ids[i]
	if id >= 0 {
		s.write(id, kind.Adds(), matched)
	}
	if !s.tracked || (matched > 0) != (o.spec.Kind == SemiJoin) {
		return nil
	}
	if o.spec.FinalOnly && matched == 0 && id >= 0 {
		return nil
	}
	if !o.semi() {
		kind = loneKind(kind)
	}
	return o.out.put(kind, row, -1, 1)
}

// loneKind is the kind of a padded row: an update may have a match before and
// none after, so it is an insert and a delete.
func loneKind(k types.RowKind) types.RowKind {
	if k.Adds() {
		return types.Insert
	}
	return types.Delete
}

func (s *joinSide) write(id int32, adds bool, matched int64) {
	count := &s.table.Value(joinCount).I64[id]
	if !adds {
		*count--
	} else if *count++; *count == 1 {
		// Retracted and added again in one batch, it is as young as if there
		// had been two batches.
		s.table.Renew(id)
	}
	if s.tracked {
		s.table.Value(joinMatches).I64[id] = matched
	}
	s.table.Touch(id)
}

func (o *join) Advance(wm int64, out Emit) (int64, error) {
	if !o.spec.FinalOnly || wm != vec.MaxTime || o.ended.is() {
		return wm, nil
	}
	o.ended.set()
	for port := range o.sides {
		s := &o.sides[port]
		if !s.padded {
			continue
		}
		// The port is the other one's, as when a row of it is turned.
		o.out.begin(o, 1-port, nil, out)
		var err error
		for _, id := range byAge(s.table) {
			if err == nil && s.table.Value(joinMatches).I64[id] == 0 {
				err = o.out.put(types.Insert, -1, id, s.table.Value(joinCount).I64[id])
			}
		}
		if err != nil {
			return wm, err
		}
		if err := o.out.flush(); err != nil {
			return wm, err
		}
	}
	return wm, nil
}
