package vec

import (
	"fmt"
	"math"

	"github.com/millrace/millrace/internal/types"
)

// Builder makes a vector value by value. The appending methods take what the
// type's physical form is made of; a wrong one is a programmer's error and panics
// when the vector is used.
//
// Nested values are appended to the kids first and then closed:
//
//	ARRAY [1, 2]:  b.Kid(0).AppendInt(1); b.Kid(0).AppendInt(2); b.Close()
//	MAP {'a': 1}:  b.Kid(0).AppendString("a"); b.Kid(1).AppendInt(1); b.Close()
//	ROW (1, 'x'):  b.Kid(0).AppendInt(1); b.Kid(1).AppendString("x"); b.Close()
type Builder struct {
	v    *Vector
	phys types.Physical
	kids []*Builder
	// nulls lists the NULL rows; the bitmap is made from it at the end, so that a
	// value that is not NULL costs nothing here.
	nulls []int32
}

// NewBuilder makes a builder with room for capRows rows.
func NewBuilder(t types.Type, capRows int) *Builder {
	b := &Builder{phys: t.Physical()}
	switch b.phys {
	case types.PhysArray:
		b.kids = []*Builder{NewBuilder(*t.Elem, capRows)}
	case types.PhysMap:
		b.kids = []*Builder{NewBuilder(mapKey(t), capRows), NewBuilder(mapValue(t), capRows)}
	case types.PhysRow:
		for _, f := range t.Fields {
			b.kids = append(b.kids, NewBuilder(f.Type, capRows))
		}
	}
	b.start(t, capRows, capRows*8)
	return b
}

// start makes an empty vector with room for rows values, strings of bytes bytes.
func (b *Builder) start(t types.Type, rows, bytes int) {
	v := &Vector{Type: t}
	switch b.phys {
	case types.PhysBool:
		v.Bool = make([]bool, 0, rows)
	case types.PhysInt8:
		v.I8 = make([]int8, 0, rows)
	case types.PhysInt16:
		v.I16 = make([]int16, 0, rows)
	case types.PhysInt32:
		v.I32 = make([]int32, 0, rows)
	case types.PhysInt64:
		v.I64 = make([]int64, 0, rows)
	case types.PhysFloat32:
		v.F32 = make([]float32, 0, rows)
	case types.PhysFloat64:
		v.F64 = make([]float64, 0, rows)
	case types.PhysDec:
		v.Dec = make([]types.Dec, 0, rows)
	case types.PhysBytes:
		v.Off = make([]int32, 1, rows+1)
		v.Data = make([]byte, 0, bytes)
	case types.PhysArray, types.PhysMap:
		v.Off = make([]int32, 1, rows+1)
	}
	b.v, b.nulls = v, b.nulls[:0]
}

// Type is the type of the vector.
func (b *Builder) Type() types.Type { return b.v.Type }

// Len is how many values there are.
func (b *Builder) Len() int { return b.v.N }

// Kid is the builder of a child: the element of an ARRAY (0), key (0) and value (1)
// of a MAP, a field of a ROW.
func (b *Builder) Kid(i int) *Builder { return b.kids[i] }

// AppendNull appends NULL.
func (b *Builder) AppendNull() {
	b.nulls = append(b.nulls, int32(b.v.N))
	if b.phys != types.PhysRow {
		b.AppendZero()
		return
	}
	for _, k := range b.kids {
		k.AppendNull()
	}
	b.v.N++
}

// AppendZero appends the zero value: 0, an empty string or list.
func (b *Builder) AppendZero() {
	v := b.v
	switch b.phys {
	case types.PhysBool:
		v.Bool = append(v.Bool, false)
	case types.PhysInt8:
		v.I8 = append(v.I8, 0)
	case types.PhysInt16:
		v.I16 = append(v.I16, 0)
	case types.PhysInt32:
		v.I32 = append(v.I32, 0)
	case types.PhysInt64:
		v.I64 = append(v.I64, 0)
	case types.PhysFloat32:
		v.F32 = append(v.F32, 0)
	case types.PhysFloat64:
		v.F64 = append(v.F64, 0)
	case types.PhysDec:
		v.Dec = append(v.Dec, types.Dec{})
	case types.PhysBytes, types.PhysArray, types.PhysMap:
		v.Off = append(v.Off, v.Off[v.N])
	case types.PhysRow:
		for _, k := range b.kids {
			k.AppendZero()
		}
	}
	v.N++
}

