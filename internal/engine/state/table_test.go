package state

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// peopleSpec has keys and values of every kind of storage, and chains.
var peopleSpec = TableSpec{
	Name:    "people",
	Key:     []types.Type{types.TBigInt, types.TString, types.TInt},
	HashKey: 1,
	Value:   []types.Type{types.TBigInt.Required(), types.TString, types.TArray(types.TInt)},
	Index:   []int{0},
}

// rowsOf makes key columns of people; a negative number is NULL.
func rowsOf(keys [][3]int) []*vec.Vector {
	bs := []*vec.Builder{vec.NewBuilder(types.TBigInt, 0), vec.NewBuilder(types.TString, 0), vec.NewBuilder(types.TInt, 0)}
	for _, k := range keys {
		for c, b := range bs {
			switch {
			case k[c] < 0:
				b.AppendNull()
			case c == 1:
				b.AppendString(fmt.Sprintf("name %d", k[c]))
			default:
				b.AppendInt(int64(k[c]))
			}
		}
	}
	return []*vec.Vector{bs[0].Finish(), bs[1].Finish(), bs[2].Finish()}
}

// model is the naive twin: what the table holds, by key, with chains as lists.
type model struct {
	rows   map[[3]int]string
	chains map[int][][3]int
}

func (m *model) put(k [3]int, v string) {
	if _, ok := m.rows[k]; !ok {
		m.chains[k[0]] = append(m.chains[k[0]], k)
	}
	m.rows[k] = v
}

func (m *model) del(k [3]int) {
	delete(m.rows, k)
	m.chains[k[0]] = slices.DeleteFunc(m.chains[k[0]], func(o [3]int) bool { return o == k })
}

func (m *model) renew(k [3]int) {
	v := m.rows[k]
	m.del(k)
	m.put(k, v)
}

func keyAt(t *Table, id int32) [3]int {
	var k [3]int
	for c := range k {
		v := t.Key(c).Gather([]int32{id})
		switch {
		case v.IsNull(0):
			k[c] = -1
		case c == 1:
			fmt.Sscanf(v.Str(0), "name %d", &k[c])
		default:
			k[c] = int(v.Int(0))
		}
	}
	return k
}

func valueAt(t *Table, id int32) string {
	var b []byte
	for _, c := range t.Values() {
		b = vec.AppendText(b, c.Gather([]int32{id}), 0)
		b = append(b, ' ')
	}
	return string(b)
}

func setValue(t *Table, id int32, n int) {
	t.Value(0).I64[id] = int64(n)
	t.Value(1).SetBytes(int(id), fmt.Appendf(nil, "value %d", n))
	list := vec.Const(types.TArray(types.TInt), []any{n, n + 1}, 1)
	t.Value(2).Set(int(id), list, 0)
	t.Touch(id)
}

func check(t *testing.T, what string, tab *Table, m *model) {
	t.Helper()
	got := map[[3]int]string{}
	tab.Scan(func(id int32) { got[keyAt(tab, id)] = valueAt(tab, id) })
	if !maps.Equal(got, m.rows) {
		t.Fatalf("%s: rows\n%v\nwant\n%v", what, got, m.rows)
	}
	if tab.Len() != len(m.rows) {
		t.Fatalf("%s: Len %d, want %d", what, tab.Len(), len(m.rows))
	}
	for prefix, want := range m.chains {
		head := tab.FirstOf(rowsOf([][3]int{{prefix, 0, 0}})[:1], 0)
		var chain [][3]int
		for id := head; id >= 0; id = tab.Next(id) {
			chain = append(chain, keyAt(tab, id))
		}
		if !slices.Equal(chain, want) {
			t.Fatalf("%s: chain of %d is %v, want %v", what, prefix, chain, want)
		}
	}
}

func randomKey(r *rand.Rand) [3]int {
	return [3]int{r.IntN(8) - 1, r.IntN(5) - 1, r.IntN(4) - 1}
}

