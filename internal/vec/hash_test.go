package vec

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/millrace/millrace/internal/types"
)

func hashOf(cols ...*Vector) uint64 {
	out := make([]uint64, 1)
	HashRows(cols, nil, 1, out)
	return out[0]
}

// The hashes below are in journals and savepoints: if this test fails, what it tests
// is wrong, never the numbers.
func TestHashIsForEver(t *testing.T) {
	for _, c := range []struct {
		typ  types.Type
		x    any
		want uint64
	}{
		{types.TInt, 0, 0x2afa3043c0fbb4d2},
		{types.TBigInt, 1, 0x27e0bf1ab1e80487},
		{types.TBigInt, -1, 0x16c39019ab39b510},
		{types.TInt, nil, 0x21cce19ad24de4b},
		{types.TBool, true, 0x27e0bf1ab1e80487},
		{types.TDouble, 1.5, 0x270c34f38100cc63},
		{types.TFloat, 1.5, 0x270c34f38100cc63},
		{types.TDecimal(10, 2), "1.50", 0x64b1699965eea617},
		{types.TString, "", 0xce42f731b65573c2},
		{types.TString, "millrace", 0xc5420ee0d0e14503},
		{types.TString, "0123456789abcdef0123456789abcdef!", 0xd42c4cf3cf663ce7},
		{types.TArray(types.TInt), []any{1, nil}, 0xf415d96cc54ab026},
		{types.TRow(types.Field{Name: "a", Type: types.TInt}), []any{1}, 0x1ca1e06106eeba03},
		{types.TMap(types.TString, types.TInt), []Entry{{"a", 1}, {"b", 2}}, 0x1b99ed74f6c2c3b},
		{types.TMap(types.TString, types.TInt), []Entry{{"b", 2}, {"a", 1}}, 0x1b99ed74f6c2c3b},
	} {
		if got := hashOf(Const(c.typ, c.x, 1)); got != c.want {
			t.Errorf("%v as %s: %#x, want %#x", c.x, c.typ, got, c.want)
		}
	}
	if got := hashOf(Const(types.TBigInt, 1, 1), Const(types.TString, "a", 1)); got != 0x89380fa68438648e {
		t.Errorf("two columns: %#x", got)
	}
}

// Equal values hash alike, in every way they can be asked for.
func TestHashOfEqual(t *testing.T) {
	for _, typ := range []types.Type{types.TFloat, types.TDouble} {
		zero, minus := Const(typ, 0.0, 1), Const(typ, math.Copysign(0, -1), 1)
		if hashOf(zero) != hashOf(minus) {
			t.Errorf("%s: -0.0 and 0.0", typ)
		}
		nan := Const(typ, math.NaN(), 1)
		other := Const(typ, math.NaN(), 1)
		if typ.Root == types.Double {
			other.F64[0] = math.Float64frombits(0xfff8000000000123)
		} else {
			other.F32[0] = math.Float32frombits(0xffc00123)
		}
		if hashOf(nan) != hashOf(other) {
			t.Errorf("%s: two NaNs", typ)
		}
	}
	r := rand.New(rand.NewPCG(5, 5))
	for _, typ := range allTypes {
		v := randomVector(r, typ, 300)
		rows := randomRows(r, 200, v.N)
		all, some, copied := make([]uint64, v.N), make([]uint64, len(rows)), make([]uint64, len(rows))
		HashRows([]*Vector{v}, nil, v.N, all)
		HashRows([]*Vector{v}, rows, 0, some)
		HashRows([]*Vector{Copy(v, rows)}, nil, len(rows), copied)
		for i, row := range rows {
			if some[i] != all[row] || copied[i] != all[row] {
				t.Fatalf("%s: row %d", typ, row)
			}
		}
	}
}

// Numbers in sequence spread evenly, over key groups (upper bits) and over a table of
// their number (lower bits), and a bit changed changes half of all.
func TestHashSpreads(t *testing.T) {
	const n = 1 << 16
	for _, step := range []int64{1, 2, 10, 100, 1 << 20, 1 << 32} {
		v := New(types.TBigInt, n, 0)
		for i := range v.I64 {
			v.I64[i] = int64(i) * step
		}
		h := make([]uint64, n)
		HashRows([]*Vector{v}, nil, n, h)
		groups, slots := make([]int, 128), make([]int, n)
		for _, x := range h {
			groups[KeyGroup(x, 128)]++
			slots[x&(n-1)]++
		}
		for g, k := range groups {
			if k < n/128*3/4 || k > n/128*5/4 {
				t.Errorf("step %d: key group %d has %d of %d", step, g, k, n)
			}
		}
		empty := 0
		for _, k := range slots {
			if k == 0 {
				empty++
			}
		}
		if f := float64(empty) / n; f < 0.33 || f > 0.41 { // 1/e
			t.Errorf("step %d: %.3f of the slots are empty", step, f)
		}
	}
	r := rand.New(rand.NewPCG(6, 6))
	v, h := New(types.TBigInt, 2, 0), make([]uint64, 2)
	for bit := range 64 {
		sum := 0
		for range 1000 {
			v.I64[0] = r.Int64()
			v.I64[1] = v.I64[0] ^ 1<<uint(bit)
			HashRows([]*Vector{v}, nil, 2, h)
			sum += bits.OnesCount64(h[0] ^ h[1])
		}
		if sum < 30_000 || sum > 34_000 {
			t.Errorf("bit %d changes %d of 64000", bit, sum)
		}
	}
}

func TestKeyGroups(t *testing.T) {
	for _, c := range []struct{ group, max, workers, want int }{{0, 128, 4, 0}, {31, 128, 4, 0}, {32, 128, 4, 1}, {127, 128, 4, 3}, {127, 128, 3, 2}, {42, 128, 1, 0}} {
		if got := WorkerOf(c.group, c.max, c.workers); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
	if g := KeyGroup(math.MaxUint64, 128); g != 127 {
		t.Errorf("the last group is %d", g)
	}
}

func TestHashAllocs(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	var cols []*Vector
	for _, typ := range allTypes {
		cols = append(cols, randomVector(r, typ, 100))
	}
	out := make([]uint64, 100)
	if n := testing.AllocsPerRun(10, func() { HashRows(cols, nil, 100, out) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkHashInt64(b *testing.B)  { benchmarkHash(b, types.TBigInt) }
func BenchmarkHashString(b *testing.B) { benchmarkHash(b, types.TString) }

func benchmarkHash(b *testing.B, t types.Type) {
	v := randomVector(rand.New(rand.NewPCG(8, 8)), t.Required(), BatchRows)
	out := make([]uint64, BatchRows)
	for b.Loop() {
		HashRows([]*Vector{v}, nil, BatchRows, out)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*BatchRows), "ns/row")
}
