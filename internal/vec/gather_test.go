package vec

import (
	"math/rand/v2"
	"testing"

	"github.com/millrace/millrace/internal/types"
)

// A copy, a slice and a concatenation have the values of the rows that they were made
// of, whatever the type.
func TestGather(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, typ := range allTypes {
		v := randomVector(r, typ, 200)
		for range 20 {
			rows := randomRows(r, r.IntN(150), v.N)
			c := Copy(v, rows)
			if c.N != len(rows) {
				t.Fatalf("%s: %d rows", typ, c.N)
			}
			for i, row := range rows {
				if !equalValues(c, i, v, int(row)) {
					t.Fatalf("%s: Copy row %d is %v, not %v", typ, i, Value(c, i), Value(v, int(row)))
				}
			}
			from := r.IntN(v.N)
			to := from + r.IntN(v.N-from+1)
			s := Slice(v, from, to)
			joined := Concat([]*Vector{s, c, Slice(c, 0, 0), s})
			if joined.N != 2*s.N+c.N {
				t.Fatalf("%s: %d rows joined", typ, joined.N)
			}
			for i := range joined.N {
				want, j := s, i
				if i >= s.N {
					want, j = c, i-s.N
				}
				if i >= s.N+c.N {
					want, j = s, i-s.N-c.N
				}
				if !equalValues(joined, i, want, j) {
					t.Fatalf("%s: Concat row %d", typ, i)
				}
			}
			for i := range s.N {
				if !equalValues(s, i, v, from+i) {
					t.Fatalf("%s: Slice(%d, %d) row %d", typ, from, to, i)
				}
			}
		}
		all := Copy(v, nil)
		outer := Copy(v, []int32{3, -1, 4})
		if all.N != v.N || !outer.IsNull(1) || !equalValues(outer, 0, v, 3) || !equalValues(outer, 2, v, 4) {
			t.Errorf("%s: nil or negative rows", typ)
		}
	}
}

func TestDense(t *testing.T) {
	b := &Batch{N: 4, Cols: []*Vector{Const(types.TInt, 5, 4)}, Kinds: []types.RowKind{0, 1, 2, 3}, Before: []int64{10, 11, 12, 13}}
	if b.Dense() != b {
		t.Error("a dense batch was copied")
	}
	d := b.Select([]int32{1, 3}).Dense()
	if d.N != 2 || d.Sel != nil || d.Cols[0].N != 2 || d.Kinds[1] != types.Delete || d.Before[0] != 11 {
		t.Errorf("%+v", d)
	}
}

// A builder that is cut back goes on as if nothing had been.
func TestTruncate(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for _, typ := range allTypes {
		v := randomVector(r, typ, 50)
		b := NewBuilder(typ, 4)
		for i := range v.N {
			for range r.IntN(3) {
				appendRandom(r, b)
			}
			for _, k := range b.kids {
				appendRandom(r, k) // a value never closed
			}
			b.Truncate(i)
			b.TruncateOpen()
			b.Append(v, i)
		}
		view := b.View()
		got := b.Finish()
		if got.N != v.N || b.Len() != 0 {
			t.Fatalf("%s: %d rows, then %d", typ, got.N, b.Len())
		}
		for i := range v.N {
			if !equalValues(got, i, v, i) || !equalValues(view, i, v, i) {
				t.Fatalf("%s: row %d is %v, not %v", typ, i, Value(got, i), Value(v, i))
			}
		}
	}
}

// Copying allocates by column, not by row.
func TestCopyAllocs(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for _, typ := range allTypes {
		v := randomVector(r, typ, 1000)
		few, many := randomRows(r, 10, v.N), randomRows(r, 1000, v.N)
		a := testing.AllocsPerRun(10, func() { Copy(v, few) })
		b := testing.AllocsPerRun(10, func() { Copy(v, many) })
		if b > a+2 {
			t.Errorf("%s: %v allocations for 10 rows, %v for 1000", typ, a, b)
		}
	}
}

func BenchmarkCopyInt64(b *testing.B)  { benchmarkCopy(b, types.TBigInt) }
func BenchmarkCopyString(b *testing.B) { benchmarkCopy(b, types.TString) }

func benchmarkCopy(b *testing.B, t types.Type) {
	r := rand.New(rand.NewPCG(4, 4))
	v := randomVector(r, t.Required(), BatchRows)
	rows := randomRows(r, BatchRows, BatchRows)
	for b.Loop() {
		Copy(v, rows)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*BatchRows), "ns/row")
}