// AppendBool appends to BOOLEAN.
func (b *Builder) AppendBool(x bool) {
	b.v.Bool = append(b.v.Bool, x)
	b.v.N++
}

// AppendInt appends to any type that is kept as a whole number; x must fit.
func (b *Builder) AppendInt(x int64) {
	v := b.v
	switch b.phys {
	case types.PhysInt64:
		v.I64 = append(v.I64, x)
	case types.PhysInt32:
		v.I32 = append(v.I32, int32(x))
	case types.PhysInt16:
		v.I16 = append(v.I16, int16(x))
	case types.PhysInt8:
		v.I8 = append(v.I8, int8(x))
	}
	v.N++
}

// AppendInt64 is AppendInt for the types that are kept as an int64.
func (b *Builder) AppendInt64(x int64) {
	b.v.I64 = append(b.v.I64, x)
	b.v.N++
}

// AppendFloat appends to FLOAT or DOUBLE.
func (b *Builder) AppendFloat(x float64) {
	if b.phys == types.PhysFloat32 {
		b.v.F32 = append(b.v.F32, float32(x))
	} else {
		b.v.F64 = append(b.v.F64, x)
	}
	b.v.N++
}

// AppendDec appends to DECIMAL; x has the type's scale.
func (b *Builder) AppendDec(x types.Dec) {
	b.v.Dec = append(b.v.Dec, x)
	b.v.N++
}

// AppendBytes appends to a type of strings or bytes.
func (b *Builder) AppendBytes(x []byte) {
	v := b.v
	if n := len(v.Data); len(x) <= cap(v.Data)-n {
		v.Data = v.Data[:n+len(x)] // writes no pointer, where append would, at the price of a write barrier while the GC runs
		copy(v.Data[n:], x)
	} else {
		v.Data = append(v.Data, x...)
	}
	b.endBytes()
}

// AppendString is AppendBytes of a string.
func (b *Builder) AppendString(x string) {
	v := b.v
	v.Data = append(v.Data, x...)
	b.endBytes()
}

// BeginBytes gives the buffer that a string may be appended to in place; EndBytes
// takes it back and ends the value.
func (b *Builder) BeginBytes() []byte { return b.v.Data }

// EndBytes ends the value that was appended to the buffer of BeginBytes.
func (b *Builder) EndBytes(buf []byte) {
	b.v.Data = buf
	b.endBytes()
}

func (b *Builder) endBytes() {
	v := b.v
	if len(v.Data) > math.MaxInt32 {
		panic("vec: more than 2 GiB of text in one vector")
	}
	v.Off = append(v.Off, int32(len(v.Data)))
	v.N++
}

// Close ends a nested value: an ARRAY or MAP takes what was appended to its kids
// since the last, a ROW one value of each.
func (b *Builder) Close() {
	if b.phys != types.PhysRow {
		b.v.Off = append(b.v.Off, int32(b.kids[0].v.N))
	}
	b.v.N++
}