// step changes table and model alike, in a batch as operators do.
func step(r *rand.Rand, tab *Table, m *model) {
	keys := make([][3]int, r.IntN(20))
	for i := range keys {
		keys[i] = randomKey(r)
	}
	cols, ids := rowsOf(keys), make([]int32, len(keys))
	switch r.IntN(4) {
	case 0:
		tab.Lookup(cols, nil, false, ids)
		for i, id := range ids {
			if _, ok := m.rows[keys[i]]; ok != (id >= 0) {
				panic(fmt.Sprintf("Lookup found %d for %v", id, keys[i]))
			}
		}
		for _, k := range keys {
			if id := tab.Find(rowsOf([][3]int{k}), 0); id >= 0 {
				tab.Delete(id)
				m.del(k)
			}
		}
	case 1:
		for i, k := range keys {
			if id := tab.Find(cols, i); id >= 0 {
				tab.Renew(id)
				m.renew(k)
			}
		}
	default:
		tab.Lookup(cols, nil, true, ids)
		for i, id := range ids {
			n := r.IntN(1000)
			setValue(tab, id, n)
			m.put(keys[i], fmt.Sprintf("%d value %d [%d, %d] ", n, n, n, n+1))
		}
	}
}

func mustApply(t *testing.T, s *Store, rec []byte) {
	t.Helper()
	if err := s.Apply(rec, nil); err != nil {
		t.Fatal(err)
	}
}

// TestRandomDeltas changes a table at random, while snapshots of it are taken in
// pieces of any size. After each step a second store, which gets the deltas only,
// must be equal to a Go map; and so must one that is restored from the beginning of
// the last complete snapshot, of pieces and deltas in the order in which they were
// made, applied once and twice.
func TestRandomDeltas(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 1))
		first, second := NewStore(128), NewStore(128)
		tab, twin := first.Table(peopleSpec), second.Table(peopleSpec)
		m := &model{rows: map[[3]int]string{}, chains: map[int][][3]int{}}
		var snap *Snapshot
		var base, next [][]byte // records since the last complete snapshot began, and since the open one
		snapshots := 0
		record := func(rec []byte) { base, next = append(base, rec), append(next, rec) }
		for n := range 150 {
			step(r, tab, m)
			delta := first.AppendDelta(nil)
			record(delta)
			mustApply(t, second, delta)
			check(t, fmt.Sprintf("seed %d step %d", seed, n), tab, m)
			check(t, fmt.Sprintf("seed %d step %d, by deltas", seed, n), twin, m)
			if snap == nil && r.IntN(10) == 0 {
				snap, next = first.Snapshot(), nil
			}
			if snap != nil {
				piece, more := snap.Append(nil, []int{1, 100, 500, 1 << 20}[r.IntN(4)])
				record(piece)
				if !more {
					snap, base = nil, slices.Clone(next)
					snapshots++
				}
			}
			restoreAndCheck(t, base, m)
		}
		if snapshots < 3 {
			t.Fatalf("seed %d: %d snapshots", seed, snapshots)
		}
	}
}

func restoreAndCheck(t *testing.T, journal [][]byte, m *model) {
	t.Helper()
	s := NewStore(128)
	tab := s.Table(peopleSpec)
	for range 2 {
		for _, rec := range journal {
			mustApply(t, s, rec)
		}
		check(t, "from a snapshot", tab, m)
	}
	if d := s.AppendDelta(nil); len(d) != 0 {
		t.Fatal("what was restored is in the next delta")
	}
}

// TestRescale restores one worker's state on three, and those on two: every row
// lives on the owner of its key group, and nowhere else.
func TestRescale(t *testing.T) {
	const groups = 128
	one := NewStore(groups)
	tab := one.Table(peopleSpec)
	r := rand.New(rand.NewPCG(3, 3))
	m := &model{rows: map[[3]int]string{}, chains: map[int][][3]int{}}
	for range 30 {
		step(r, tab, m)
	}
	records := [][]byte{one.AppendDelta(nil)}
	for _, workers := range []int{3, 2, 1} {
		var next [][]byte
		rows := 0
		for w := range workers {
			s := NewStore(groups)
			tab = s.Table(peopleSpec)
			for _, rec := range records {
				if err := s.Apply(rec, func(kg int) bool { return vec.WorkerOf(kg, groups, workers) == w }); err != nil {
					t.Fatal(err)
				}
			}
			rows += tab.Len()
			rec, _ := s.Snapshot().Append(nil, 1<<20)
			next = append(next, rec)
		}
		if rows != len(m.rows) {
			t.Fatalf("%d workers have %d rows, want %d", workers, rows, len(m.rows))
		}
		records = next
	}
	check(t, "back on one worker", tab, m)
}

