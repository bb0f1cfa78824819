package state

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// kinds are the kinds of tables that rows may leave memory from.
func kinds() map[string]TableSpec {
	rows, wide := peopleSpec, peopleSpec
	rows.Index = nil
	wide.Index, wide.Wide = []int{2}, true
	return map[string]TableSpec{"rows": rows, "chains": peopleSpec, "wide": wide}
}

// contents is what a table holds, read by way of a snapshot and a store in memory, so
// that the table is left as it is.
func contents(t *testing.T, s *Store, spec TableSpec) map[[3]int]string {
	t.Helper()
	copied := NewStore(128)
	tab := copied.Table(spec)
	p := s.Snapshot()
	for more := true; more; {
		var rec []byte
		rec, more = p.Append(nil, 1000)
		mustApply(t, copied, rec)
	}
	got := map[[3]int]string{}
	tab.Scan(func(id int32) { got[keyAt(tab, id)] = valueAt(tab, id) })
	return got
}

// TestSpill is TestRandomDeltas with tables of which, between steps, a random part
// leaves memory: operations, snapshots in pieces and restores, of which some go to
// the disk at once, give what a Go map holds.
func TestSpill(t *testing.T) {
	for name, spec := range kinds() {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(4) {
				spillAtRandom(t, spec, rand.New(rand.NewPCG(seed, 5)))
			}
		})
	}
}

func spillAtRandom(t *testing.T, spec TableSpec, r *rand.Rand) {
	spill := NewSpill(t.TempDir())
	defer spill.Close()
	cold := func() (*Store, *Table) {
		s := NewStore(128)
		s.SpillTo(spill)
		return s, s.Table(spec)
	}
	s, tab := cold()
	m := &model{rows: map[[3]int]string{}, chains: map[int][][3]int{}}
	var snap *Snapshot
	var base, next [][]byte
	record := func(rec []byte) { base, next = append(base, rec), append(next, rec) }
	moved, snapshots := int64(0), 0
	for n := range 200 {
		spillStep(r, tab, m)
		record(s.AppendDelta(nil))
		if snap == nil && r.IntN(8) == 0 {
			snap, next = s.Snapshot(), nil
		}
		s.Evict(r.Int64N(s.LiveBytes()+1), 1+r.IntN(2000))
		moved = max(moved, s.SpilledRows())
		if tab.Len() != len(m.rows) {
			t.Fatalf("step %d: Len %d, want %d", n, tab.Len(), len(m.rows))
		}
		if snap != nil {
			piece, more := snap.Append(nil, []int{1, 100, 500, 1 << 20}[r.IntN(4)])
			record(piece)
			if !more {
				snap, base = nil, slices.Clone(next)
				snapshots++
			}
		}
		if n%5 == 0 {
			if got := contents(t, s, spec); !maps.Equal(got, m.rows) {
				t.Fatalf("step %d: rows\n%v\nwant\n%v", n, got, m.rows)
			}
		}
		plain := NewStore(128)
		restored := plain.Table(spec)
		for _, rec := range base {
			mustApply(t, plain, rec)
		}
		if spec.Wide || spec.Index == nil {
			m := &model{rows: m.rows}
			check(t, fmt.Sprintf("step %d, restored", n), restored, m)
		} else {
			check(t, fmt.Sprintf("step %d, restored", n), restored, m)
		}
		if n%40 == 20 { // go on with what was restored to the disk
			s, tab = cold()
			for i, rec := range base {
				mustApply(t, s, rec)
				if i == len(base)/2 {
					s.Chill()
				}
			}
			snap = nil
			tab.cold.rows = int64(len(contents(t, s, spec))) // what is not exact after a restore
			tab.settle()
		}
	}
	if moved < 10 || snapshots < 3 {
		t.Fatalf("%d rows moved at most, %d snapshots", moved, snapshots)
	}
}

