package vec

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/millrace/millrace/internal/types"
)

// Column is a column that grows and changes: what state is made of. Its values
// are addressed by row number. No value has a pointer of its own, so the garbage
// collector does not see the rows: strings lie in an arena, addressed by offset
// and length, and nested values (ARRAY, MAP, ROW) lie there encoded (AppendValue).
//
// The typed slices are open to kernels, as a Vector's: an accumulator is added to
// in place with c.I64[g] += v. The value under a NULL is zero, so that a sum may
// begin with SetValid and an addition.
type Column struct {
	Type  types.Type
	Valid Bitmap // nil: the column's type is NOT NULL, or no row was ever NULL

	Bool []bool
	I8   []int8
	I16  []int16
	I32  []int32
	I64  []int64
	F32  []float32
	F64  []float64
	Dec  []types.Dec

	phys    types.Physical
	room    Room
	ref     []span // strings, bytes and encoded nested values
	arena   arena
	scratch []byte
	n       int
}

// NewColumn makes an empty column.
func NewColumn(t types.Type) *Column {
	c := &Column{Type: t, phys: t.Physical()}
	if !t.NotNull {
		c.Valid = Bitmap{}
	}
	return c
}

// Len is the number of rows.
func (c *Column) Len() int { return c.n }

// Grow makes the column n rows long; it never shrinks it. New rows are NULL, or
// zero if the type is NOT NULL.
func (c *Column) Grow(n int) {
	if n <= c.n {
		return
	}
	if c.Valid != nil {
		words := len(c.Valid)
		c.Valid = Extend(&c.room, c.Valid, (n+63)>>6, MaxRows/64+1)
		for w := words; c.Type.NotNull && w < len(c.Valid); w++ {
			c.Valid[w] = ^uint64(0)
		}
	}
	c.n = n
	switch c.phys {
	case types.PhysBool:
		c.Bool = Extend(&c.room, c.Bool, n, MaxRows)
	case types.PhysInt8:
		c.I8 = Extend(&c.room, c.I8, n, MaxRows)
	case types.PhysInt16:
		c.I16 = Extend(&c.room, c.I16, n, MaxRows)
	case types.PhysInt32:
		c.I32 = Extend(&c.room, c.I32, n, MaxRows)
	case types.PhysInt64:
		c.I64 = Extend(&c.room, c.I64, n, MaxRows)
	case types.PhysFloat32:
		c.F32 = Extend(&c.room, c.F32, n, MaxRows)
	case types.PhysFloat64:
		c.F64 = Extend(&c.room, c.F64, n, MaxRows)
	case types.PhysDec:
		c.Dec = Extend(&c.room, c.Dec, n, MaxRows)
	default:
		c.ref = Extend(&c.room, c.ref, n, MaxRows)
	}
}

// IsNull says whether row i is NULL.
func (c *Column) IsNull(i int) bool { return c.phys == types.PhysNull || !c.Valid.Get(i) }

// SetNull makes row i NULL, and its value zero.
func (c *Column) SetNull(i int) {
	c.clear(i)
	if c.Valid == nil {
		// The bits past the end, set too, are for rows to come.
		c.Valid = Extend(&c.room, Bitmap(nil), (c.n+63)>>6, MaxRows/64+1)
		for w := range c.Valid {
			c.Valid[w] = ^uint64(0)
		}
	}
	c.Valid.Clear(i)
}

// SetValid makes row i not NULL; its value is what lay under the NULL, zero.
func (c *Column) SetValid(i int) {
	if c.Valid != nil {
		c.Valid.Set(i)
	}
}

// Zero puts row i back to what Grow makes, and frees its bytes.
func (c *Column) Zero(i int) {
	if c.Type.NotNull {
		c.clear(i)
		c.SetValid(i)
		return
	}
	c.SetNull(i)
}

// clear makes the value of row i zero, whether NULL or not.
func (c *Column) clear(i int) {
	switch c.phys {
	case types.PhysBool:
		c.Bool[i] = false
	case types.PhysInt8:
		c.I8[i] = 0
	case types.PhysInt16:
		c.I16[i] = 0
	case types.PhysInt32:
		c.I32[i] = 0
	case types.PhysInt64:
		c.I64[i] = 0
	case types.PhysFloat32:
		c.F32[i] = 0
	case types.PhysFloat64:
		c.F64[i] = 0
	case types.PhysDec:
		c.Dec[i] = types.Dec{}
	default:
		c.arena.free(c.ref[i])
		c.ref[i] = span{}
		c.arena.tidy(c.ref)
	}
}

// Bytes is row i of a column of strings or bytes, or the encoding of a nested
// value; valid until the column changes.
func (c *Column) Bytes(i int) []byte { return c.arena.get(c.ref[i]) }