func TestTombstoneOnlyForWhatWasJournaled(t *testing.T) {
	s := NewStore(128)
	tab := s.Table(peopleSpec)
	cols := rowsOf([][3]int{{1, 1, 1}})
	tab.Delete(tab.Make(cols, 0))
	if d := s.AppendDelta(nil); len(d) != 0 {
		t.Fatalf("a row that came and went within an epoch left %d bytes", len(d))
	}
	tab.Make(cols, 0)
	s.AppendDelta(nil)
	tab.Delete(tab.Find(cols, 0))
	if d := s.AppendDelta(nil); len(d) == 0 {
		t.Fatal("no tombstone")
	}
}

func TestBroadcastRowsAreRestoredEverywhere(t *testing.T) {
	spec := TableSpec{Name: "time", Key: []types.Type{types.TInt.Required()}, Value: []types.Type{types.TBigInt.Required()}, Broadcast: true}
	s := NewStore(128)
	tab := s.Table(spec)
	id := tab.Make([]*vec.Vector{vec.Const(types.TInt.Required(), 0, 1)}, 0)
	tab.Value(0).I64[id] = 7
	other := NewStore(128)
	copied := other.Table(spec)
	if err := other.Apply(s.AppendDelta(nil), func(int) bool { return false }); err != nil {
		t.Fatal(err)
	}
	if copied.Len() != 1 || copied.Value(0).I64[0] != 7 {
		t.Fatal("the row is missing")
	}
}

func TestExpire(t *testing.T) {
	spec := TableSpec{Name: "t", Key: []types.Type{types.TInt}, HashKey: 1, Index: []int{0}, TTL: time.Second}
	s := NewStore(128)
	tab := s.Table(spec)
	key := func(k int) []*vec.Vector { return []*vec.Vector{vec.Const(types.TInt, k, 1)} }
	s.Tick(time.UnixMilli(1000))
	tab.Make(key(1), 0)
	tab.Make(key(2), 0)
	s.Tick(time.UnixMilli(1500))
	tab.Touch(tab.Find(key(1), 0))
	delta := s.AppendDelta(nil)

	restored := NewStore(128)
	tab2 := restored.Table(spec)
	mustApply(t, restored, delta)
	for _, st := range []struct {
		s *Store
		t *Table
	}{{s, tab}, {restored, tab2}} {
		st.s.Tick(time.UnixMilli(1999))
		if st.t.Len() != 2 {
			t.Fatal("a row expired too early")
		}
		st.s.Tick(time.UnixMilli(2000))
		if st.t.Len() != 1 || st.t.Find(key(1), 0) < 0 {
			t.Fatal("the row that was not touched should have expired alone")
		}
		st.s.Tick(time.UnixMilli(2500))
		if st.t.Len() != 0 {
			t.Fatal("a row outlived its TTL")
		}
	}
}

func TestCorruptRecordsAreRefused(t *testing.T) {
	s := NewStore(128)
	tab := s.Table(peopleSpec)
	for i := range 3 {
		setValue(tab, tab.Make(rowsOf([][3]int{{i, i, i}}), 0), i)
	}
	rec := s.AppendDelta(nil)
	for cut := 1; cut < len(rec); cut++ {
		fresh := NewStore(128)
		fresh.Table(peopleSpec)
		if err := fresh.Apply(rec[:cut], nil); err == nil {
			t.Fatalf("a record cut at %d of %d was taken", cut, len(rec))
		}
	}
	other := NewStore(128)
	spec := peopleSpec
	spec.Value = spec.Value[:1]
	other.Table(spec)
	if err := other.Apply(rec, nil); err == nil {
		t.Fatal("rows of another shape were taken")
	}
}

func FuzzApply(f *testing.F) {
	s := NewStore(128)
	tab := s.Table(peopleSpec)
	setValue(tab, tab.Make(rowsOf([][3]int{{1, 2, 3}}), 0), 4)
	f.Add(s.AppendDelta(nil))
	f.Fuzz(func(t *testing.T, rec []byte) {
		s := NewStore(128)
		s.Table(peopleSpec)
		_ = s.Apply(rec, nil)
	})
}

