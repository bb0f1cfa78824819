package operator

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// oneOf is a condition: the value is in a set, and not below another slot's, if that
// is there.
type oneOf struct {
	set   int64
	below bool
}

func (oneOf) Type() types.Type { return types.TBool }

func (c oneOf) Eval(_ *vec.EvalContext, b *vec.Batch) (*vec.Vector, error) {
	out := vec.New(types.TBool, b.N, 0)
	for i := range b.N {
		v := b.Cols[0].I64[i]
		out.Bool[i] = c.set>>v&1 == 1 && (!c.below || b.Cols[1].IsNull(i) || v >= b.Cols[1].I64[i])
	}
	return out, nil
}

type matchRow struct{ k, v, ts int64 }

// randomMatch is a pattern of two to four variables over the columns k, v, ts; its
// measures are the number of the first row, which is v of the row in the test's sense
// "ts * 1000 + place", and how many rows each variable has.
func randomMatch(r *rand.Rand) MatchSpec {
	in := []types.Type{types.TBigInt, types.TBigInt, types.TTimestamp(3), types.TBigInt}
	spec := MatchSpec{Input: in, Partition: []int{0}, Order: []vec.SortKey{{Col: 2}}, Skip: MatchSkip(r.IntN(4))}
	if r.IntN(2) == 0 {
		spec.Within = 1000 * int64(2+r.IntN(8))
	}
	n := 2 + r.IntN(3)
	for i := range n {
		v := MatchVar{Min: 1, Max: 1, Define: i}
		if i < n-1 && (i > 0 || r.IntN(2) == 0) {
			v.Min, v.Reluctant = r.IntN(3), r.IntN(2) == 0
			v.Max = max(1, v.Min) + r.IntN(3)
			if r.IntN(2) == 0 {
				v.Max = -1
			}
			if v.Min == 0 && v.Max == 1 {
				v.Reluctant = false
			}
		}
		spec.Names = append(spec.Names, string(rune('A'+i)))
		spec.Pattern = append(spec.Pattern, v)
		slots := []MatchSlot{{Var: i, Col: 1, Type: types.TBigInt}}
		cond := oneOf{set: int64(1 + r.IntN(15)), below: i > 0 && r.IntN(3) == 0}
		if cond.below {
			slots = append(slots, MatchSlot{Var: i - 1, Col: 1, Type: types.TBigInt})
		}
		spec.Defines = append(spec.Defines, MatchExprs{Slots: slots, Exprs: []vec.Expr{cond}})
	}
	// The last variable is always in the match, and if the first one is, not its first row.
	spec.SkipVar = n - 1
	if spec.Skip >= SkipToFirst {
		spec.Pattern[0].Min = max(spec.Pattern[0].Min, 1)
	}
	m := &spec.Measures
	m.Slots = append(m.Slots, MatchSlot{Var: -1, Col: 3, First: true, Type: types.TBigInt})
	for i := range n {
		m.Slots = append(m.Slots, MatchSlot{Kind: MatchAggregate, Var: i, Fn: rowCount{}, Type: countType})
	}
	m.Slots = append(m.Slots, MatchSlot{Kind: MatchRowtime, Type: types.TTimestamp(3)})
	for i, s := range m.Slots {
		m.Exprs = append(m.Exprs, column{i, s.Type})
	}
	return spec
}

// matchJob is the operator on one worker or two.
type matchJob struct {
	t      *testing.T
	spec   MatchSpec
	ops    []Operator
	ctx    []*Context
	deltas [][]byte
	out    []string
}

// open makes fresh operators on workers, each with its share of the key groups of all
// that was stored.
func (j *matchJob) open(workers int) {
	for _, c := range j.ctx {
		j.deltas = append(j.deltas, c.State.AppendDelta(nil))
	}
	j.ops, j.ctx = nil, nil
	for w := range workers {
		ctx := &Context{
			Worker: w, Workers: workers, State: state.NewStore(128), Metrics: &Metrics{},
			Eval: &vec.EvalContext{Now: time.UnixMilli(0), Location: time.UTC},
		}
		op := NewMatch(j.spec)
		if err := op.Open(ctx); err != nil {
			j.t.Fatal(err)
		}
		for range 2 {
			for _, d := range j.deltas {
				if err := ctx.State.Apply(d, func(g int) bool { return g*workers/128 == w }); err != nil {
					j.t.Fatal(err)
				}
			}
		}
		j.ops, j.ctx = append(j.ops, op), append(j.ctx, ctx)
	}
}

func (j *matchJob) emit(b *vec.Batch) error {
	for i := range b.Len() {
		var line []string
		for _, c := range b.Cols {
			line = append(line, fmt.Sprint(c.I64[b.Row(i)]))
		}
		j.out = append(j.out, strings.Join(line, " "))
	}
	return nil
}

// process gives each worker its rows of a batch.
func (j *matchJob) process(b *vec.Batch) {
	hash := make([]uint64, b.N)
	vec.HashRows(b.Cols[:1], nil, b.N, hash)
	for w, op := range j.ops {
		var mine []int32
		for i, h := range hash {
			if vec.KeyGroup(h, 128)*len(j.ops)/128 == w {
				mine = append(mine, int32(i))
			}
		}
		if len(mine) == 0 {
			continue
		}
		if err := op.Process(0, spread(b.Select(mine).Dense()), j.emit); err != nil {
			j.t.Fatal(err)
		}
	}
}

