package vec

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/millrace/millrace/internal/types"
)

// A column is changed at random beside a naive twin, a list of encoded values.
func TestColumnAgainstTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	for _, typ := range allTypes {
		for _, typ := range []types.Type{typ, typ.Required()} {
			if typ.Root == types.Null && typ.NotNull {
				continue
			}
			v := randomVector(r, typ, 100)
			c := NewColumn(typ)
			var twin []string
			zero := fresh(typ)
			for range 5000 {
				if len(twin) == 0 || r.IntN(20) == 0 && len(twin) < 300 {
					n := len(twin) + 1 + r.IntN(70)
					c.Grow(n)
					for len(twin) < n {
						twin = append(twin, zero)
					}
				}
				i, row := r.IntN(len(twin)), r.IntN(v.N)
				switch r.IntN(8) {
				case 0:
					c.Zero(i)
					twin[i] = zero
				case 1:
					c.SetNull(i)
					twin[i] = "\x00"
				case 2:
					enc := AppendValue(nil, v, row)
					rest, err := c.ReadValue(i, append(enc, 7))
					if err != nil || len(rest) != 1 {
						t.Fatalf("%s: ReadValue: %d left, %v", typ, len(rest), err)
					}
					twin[i] = string(enc)
				default:
					c.Set(i, v, row)
					twin[i] = string(AppendValue(nil, v, row))
				}
				if k := r.IntN(len(twin)); string(c.AppendValue(nil, k)) != twin[k] {
					t.Fatalf("%s: row %d is %x, not %x", typ, k, c.AppendValue(nil, k), twin[k])
				}
			}
			ids := append(randomRows(r, 100, len(twin)), -1)
			g := c.Gather(ids)
			for k, id := range ids {
				if id < 0 {
					if !g.IsNull(k) {
						t.Fatalf("%s: a negative id gives %v", typ, Value(g, k))
					}
					continue
				}
				if got := string(AppendValue(nil, g, k)); got != twin[id] {
					t.Fatalf("%s: gathered %x, not %x", typ, got, twin[id])
				}
				row := r.IntN(v.N)
				want := Compare(g, k, v, row)
				if c.Compare(int(id), v, row) != want || c.Equal(int(id), v, row) != (want == 0) {
					t.Fatalf("%s: %v against %v", typ, Value(g, k), Value(v, row))
				}
			}
			if c.MemBytes() <= 0 {
				t.Errorf("%s: no memory", typ)
			}
		}
	}
}

// fresh is the encoding of a row as Grow makes it.
func fresh(t types.Type) string {
	b := NewBuilder(t, 1)
	if t.NotNull {
		b.AppendZero()
	} else {
		b.AppendNull()
	}
	return string(AppendValue(nil, b.Finish(), 0))
}

// The arena of strings that come and go stays within a few times what lives.
func TestArenaCompacts(t *testing.T) {
	c := NewColumn(types.TString.Required())
	c.Grow(100)
	for i := range 200_000 {
		c.SetBytes(i%100, fmt.Appendf(nil, "%0*d", 1+i%97, i))
	}
	if n := c.MemBytes(); n > 100<<10 {
		t.Errorf("%d bytes for at most 9700", n)
	}
	long := bytes.Repeat([]byte("x"), 3*chunkBytes)
	c.SetBytes(0, long)
	c.SetBytes(1, []byte("y"))
	if !bytes.Equal(c.Bytes(0), long) || string(c.Bytes(1)) != "y" {
		t.Error("a value longer than a chunk")
	}
	for i := range 100 {
		c.Zero(i)
	}
	if n := c.MemBytes(); n > 100<<10 {
		t.Errorf("%d bytes for nothing", n)
	}
}

// An accumulator is begun by SetValid alone.
func TestColumnAccumulates(t *testing.T) {
	c := NewColumn(types.TBigInt)
	c.Grow(70)
	if !c.IsNull(69) {
		t.Error("a new row is not NULL")
	}
	c.SetValid(69)
	c.I64[69] += 5
	if got := c.Gather([]int32{69, 68}); got.I64[0] != 5 || got.IsNull(0) || !got.IsNull(1) {
		t.Errorf("%v %v", Value(got, 0), Value(got, 1))
	}
	c.Zero(69)
	c.SetValid(69)
	if c.I64[69] != 0 {
		t.Error("Zero left the value")
	}
}

func TestColumnAllocs(t *testing.T) {
	c := NewColumn(types.TString)
	c.Grow(64)
	v := randomVector(rand.New(rand.NewPCG(10, 10)), types.TString.Required(), 64)
	set := func() {
		for i := range 64 {
			c.Set(i, v, i)
		}
	}
	set()
	if n := testing.AllocsPerRun(100, set); n > 0 {
		t.Errorf("%v allocations to overwrite 64 strings", n)
	}
	if n := testing.AllocsPerRun(100, func() {
		for i := range 64 {
			if !c.Equal(i, v, i) || c.Compare(i, v, i) != 0 {
				t.Fatal("not equal")
			}
		}
	}); n > 0 {
		t.Errorf("%v allocations to compare", n)
	}
}

func FuzzReadValue(f *testing.F) {
	r := rand.New(rand.NewPCG(11, 11))
	for i, typ := range allTypes {
		v := randomVector(r, typ, 3)
		f.Add(AppendRow(nil, []*Vector{v}, 2), uint8(i))
	}
	f.Fuzz(func(t *testing.T, src []byte, which uint8) {
		typ := allTypes[int(which)%len(allTypes)]
		b := NewBuilder(typ, 1)
		rest, err := ReadValue(src, b)
		skipped, skipErr := SkipValue(src, typ)
		if err == nil && (skipErr != nil || len(skipped) != len(rest)) {
			t.Fatalf("%s %x: read to %d, skipped to %d (%v)", typ, src, len(rest), len(skipped), skipErr)
		}
		if err != nil {
			b.Truncate(0)
			b.TruncateOpen()
			b.AppendNull()
		}
		v := b.Finish()
		again := AppendValue(nil, v, 0)
		b2 := NewBuilder(typ, 1)
		if rest, err := ReadValue(again, b2); err != nil || len(rest) != 0 || Compare(v, 0, b2.Finish(), 0) != 0 {
			t.Fatalf("%s %x: %x is not read back", typ, src, again)
		}
	})
}