// spillStep is step, and visits chains as operators do.
func spillStep(r *rand.Rand, tab *Table, m *model) {
	switch {
	case !tab.spec.Wide && tab.spec.Index != nil && r.IntN(4) == 0:
		prefix := r.IntN(8) - 1
		var chain [][3]int
		for id := tab.FirstOf(rowsOf([][3]int{{prefix, 0, 0}})[:1], 0); id >= 0; id = tab.Next(id) {
			chain = append(chain, keyAt(tab, id))
		}
		if !slices.Equal(chain, m.chains[prefix]) {
			panic(fmt.Sprintf("chain of %d is %v, want %v", prefix, chain, m.chains[prefix]))
		}
	case tab.spec.Wide && r.IntN(3) == 0:
		visitWide(r, tab, m)
	case tab.spec.Index == nil:
		stepRows(r, tab, m)
	default:
		step(r, tab, m)
	}
}

// stepRows is step without what needs chains.
func stepRows(r *rand.Rand, tab *Table, m *model) {
	keys := make([][3]int, r.IntN(20))
	for i := range keys {
		keys[i] = randomKey(r)
	}
	cols, ids := rowsOf(keys), make([]int32, len(keys))
	if r.IntN(3) == 0 {
		for i, k := range keys {
			if id := tab.Find(cols, i); id >= 0 {
				tab.Delete(id)
				m.del(k)
			} else if _, ok := m.rows[k]; ok {
				panic(fmt.Sprintf("%v is missing", k))
			}
		}
		return
	}
	tab.Lookup(cols, nil, true, ids)
	for i, id := range ids {
		n := r.IntN(1000)
		setValue(tab, id, n)
		m.put(keys[i], fmt.Sprintf("%d value %d [%d, %d] ", n, n, n, n+1))
	}
}

// visitWide visits a chain with Each: it reads it, changes it or deletes it.
func visitWide(r *rand.Rand, tab *Table, m *model) {
	prefix, what := r.IntN(4)-1, r.IntN(3)
	got := map[[3]int]string{}
	err := tab.Each(rowsOf([][3]int{{0, 0, prefix}})[2:], 0, 1+r.IntN(5), func(ids []int32) error {
		for _, id := range ids {
			k := keyAt(tab, id)
			got[k] = valueAt(tab, id)
			switch {
			case what == 1 && r.IntN(3) == 0:
				n := r.IntN(1000)
				setValue(tab, id, n)
				m.put(k, fmt.Sprintf("%d value %d [%d, %d] ", n, n, n, n+1))
				got[k] = m.rows[k]
			case what == 2:
				tab.Delete(id)
			}
		}
		return nil
	})
	want := map[[3]int]string{}
	for k, v := range m.rows {
		if k[2] == prefix {
			want[k] = v
			if what == 2 {
				m.del(k)
			}
		}
	}
	if err != nil || !maps.Equal(got, want) {
		panic(fmt.Sprintf("chain of %d is\n%v, want\n%v (%v)", prefix, got, want, err))
	}
	chains := map[int]bool{}
	tab.EachChain(func(id int32) { chains[keyAt(tab, id)[2]] = true })
	all := map[int]bool{}
	for k := range m.rows {
		all[k[2]] = true
	}
	if !maps.Equal(chains, all) {
		panic(fmt.Sprintf("chains %v, want %v", chains, all))
	}
}

// TestSpilledTrees: the order of rows in a tree is the same after it was on disk.
func TestSpilledTrees(t *testing.T) {
	spec := TableSpec{
		Name: "t", Key: []types.Type{types.TInt, types.TBigInt}, HashKey: 1, Index: []int{0}, Ordered: true,
		Value: []types.Type{types.TBigInt.Required(), types.TBytes.Required()},
	}
	spill := NewSpill("")
	defer spill.Close()
	s, plain := NewStore(128), NewStore(128)
	s.SpillTo(spill)
	tab, twin := s.Table(spec), plain.Table(spec)
	r := rand.New(rand.NewPCG(9, 9))
	key := func(k, n int) []*vec.Vector {
		return []*vec.Vector{vec.Const(types.TInt, k, 1), vec.Const(types.TBigInt, n, 1)}
	}
	for n := range 500 {
		k, sort, weight := r.IntN(20), fmt.Sprint(r.IntN(9)), 1+r.Int64N(3)
		gone := r.IntN(n + 1)
		for _, x := range []*Table{tab, twin} {
			id := x.Make(key(k, n), 0)
			x.Value(0).I64[id] = weight
			x.Value(1).SetBytes(int(id), []byte(sort))
			x.Link(id)
			for j := range 20 {
				if id := x.Find(key(j, gone), 0); id >= 0 && n%3 == 0 {
					x.Delete(id)
				}
			}
		}
		s.AppendDelta(nil)
		s.Evict(r.Int64N(s.LiveBytes()+1), 1000)
		k = r.IntN(20)
		a, b := tab.FirstOf(key(k, 0)[:1], 0), twin.FirstOf(key(k, 0)[:1], 0)
		if tab.Weight(a) != twin.Weight(b) {
			t.Fatalf("weight %d, want %d", tab.Weight(a), twin.Weight(b))
		}
		for rank := int64(1); rank <= twin.Weight(b); rank++ {
			x, _ := tab.Nth(a, rank)
			y, _ := twin.Nth(b, rank)
			if tab.Key(1).I64[x] != twin.Key(1).I64[y] {
				t.Fatalf("rank %d of %d: row %d, want %d", rank, k, tab.Key(1).I64[x], twin.Key(1).I64[y])
			}
		}
	}
	if s.SpilledRows() == 0 {
		t.Fatal("nothing was spilled")
	}
}