func (j *matchJob) advance(wm int64) {
	for _, op := range j.ops {
		if _, err := op.Advance(wm, j.emit); err != nil {
			j.t.Fatal(err)
		}
	}
}

// runMatch runs the operator; rows come in pieces of step, and after each the watermark
// is just before the row last seen. With moves the state goes to fresh operators after
// each piece, on one worker and on two by turns.
func runMatch(t *testing.T, spec MatchSpec, rows []matchRow, step int, moves bool) []string {
	j := &matchJob{t: t, spec: spec}
	j.open(1)
	place := 0
	for piece := range slices.Chunk(rows, step) {
		b := &vec.Batch{N: len(piece)}
		for c := range spec.Input {
			b.Cols = append(b.Cols, vec.New(spec.Input[c], len(piece), 0))
		}
		for i, r := range piece {
			b.Cols[0].I64[i], b.Cols[1].I64[i], b.Cols[2].I64[i], b.Cols[3].I64[i] = r.k, r.v, r.ts, int64(place)
			b.Before = append(b.Before, vec.MinTime)
			place++
		}
		j.process(b)
		j.advance(piece[len(piece)-1].ts - 1)
		if moves {
			j.open(3 - len(j.ops))
		}
	}
	j.advance(vec.MaxTime)
	for _, c := range j.ctx {
		if n := c.State.Rows(); spec.Within > 0 && n > 1 {
			t.Errorf("%d rows are left in state", n)
		}
	}
	slices.Sort(j.out)
	return j.out
}

// TestMatchLate: a row behind the watermark is counted and left out, and state knows
// after a restore what was late.
func TestMatchLate(t *testing.T) {
	in := []types.Type{types.TBigInt, types.TTimestamp(3)}
	spec := MatchSpec{
		Input: in, Partition: []int{0}, Order: []vec.SortKey{{Col: 1}}, Names: []string{"A", "B"},
		Pattern: []MatchVar{{Min: 1, Max: 1, Define: -1}, {Min: 1, Max: 1, Define: -1}},
	}
	j := &matchJob{t: t, spec: spec}
	j.open(1)
	rows := func(lines ...string) { j.process(parseRows(in, lines)) }
	rows("+I 1 5s", "+I 1 3s")
	j.advance(4000)
	j.open(1)
	rows("+I 1 4s", "+I 1 7s", "+I 1 NULL")
	j.advance(vec.MaxTime)
	if m := j.ctx[0].Metrics; m.LateRows != 1 || m.NullTimeRows != 1 {
		t.Errorf("%d rows were late and %d had no time, want 1 and 1", m.LateRows, m.NullTimeRows)
	}
	if want := []string{"1"}; !slices.Equal(j.out, want) { // 3s and 5s; 7s is alone
		t.Errorf("got %v, want %v", j.out, want)
	}
}