// TestHeapObjects: what the collector has to look at does not grow with rows.
func TestHeapObjects(t *testing.T) {
	objects := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapObjects
	}
	spec := TableSpec{Name: "t", Key: []types.Type{types.TBigInt, types.TString}, HashKey: 1, Value: []types.Type{types.TString}, Index: []int{0}}
	s := NewStore(128)
	tab := s.Table(spec)
	fill := func(from, to int) {
		keys, names := vec.NewBuilder(types.TBigInt, 0), vec.NewBuilder(types.TString, 0)
		for i := from; i < to; i++ {
			keys.AppendInt(int64(i % 1000))
			names.AppendString(fmt.Sprint("row ", i))
		}
		ids := make([]int32, to-from)
		cols := []*vec.Vector{keys.Finish(), names.Finish()}
		tab.Lookup(cols, nil, true, ids)
		for i, id := range ids {
			tab.Value(0).SetBytes(int(id), cols[1].Bytes(i))
		}
	}
	fill(0, 1000)
	before := objects()
	fill(1000, 200_000)
	after := objects()
	if tab.Len() != 200_000 {
		t.Fatal(tab.Len())
	}
	if after > before+200 {
		t.Fatalf("%d heap objects with 1,000 rows, %d with 200,000", before, after)
	}
	runtime.KeepAlive(s)
}

func TestTree(t *testing.T) {
	spec := TableSpec{
		Name: "t", Key: []types.Type{types.TInt, types.TBigInt}, HashKey: 1, Index: []int{0}, Ordered: true,
		Value: []types.Type{types.TBigInt.Required(), types.TBytes.Required()},
	}
	type row struct {
		k, serial int
		weight    int64
		sort      string
	}
	r := rand.New(rand.NewPCG(1, 1))
	s := NewStore(128)
	tab := s.Table(spec)
	var rows []row // in order of age
	key := func(w row) []*vec.Vector {
		return []*vec.Vector{vec.Const(types.TInt, w.k, 1), vec.Const(types.TBigInt, w.serial, 1)}
	}
	for n := range 600 {
		switch {
		case r.IntN(3) > 0 || len(rows) == 0:
			w := row{r.IntN(3), n, 1 + r.Int64N(3), fmt.Sprint(r.IntN(30))}
			id := tab.Make(key(w), 0)
			tab.Value(0).I64[id] = w.weight
			tab.Value(1).SetBytes(int(id), []byte(w.sort))
			tab.Link(id)
			rows = append(rows, w)
		case r.IntN(2) == 0:
			i := r.IntN(len(rows))
			tab.Delete(tab.Find(key(rows[i]), 0))
			rows = slices.Delete(rows, i, i+1)
		default:
			i := r.IntN(len(rows))
			rows[i].weight = 1 + r.Int64N(5)
			tab.Weigh(tab.Find(key(rows[i]), 0), rows[i].weight)
		}
		if n%97 == 0 {
			next := NewStore(128)
			restored := next.Table(spec)
			rec, _ := s.Snapshot().Append(nil, 1<<20)
			mustApply(t, next, rec)
			s, tab = next, restored
		}
		for k := range 3 {
			var want []row
			for _, w := range rows {
				if w.k == k {
					want = append(want, w)
				}
			}
			slices.SortStableFunc(want, func(a, b row) int { return bytes.Compare([]byte(a.sort), []byte(b.sort)) })
			root := tab.FirstOf([]*vec.Vector{vec.Const(types.TInt, k, 1)}, 0)
			rank := int64(1)
			for _, w := range want {
				id := tab.Find(key(w), 0)
				if got := tab.Rank(id); got != rank {
					t.Fatalf("step %d: rank %d, want %d", n, got, rank)
				}
				for o := range w.weight {
					if got, over := tab.Nth(root, rank+o); got != id || over != o+1 {
						t.Fatalf("step %d: Nth(%d) = %d+%d, want %d+%d", n, rank+o, got, over, id, o+1)
					}
				}
				rank += w.weight
			}
			if got := tab.Weight(root); got != rank-1 {
				t.Fatalf("step %d: weight %d, want %d", n, got, rank-1)
			}
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	tab := NewStore(128).Table(TableSpec{Name: "t", Key: []types.Type{types.TBigInt}, HashKey: 1, Value: []types.Type{types.TBigInt.Required()}})
	keys := vec.New(types.TBigInt, 4096, 0)
	for i := range keys.I64 {
		keys.I64[i] = int64(i*7919) % 1000
	}
	ids := make([]int32, 4096)
	cols := []*vec.Vector{keys}
	b.ReportAllocs()
	for b.Loop() {
		tab.Lookup(cols, nil, true, ids)
	}
	b.ReportMetric(float64(b.N)*4096/b.Elapsed().Seconds()/1e6, "Mrows/s")
}