// SetBytes copies b to row i of a column of strings or bytes, and makes it valid.
func (c *Column) SetBytes(i int, b []byte) {
	c.ref[i] = c.arena.put(c.ref[i], b)
	c.arena.tidy(c.ref)
	c.SetValid(i)
}

// Set copies a value of a vector of the same type to row i, NULL or not.
func (c *Column) Set(i int, v *Vector, row int) {
	if v.IsNull(row) {
		c.SetNull(i)
		return
	}
	switch c.phys {
	case types.PhysBool:
		c.Bool[i] = v.Bool[row]
	case types.PhysInt8:
		c.I8[i] = v.I8[row]
	case types.PhysInt16:
		c.I16[i] = v.I16[row]
	case types.PhysInt32:
		c.I32[i] = v.I32[row]
	case types.PhysInt64:
		c.I64[i] = v.I64[row]
	case types.PhysFloat32:
		c.F32[i] = v.F32[row]
	case types.PhysFloat64:
		c.F64[i] = v.F64[row]
	case types.PhysDec:
		c.Dec[i] = v.Dec[row]
	case types.PhysBytes:
		c.SetBytes(i, v.Data[v.Off[row]:v.Off[row+1]])
	default:
		c.scratch = AppendValue(c.scratch[:0], v, row)
		c.SetBytes(i, c.scratch)
	}
	c.SetValid(i)
}

// Gather copies rows into a vector; a negative id gives NULL.
func (c *Column) Gather(ids []int32) *Vector {
	if c.phys > types.PhysBytes {
		return c.gatherNested(ids)
	}
	out := &Vector{Type: c.Type, N: len(ids)}
	out.Valid = gatherValid(&Vector{Valid: c.Valid}, ids)
	switch c.phys {
	case types.PhysBool:
		out.Bool = gather(c.Bool, ids)
	case types.PhysInt8:
		out.I8 = gather(c.I8, ids)
	case types.PhysInt16:
		out.I16 = gather(c.I16, ids)
	case types.PhysInt32:
		out.I32 = gather(c.I32, ids)
	case types.PhysInt64:
		out.I64 = gather(c.I64, ids)
	case types.PhysFloat32:
		out.F32 = gather(c.F32, ids)
	case types.PhysFloat64:
		out.F64 = gather(c.F64, ids)
	case types.PhysDec:
		out.Dec = gather(c.Dec, ids)
	case types.PhysBytes:
		out.Off = make([]int32, len(ids)+1)
		size := int32(0)
		for i, id := range ids {
			if id >= 0 {
				size += int32(c.ref[id].len)
			}
			out.Off[i+1] = size
		}
		out.Data = make([]byte, size)
		for i, id := range ids {
			if id >= 0 {
				copy(out.Data[out.Off[i]:], c.arena.get(c.ref[id]))
			}
		}
	}
	return out
}

func (c *Column) gatherNested(ids []int32) *Vector {
	b := NewBuilder(c.Type, len(ids))
	for _, id := range ids {
		if id < 0 || c.IsNull(int(id)) {
			b.AppendNull()
			continue
		}
		if _, err := ReadValue(c.nested(int(id)), b); err != nil {
			panic(err)
		}
	}
	return b.Finish()
}

// nested is the encoding of a nested value that is not NULL. A row that was only
// made valid, as an accumulator's, has no bytes yet: it is the empty value.
func (c *Column) nested(i int) []byte {
	if b := c.Bytes(i); len(b) > 0 {
		return b
	}
	b := NewBuilder(c.Type, 1)
	b.AppendZero()
	return AppendValue(nil, b.Finish(), 0)
}

// Equal says whether row i is the same as a value of a vector of the same type.
// NULL is the same as NULL, and floats are as in Compare.
func (c *Column) Equal(i int, v *Vector, row int) bool {
	if x, y := c.IsNull(i), v.IsNull(row); x || y {
		return x == y
	}
	switch c.phys {
	case types.PhysBool:
		return c.Bool[i] == v.Bool[row]
	case types.PhysInt8:
		return c.I8[i] == v.I8[row]
	case types.PhysInt16:
		return c.I16[i] == v.I16[row]
	case types.PhysInt32:
		return c.I32[i] == v.I32[row]
	case types.PhysInt64:
		return c.I64[i] == v.I64[row]
	case types.PhysDec:
		return c.Dec[i] == v.Dec[row]
	case types.PhysBytes:
		return string(c.arena.get(c.ref[i])) == string(v.Data[v.Off[row]:v.Off[row+1]])
	}
	return c.Compare(i, v, row) == 0
}

