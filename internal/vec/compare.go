package vec

import (
	"bytes"
	"cmp"

	"github.com/millrace/millrace/internal/types"
)

// Compare orders value i of a and value j of b, which have one type: -1, 0 or 1.
// NULL equals NULL and comes before all else; NaN equals NaN and comes after all
// numbers; -0.0 equals 0.0. Strings are ordered by their bytes, which for UTF-8 is
// the order of code points; nested values by their parts, from the first on.
func Compare(a *Vector, i int, b *Vector, j int) int {
	if x, y := a.IsNull(i), b.IsNull(j); x || y {
		return compareBools(!x, !y)
	}
	switch a.Type.Physical() {
	case types.PhysBool:
		return compareBools(a.Bool[i], b.Bool[j])
	case types.PhysInt8:
		return cmp.Compare(a.I8[i], b.I8[j])
	case types.PhysInt16:
		return cmp.Compare(a.I16[i], b.I16[j])
	case types.PhysInt32:
		return cmp.Compare(a.I32[i], b.I32[j])
	case types.PhysInt64:
		return cmp.Compare(a.I64[i], b.I64[j])
	case types.PhysFloat32:
		return CompareFloats(float64(a.F32[i]), float64(b.F32[j]))
	case types.PhysFloat64:
		return CompareFloats(a.F64[i], b.F64[j])
	case types.PhysDec:
		return a.Dec[i].Cmp(b.Dec[j])
	case types.PhysBytes:
		return bytes.Compare(a.Bytes(i), b.Bytes(j))
	case types.PhysArray, types.PhysMap:
		n, m := a.Off[i+1]-a.Off[i], b.Off[j+1]-b.Off[j]
		for e := int32(0); e < min(n, m); e++ {
			if c := compareKids(a, int(a.Off[i]+e), b, int(b.Off[j]+e)); c != 0 {
				return c
			}
		}
		return cmp.Compare(n, m)
	case types.PhysRow:
		return compareKids(a, i, b, j)
	}
	return 0
}

func compareKids(a *Vector, i int, b *Vector, j int) int {
	for k := range a.Kids {
		if c := Compare(a.Kids[k], i, b.Kids[k], j); c != 0 {
			return c
		}
	}
	return 0
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// CompareFloats orders floats as SQL does: NaN equals NaN and is the greatest.
func CompareFloats(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	case a == b:
		return 0
	}
	return compareBools(a != a, b != b)
}

// SortKey is one column of an ORDER BY.
type SortKey struct {
	Col  int
	Desc bool
	// NullsLast puts NULLs at the end, whatever Desc says. Flink's default is
	// first for ascending, last for descending order.
	NullsLast bool
}

// Comparator orders rows by several keys.
type Comparator struct{ keys []SortKey }

// NewComparator makes a comparator of the keys, the first weighing most.
func NewComparator(keys []SortKey) *Comparator { return &Comparator{keys} }

// Compare orders row i of a and row j of b: -1, 0 or 1.
func (c *Comparator) Compare(a []*Vector, i int, b []*Vector, j int) int {
	for _, k := range c.keys {
		if r := k.Compare(a[k.Col], i, b[k.Col], j); r != 0 {
			return r
		}
	}
	return 0
}

// Compare orders value i of a and value j of b by this key.
func (k SortKey) Compare(a *Vector, i int, b *Vector, j int) int {
	return k.Apply(Compare(a, i, b, j), a.IsNull(i) || b.IsNull(j))
}

// Apply turns what Compare said of two values into this key's order; null says
// that one of the two is NULL.
func (k SortKey) Apply(r int, null bool) int {
	if null && k.NullsLast || !null && k.Desc {
		return -r
	}
	return r
}