// Append copies value i of v, which has the same type.
func (b *Builder) Append(v *Vector, i int) {
	if v.IsNull(i) {
		b.AppendNull()
		return
	}
	switch b.phys {
	case types.PhysBool:
		b.AppendBool(v.Bool[i])
	case types.PhysInt8:
		b.AppendInt(int64(v.I8[i]))
	case types.PhysInt16:
		b.AppendInt(int64(v.I16[i]))
	case types.PhysInt32:
		b.AppendInt(int64(v.I32[i]))
	case types.PhysInt64:
		b.AppendInt64(v.I64[i])
	case types.PhysFloat32:
		b.AppendFloat(float64(v.F32[i]))
	case types.PhysFloat64:
		b.AppendFloat(v.F64[i])
	case types.PhysDec:
		b.AppendDec(v.Dec[i])
	case types.PhysBytes:
		b.AppendBytes(v.Data[v.Off[i]:v.Off[i+1]])
	case types.PhysArray, types.PhysMap:
		for e := v.Off[i]; e < v.Off[i+1]; e++ {
			b.appendKids(v, int(e))
		}
		b.Close()
	case types.PhysRow:
		b.appendKids(v, i)
		b.Close()
	}
}

func (b *Builder) appendKids(v *Vector, i int) {
	for k, kid := range b.kids {
		kid.Append(v.Kids[k], i)
	}
}

// Truncate drops all values from n on.
func (b *Builder) Truncate(n int) {
	v := b.v
	if n >= v.N {
		return
	}
	v.N = n
	for len(b.nulls) > 0 && int(b.nulls[len(b.nulls)-1]) >= n {
		b.nulls = b.nulls[:len(b.nulls)-1]
	}
	switch b.phys {
	case types.PhysBool:
		v.Bool = v.Bool[:n]
	case types.PhysInt8:
		v.I8 = v.I8[:n]
	case types.PhysInt16:
		v.I16 = v.I16[:n]
	case types.PhysInt32:
		v.I32 = v.I32[:n]
	case types.PhysInt64:
		v.I64 = v.I64[:n]
	case types.PhysFloat32:
		v.F32 = v.F32[:n]
	case types.PhysFloat64:
		v.F64 = v.F64[:n]
	case types.PhysDec:
		v.Dec = v.Dec[:n]
	case types.PhysBytes:
		v.Off = v.Off[:n+1]
		v.Data = v.Data[:v.Off[n]]
	case types.PhysArray, types.PhysMap:
		v.Off = v.Off[:n+1]
		b.truncateKids(int(v.Off[n]))
	case types.PhysRow:
		b.truncateKids(n)
	}
}

func (b *Builder) truncateKids(n int) {
	for _, k := range b.kids {
		k.Truncate(n)
	}
}

// TruncateOpen drops what was appended to the kids of a nested value that will not
// be closed.
func (b *Builder) TruncateOpen() {
	switch b.phys {
	case types.PhysArray, types.PhysMap:
		b.truncateKids(int(b.v.Off[b.v.N]))
	case types.PhysRow:
		b.truncateKids(b.v.N)
	}
	for _, k := range b.kids {
		k.TruncateOpen()
	}
}

// Bytes is value i, already appended, of a type of strings or bytes; valid until the
// next change.
func (b *Builder) Bytes(i int) []byte { return b.v.Bytes(i) }

// View is what has been appended so far, as a vector that is valid until the next
// change.
func (b *Builder) View() *Vector {
	v := *b.v
	v.Valid = b.valid()
	for _, k := range b.kids {
		v.Kids = append(v.Kids, k.View())
	}
	return &v
}

func (b *Builder) valid() Bitmap {
	if len(b.nulls) == 0 {
		return nil
	}
	valid := NewBitmap(b.v.N, true)
	for _, r := range b.nulls {
		valid.Clear(int(r))
	}
	return valid
}

// Finish hands over the vector and begins an empty one with room for as much.
func (b *Builder) Finish() *Vector {
	v := b.v
	v.Valid = b.valid()
	for _, k := range b.kids {
		v.Kids = append(v.Kids, k.Finish())
	}
	b.start(v.Type, v.N, len(v.Data)+len(v.Data)/8)
	return v
}

// Entry is an entry of a MAP or MULTISET as a Go value.
type Entry struct{ Key, Value any }