// Compare orders row i and a value of a vector of the same type, as the function
// Compare does.
func (c *Column) Compare(i int, v *Vector, row int) int {
	if c.IsNull(i) || v.IsNull(row) {
		return compareBools(!c.IsNull(i), !v.IsNull(row))
	}
	switch c.phys {
	case types.PhysFloat32:
		return CompareFloats(float64(c.F32[i]), float64(v.F32[row]))
	case types.PhysFloat64:
		return CompareFloats(c.F64[i], v.F64[row])
	case types.PhysBytes:
		return bytes.Compare(c.Bytes(i), v.Bytes(row))
	}
	if c.phys > types.PhysBytes {
		b := NewBuilder(c.Type, 1)
		if _, err := ReadValue(c.nested(i), b); err != nil {
			panic(err)
		}
		return Compare(b.Finish(), 0, v, row)
	}
	w := c.view(i)
	return Compare(&w, 0, v, row)
}

// view is a vector of row i alone, of a type that fits a slice of its own.
func (c *Column) view(i int) Vector {
	w := Vector{Type: c.Type, N: 1}
	switch c.phys {
	case types.PhysBool:
		w.Bool = c.Bool[i : i+1]
	case types.PhysInt8:
		w.I8 = c.I8[i : i+1]
	case types.PhysInt16:
		w.I16 = c.I16[i : i+1]
	case types.PhysInt32:
		w.I32 = c.I32[i : i+1]
	case types.PhysInt64:
		w.I64 = c.I64[i : i+1]
	case types.PhysDec:
		w.Dec = c.Dec[i : i+1]
	}
	return w
}

// AppendValue appends the encoding of row i, as the function AppendValue does.
func (c *Column) AppendValue(dst []byte, i int) []byte {
	if c.IsNull(i) {
		return append(dst, 0)
	}
	switch c.phys {
	case types.PhysBool:
		return appendBool(dst, c.Bool[i])
	case types.PhysInt8:
		return appendInt(dst, int64(c.I8[i]))
	case types.PhysInt16:
		return appendInt(dst, int64(c.I16[i]))
	case types.PhysInt32:
		return appendInt(dst, int64(c.I32[i]))
	case types.PhysInt64:
		return appendInt(dst, c.I64[i])
	case types.PhysFloat32:
		return appendFloat32(dst, c.F32[i])
	case types.PhysFloat64:
		return appendFloat64(dst, c.F64[i])
	case types.PhysDec:
		return appendDec(dst, c.Dec[i])
	case types.PhysBytes:
		return appendBytes(dst, c.Bytes(i))
	}
	return append(dst, c.nested(i)...)
}

// ReadValue reads an encoded value into row i and gives what follows it.
func (c *Column) ReadValue(i int, src []byte) (rest []byte, err error) {
	if c.phys > types.PhysBytes {
		return c.readNested(i, src)
	}
	n, null, src := readPrefix(src)
	if src == nil {
		return nil, ErrEncoding
	}
	if null {
		c.SetNull(i)
		return src, nil
	}
	size := fixedSize(c.phys, n)
	if uint64(len(src)) < size {
		return nil, ErrEncoding
	}
	switch c.phys {
	case types.PhysBool:
		c.Bool[i] = n == 1
	case types.PhysInt8:
		c.I8[i] = int8(unzigzag(n))
	case types.PhysInt16:
		c.I16[i] = int16(unzigzag(n))
	case types.PhysInt32:
		c.I32[i] = int32(unzigzag(n))
	case types.PhysInt64:
		c.I64[i] = unzigzag(n)
	case types.PhysFloat32:
		c.F32[i] = math.Float32frombits(binary.LittleEndian.Uint32(src))
	case types.PhysFloat64:
		c.F64[i] = math.Float64frombits(binary.LittleEndian.Uint64(src))
	case types.PhysDec:
		c.Dec[i] = readDec(src[:size])
	case types.PhysBytes:
		c.SetBytes(i, src[:size])
	}
	c.SetValid(i)
	return src[size:], nil
}

func (c *Column) readNested(i int, src []byte) ([]byte, error) {
	rest, err := SkipValue(src, c.Type)
	if err != nil {
		return nil, err
	}
	if src[0] == 0 {
		c.SetNull(i)
	} else {
		c.SetBytes(i, src[:len(src)-len(rest)])
	}
	return rest, nil
}

// MemBytes is the memory that the column holds.
func (c *Column) MemBytes() int64 {
	n := len(c.Bool) + len(c.I8) + 2*len(c.I16) + 4*len(c.I32) + 8*len(c.I64) + 4*len(c.F32) + 8*len(c.F64) +
		16*len(c.Dec) + 8*len(c.Valid) + 8*len(c.ref) + cap(c.scratch)
	return int64(n) + c.arena.size()
}

// Width is how many bytes a row takes, besides text.
func (c *Column) Width() int {
	switch c.phys {
	case types.PhysBool, types.PhysInt8:
		return 1
	case types.PhysInt16:
		return 2
	case types.PhysInt32, types.PhysFloat32:
		return 4
	case types.PhysDec:
		return 16
	}
	return 8
}

// LiveText is how many bytes of text, or of encoded values, the rows have.
func (c *Column) LiveText() int64 { return int64(c.arena.live) }