// TestMatchRandom runs random patterns over random rows. Large steps, steps of one row
// and a restore after each step must give the same; and what they give must be what
// the twin allows, which tries all ways for a row to go on.
func TestMatchRandom(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 6))
		spec := randomMatch(r)
		var rows []matchRow
		for ts := int64(0); len(rows) < 40; ts += 1000 * int64(r.IntN(3)) {
			rows = append(rows, matchRow{int64(r.IntN(3)), int64(r.IntN(4)), ts})
		}
		want := runMatch(t, spec, rows, len(rows), false)
		for _, step := range []int{1, 7} {
			if got := runMatch(t, spec, rows, step, step == 1); !slices.Equal(got, want) {
				t.Fatalf("seed %d: steps of %d rows give\n%s\none step\n%s", seed, step, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
		if err := checkMatches(spec, rows, want); err != nil {
			t.Fatalf("seed %d: %+v: %s", seed, spec.Pattern, err)
		}
	}
}

// twinPath is a run of the twin: the variable of each of its rows.
type twinPath struct {
	first int
	vars  []int
}

// checkMatches is the twin. It knows no automaton: it tries each variable for each
// row, and looks at counts. Where several matches begin with one row and end with
// another, any of them may be the answer.
func checkMatches(spec MatchSpec, rows []matchRow, got []string) error {
	left := slices.Clone(got)
	for k := range int64(3) {
		var part []matchRow
		var place []int
		for i, r := range rows {
			if r.k == k {
				part, place = append(part, r), append(place, i)
			}
		}
		take := func(choices []twinPath, at int64) (twinPath, error) {
			for _, c := range choices {
				line := fmt.Sprintf("%d %d", k, place[c.first])
				for v := range spec.Pattern {
					line += fmt.Sprintf(" %d", count(c.vars, v))
				}
				if i := slices.Index(left, fmt.Sprintf("%s %d", line, at)); i >= 0 {
					left = slices.Delete(left, i, i+1)
					return c, nil
				}
			}
			return twinPath{}, fmt.Errorf("none of %+v at %d of partition %d is there:\n%s", choices, at, k, strings.Join(got, "\n"))
		}
		if err := twinPartition(spec, part, take); err != nil {
			return err
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("too much:\n%s", strings.Join(left, "\n"))
	}
	return nil
}

func count(vars []int, v int) int {
	n := 0
	for _, x := range vars {
		if x == v {
			n++
		}
	}
	return n
}

func twinPartition(spec MatchSpec, rows []matchRow, take func([]twinPath, int64) (twinPath, error)) error {
	var paths, done []twinPath
	release := func(at int64) error {
		for len(done) > 0 {
			first := done[0].first
			for _, d := range done {
				first = min(first, d.first)
			}
			if slices.ContainsFunc(paths, func(p twinPath) bool { return p.first < first }) {
				return nil
			}
			var choices []twinPath
			for _, d := range done {
				if d.first == first {
					choices = append(choices, d)
				}
			}
			m, err := take(choices, at)
			if err != nil {
				return err
			}
			next := map[MatchSkip]int{
				SkipPastLast: m.first + len(m.vars), SkipToNext: m.first + 1,
				SkipToFirst: m.first + slices.Index(m.vars, spec.SkipVar), SkipToLast: m.first + len(m.vars) - 1,
			}[spec.Skip]
			gone := func(p twinPath) bool { return p.first < next }
			paths, done = slices.DeleteFunc(paths, gone), slices.DeleteFunc(done, gone)
		}
		return nil
	}
	expire := func(now int64) error {
		for spec.Within > 0 && len(paths) > 0 {
			oldest := rows[paths[0].first].ts
			for _, p := range paths {
				oldest = min(oldest, rows[p.first].ts)
			}
			if now-oldest < spec.Within {
				return nil
			}
			paths = slices.DeleteFunc(paths, func(p twinPath) bool { return rows[p.first].ts == oldest })
			if err := release(oldest + spec.Within); err != nil {
				return err
			}
		}
		return nil
	}
	for i, row := range rows {
		if err := expire(row.ts); err != nil {
			return err
		}
		var next []twinPath
		for _, p := range append(paths, twinPath{first: i}) {
			for v := range spec.Pattern {
				if !twinTakes(spec, rows, p, i, v) {
					continue
				}
				grown := twinPath{p.first, append(slices.Clone(p.vars), v)}
				if twinGoesOn(spec, grown) {
					next = append(next, grown)
				}
				if twinEnds(spec, rows, p, i, v) {
					done = append(done, grown)
				}
			}
		}
		paths = next
		if err := release(row.ts); err != nil {
			return err
		}
	}
	return expire(vec.MaxTime)
}

// twinHolds is the condition of a variable for row i behind a path.
func twinHolds(spec MatchSpec, rows []matchRow, p twinPath, i, v int) bool {
	c := spec.Defines[v].Exprs[0].(oneOf)
	if c.set>>rows[i].v&1 == 0 {
		return false
	}
	for j := len(p.vars) - 1; c.below && j >= 0; j-- {
		if p.vars[j] == v-1 {
			return rows[i].v >= rows[p.first+j].v
		}
	}
	return true
}

// twinEnters says whether a path may leave what is before variable v with row i: a
// greedy variable before it would have to refuse the row.
func twinEnters(spec MatchSpec, rows []matchRow, p twinPath, i, v int) bool {
	if v == 0 {
		return true
	}
	g := spec.Pattern[v-1]
	varies := g.Max < 0 || max(g.Min, 1) < g.Max
	return !varies || g.Reluctant || !twinHolds(spec, rows, p, i, v-1)
}

// twinTakes says whether variable v may take row i.
func twinTakes(spec MatchSpec, rows []matchRow, p twinPath, i, v int) bool {
	last := 0
	if len(p.vars) > 0 {
		last = p.vars[len(p.vars)-1]
	}
	if v < last || !twinHolds(spec, rows, p, i, v) {
		return false
	}
	n := count(p.vars, v)
	if n > 0 {
		return spec.Pattern[v].Max < 0 || n < spec.Pattern[v].Max
	}
	for u := last; u < v; u++ {
		if count(p.vars, u) < spec.Pattern[u].Min || u > last && !twinEnters(spec, rows, p, i, u) {
			return false
		}
	}
	return (v == last && len(p.vars) == 0) || twinEnters(spec, rows, p, i, v)
}

// twinGoesOn says whether the path can take another row at all.
func twinGoesOn(spec MatchSpec, p twinPath) bool {
	v := p.vars[len(p.vars)-1]
	return v < len(spec.Pattern)-1 || spec.Pattern[v].Max < 0 || len(p.vars) > 0 && count(p.vars, v) < spec.Pattern[v].Max
}

// twinEnds says whether the match may end with row i, given to v.
func twinEnds(spec MatchSpec, rows []matchRow, p twinPath, i, v int) bool {
	if count(p.vars, v)+1 < spec.Pattern[v].Min {
		return false
	}
	for u := v + 1; u < len(spec.Pattern); u++ {
		if spec.Pattern[u].Min > 0 || !twinEnters(spec, rows, p, i, u) {
			return false
		}
	}
	return true
}