// TestSpilledRowsExpire: a row that is on disk is not found after its TTL, its space
// is given back, and a restore does not bring it back.
func TestSpilledRowsExpire(t *testing.T) {
	for name, index := range map[string][]int{"rows": nil, "chains": {0}} {
		t.Run(name, func(t *testing.T) {
			spec := TableSpec{Name: "t", Key: []types.Type{types.TInt, types.TInt}, HashKey: 1, Index: index, TTL: time.Second}
			spill := NewSpill(t.TempDir())
			defer spill.Close()
			s := NewStore(128)
			s.SpillTo(spill)
			tab := s.Table(spec)
			key := func(k int) []*vec.Vector {
				return []*vec.Vector{vec.Const(types.TInt, k/2, 1), vec.Const(types.TInt, k, 1)}
			}
			var journal [][]byte
			last := map[int]int64{}
			r := rand.New(rand.NewPCG(4, 4))
			for now := int64(0); now < 20_000; now += 50 {
				s.Tick(time.UnixMilli(now))
				k := r.IntN(100)
				if id := tab.Find(key(k), 0); id >= 0 != (last[k] > 0 && now-last[k] < 1000) {
					t.Fatalf("at %d key %d of %d: found %v", now, k, last[k], id >= 0)
				}
				if index != nil {
					for id := tab.FirstOf(key(k)[:1], 0); id >= 0; id = tab.Next(id) {
						if at := last[int(tab.Key(1).I32[id])]; now-at >= 1000 {
							t.Fatalf("at %d a row of %d is in a chain", now, at)
						}
					}
				}
				if k = r.IntN(100); r.IntN(2) == 0 {
					tab.Touch(tab.Make(key(k), 0))
					last[k] = now
				}
				journal = append(journal, s.AppendDelta(nil))
				s.Evict(r.Int64N(s.LiveBytes()+1), 1000)
			}
			p := s.Snapshot() // what has expired on disk is deleted as it passes
			for more := true; more; {
				_, more = p.Append(nil, 300)
			}
			live := 0
			for _, at := range last {
				if at > 0 && 19_950-at < 1000 {
					live++
				}
			}
			if tab.Len() != live {
				t.Fatalf("%d rows, want %d", tab.Len(), live)
			}
			restored := NewStore(128)
			twin := restored.Table(spec)
			for _, rec := range journal {
				mustApply(t, restored, rec)
			}
			restored.Tick(time.UnixMilli(19_950))
			if twin.Len() != live {
				t.Fatalf("%d rows restored, want %d", twin.Len(), live)
			}
		})
	}
}

// TestBudget: jobs get what others leave, and an equal part at least.
func TestBudget(t *testing.T) {
	b := NewBudget(100)
	one := b.Join()
	if n := one.Allowed(10); n != 100 {
		t.Fatal(n)
	}
	two := b.Join()
	one.Allowed(80)
	if n := two.Allowed(30); n != 50 {
		t.Fatal(n)
	}
	if n := one.Allowed(60); n != 70 {
		t.Fatal(n)
	}
	one.Leave()
	if n := two.Allowed(30); n != 100 {
		t.Fatal(n)
	}
}