// AppendAny appends a Go value: nil, a bool, any integer, a float, a types.Dec, a
// string or []byte, []any for ARRAY and ROW, []Entry for MAP and MULTISET. A string
// for a type of another kind is read as that type's text; a text that is none
// panics, for AppendAny is there for constants and tests.
func (b *Builder) AppendAny(x any) {
	switch x := x.(type) {
	case nil:
		b.AppendNull()
	case bool:
		b.AppendBool(x)
	case int:
		b.appendNumber(int64(x))
	case int8:
		b.appendNumber(int64(x))
	case int16:
		b.appendNumber(int64(x))
	case int32:
		b.appendNumber(int64(x))
	case int64:
		b.appendNumber(x)
	case float32:
		b.AppendFloat(float64(x))
	case float64:
		b.AppendFloat(x)
	case types.Dec:
		b.AppendDec(x)
	case []byte:
		b.AppendBytes(x)
	case string:
		b.appendText(x)
	case []any:
		for i, e := range x {
			if b.phys == types.PhysRow {
				b.kids[i].AppendAny(e)
			} else {
				b.kids[0].AppendAny(e)
			}
		}
		b.Close()
	case []Entry:
		for _, e := range x {
			b.kids[0].AppendAny(e.Key)
			b.kids[1].AppendAny(e.Value)
		}
		b.Close()
	default:
		panic(fmt.Sprintf("vec: %T is no value of a column", x))
	}
}

// appendNumber appends a Go integer to a type of any numeric kind.
func (b *Builder) appendNumber(x int64) {
	switch b.phys {
	case types.PhysFloat32, types.PhysFloat64:
		b.AppendFloat(float64(x))
	case types.PhysDec:
		d, _ := types.DecFromInt(x, b.v.Type.Precision, b.v.Type.Scale)
		b.AppendDec(d)
	default:
		b.AppendInt(x)
	}
}

func (b *Builder) appendText(s string) {
	if err := b.AppendParsed([]byte(s)); err != nil {
		panic(fmt.Sprintf("vec: %q is no %s: %v", s, b.v.Type, err))
	}
}

// AppendParsed reads the text of a value that is not nested and appends it; it
// appends nothing if it fails.
func (b *Builder) AppendParsed(s []byte) error {
	t := b.v.Type
	switch t.Root {
	case types.Char, types.Varchar, types.Binary, types.Varbinary:
		b.AppendBytes(s)
		return nil
	case types.Decimal:
		d, err := types.ParseDec(s, t.Precision, t.Scale)
		if err == nil {
			b.AppendDec(d)
		}
		return err
	case types.Float, types.Double:
		bits := 64
		if t.Root == types.Float {
			bits = 32
		}
		f, err := types.ParseFloat(s, bits)
		if err == nil {
			b.AppendFloat(f)
		}
		return err
	case types.Boolean:
		x, err := types.ParseBool(s)
		if err == nil {
			b.AppendBool(x)
		}
		return err
	}
	x, err := parseWhole(s, t)
	if err == nil {
		b.AppendInt(x)
	}
	return err
}

// parseWhole reads the text of a type that is kept as a whole number.
func parseWhole(s []byte, t types.Type) (int64, error) {
	switch t.Root {
	case types.TinyInt:
		return types.ParseInt(s, 8)
	case types.SmallInt:
		return types.ParseInt(s, 16)
	case types.Integer:
		return types.ParseInt(s, 32)
	case types.BigInt:
		return types.ParseInt(s, 64)
	case types.Date:
		d, err := types.ParseDate(s)
		return int64(d), err
	case types.Time:
		ms, err := types.ParseTime(s)
		return int64(ms), err
	case types.Timestamp, types.TimestampLTZ:
		ts, err := types.ParseTimestamp(s, t.Unit())
		return types.Truncate(ts, t), err
	case types.IntervalYearMonth, types.IntervalDayTime:
		return types.ParseInterval(s, t)
	}
	return 0, fmt.Errorf("a %s has no text", t)
}

// Const makes a vector of n times the value x, given as AppendAny takes it.
func Const(t types.Type, x any, n int) *Vector {
	b := NewBuilder(t, 1)
	b.AppendAny(x)
	return Copy(b.Finish(), make([]int32, n))
}
