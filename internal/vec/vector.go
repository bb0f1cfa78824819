// Package vec holds typed column vectors and batches of them, and what is
// computed on whole columns: copying, hashing, comparing, encoding of keys.
//
// The layout is Arrow's (validity as a bitmap with 1 for valid, offsets and
// bytes for strings, children for nested types) with one difference: booleans
// take a byte each, because kernels write them far more often than any
// exporter reads them.
package vec

import (
	"github.com/millrace/millrace/internal/types"
)

// Vector is a column: N values of one type, of which the slice that belongs to
// the type's physical form is used and all others are nil.
//
//	physical    values
//	bool        Bool[i]
//	int8..64    I8[i] … I64[i]
//	float32/64  F32[i], F64[i]
//	decimal     Dec[i]
//	bytes       Data[Off[i]:Off[i+1]]
//	array       Kids[0] at Off[i]:Off[i+1]
//	map         Kids[0] (keys), Kids[1] (values) at Off[i]:Off[i+1]
//	row         Kids[f] at i
//
// Off[0] is 0, but for a Slice; Data and Kids may hold more than the offsets refer
// to. Valid is nil where no value is NULL. The value under a NULL is some value of
// the type, never garbage that a kernel could not run over: kernels compute on
// all rows and join the bitmaps.
//
// A vector that was handed on is read only, and may be shared between workers.
type Vector struct {
	Type  types.Type
	N     int
	Valid Bitmap

	Bool []bool
	I8   []int8
	I16  []int16
	I32  []int32
	I64  []int64
	F32  []float32
	F64  []float64
	Dec  []types.Dec
	Off  []int32
	Data []byte
	Kids []*Vector
}

// Bitmap holds a bit a row, least significant first; 1 is valid.
type Bitmap []uint64

// Get says whether bit i is set; a nil bitmap has all bits set.
func (b Bitmap) Get(i int) bool { return b == nil || b[i>>6]&(1<<(uint(i)&63)) != 0 }

// Set sets bit i.
func (b Bitmap) Set(i int) { b[i>>6] |= 1 << (uint(i) & 63) }

// Clear clears bit i.
func (b Bitmap) Clear(i int) { b[i>>6] &^= 1 << (uint(i) & 63) }

// NewBitmap makes a bitmap of n bits, all set if set.
func NewBitmap(n int, set bool) Bitmap {
	b := make(Bitmap, (n+63)>>6)
	if set {
		for i := range b {
			b[i] = ^uint64(0)
		}
	}
	return b
}

// And is the bitmap of rows valid in both, for n rows; it is a new bitmap, or
// one of the two if the other is nil.
func And(a, b Bitmap, n int) Bitmap {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	out := make(Bitmap, (n+63)>>6)
	for i := range out {
		out[i] = a[i] & b[i]
	}
	return out
}

// New makes a vector of n zero values, none of them NULL, with room for
// capBytes bytes of strings.
func New(t types.Type, n int, capBytes int) *Vector {
	v := &Vector{Type: t, N: n}
	switch t.Physical() {
	case types.PhysBool:
		v.Bool = make([]bool, n)
	case types.PhysInt8:
		v.I8 = make([]int8, n)
	case types.PhysInt16:
		v.I16 = make([]int16, n)
	case types.PhysInt32:
		v.I32 = make([]int32, n)
	case types.PhysInt64:
		v.I64 = make([]int64, n)
	case types.PhysFloat32:
		v.F32 = make([]float32, n)
	case types.PhysFloat64:
		v.F64 = make([]float64, n)
	case types.PhysDec:
		v.Dec = make([]types.Dec, n)
	case types.PhysBytes:
		v.Off = make([]int32, n+1)
		v.Data = make([]byte, 0, capBytes)
	case types.PhysArray:
		v.Off = make([]int32, n+1)
		v.Kids = []*Vector{New(*t.Elem, 0, 0)}
	case types.PhysMap:
		v.Off = make([]int32, n+1)
		v.Kids = []*Vector{New(mapKey(t), 0, 0), New(mapValue(t), 0, 0)}
	case types.PhysRow:
		v.Kids = make([]*Vector, len(t.Fields))
		for i, f := range t.Fields {
			v.Kids[i] = New(f.Type, n, 0)
		}
	}
	return v
}

// mapKey and mapValue see a MULTISET as the map from element to count.
func mapKey(t types.Type) types.Type {
	if t.Root == types.Multiset {
		return *t.Elem
	}
	return *t.Key
}

func mapValue(t types.Type) types.Type {
	if t.Root == types.Multiset {
		return types.TInt.Required()
	}
	return *t.Elem
}

// NewNulls makes a vector of n NULLs.
func NewNulls(t types.Type, n int) *Vector {
	v := New(t.Nullable(), n, 0)
	v.Valid = NewBitmap(n, false)
	return v
}

// IsNull says whether value i is NULL.
func (v *Vector) IsNull(i int) bool {
	return v.Type.Root == types.Null || v.Valid != nil && v.Valid[i>>6]&(1<<(uint(i)&63)) == 0
}

// SetNull makes value i NULL.
func (v *Vector) SetNull(i int) {
	if v.Valid == nil {
		v.Valid = NewBitmap(v.N, true)
	}
	v.Valid.Clear(i)
}

// Bytes is value i of a vector of strings or bytes; it aliases the vector.
func (v *Vector) Bytes(i int) []byte { return v.Data[v.Off[i]:v.Off[i+1]:v.Off[i+1]] }

// Str is value i of a vector of strings, as a new string.
func (v *Vector) Str(i int) string { return string(v.Data[v.Off[i]:v.Off[i+1]]) }
