package vec

import "github.com/millrace/millrace/internal/types"

// Copy gathers rows of v into a new vector; nil stands for all rows. A negative
// row gives NULL, as an outer join needs it. It allocates a fixed number of times,
// whatever the number of rows.
func Copy(v *Vector, rows []int32) *Vector {
	if rows == nil {
		rows = sequence(v.N)
	}
	out := &Vector{Type: v.Type, N: len(rows), Valid: gatherValid(v, rows)}
	switch v.Type.Physical() {
	case types.PhysBool:
		out.Bool = gather(v.Bool, rows)
	case types.PhysInt8:
		out.I8 = gather(v.I8, rows)
	case types.PhysInt16:
		out.I16 = gather(v.I16, rows)
	case types.PhysInt32:
		out.I32 = gather(v.I32, rows)
	case types.PhysInt64:
		out.I64 = gather(v.I64, rows)
	case types.PhysFloat32:
		out.F32 = gather(v.F32, rows)
	case types.PhysFloat64:
		out.F64 = gather(v.F64, rows)
	case types.PhysDec:
		out.Dec = gather(v.Dec, rows)
	case types.PhysBytes:
		out.Off = gatherOffsets(v.Off, rows)
		out.Data = make([]byte, out.Off[len(rows)])
		for i, r := range rows {
			if r >= 0 {
				copy(out.Data[out.Off[i]:], v.Data[v.Off[r]:v.Off[r+1]])
			}
		}
	case types.PhysArray, types.PhysMap:
		out.Off = gatherOffsets(v.Off, rows)
		inner := make([]int32, 0, out.Off[len(rows)])
		for _, r := range rows {
			if r >= 0 {
				for e := v.Off[r]; e < v.Off[r+1]; e++ {
					inner = append(inner, e)
				}
			}
		}
		out.Kids = copyKids(v.Kids, inner)
	case types.PhysRow:
		out.Kids = copyKids(v.Kids, rows)
	}
	return out
}

func copyKids(kids []*Vector, rows []int32) []*Vector {
	out := make([]*Vector, len(kids))
	for i, k := range kids {
		out[i] = Copy(k, rows)
	}
	return out
}

func gather[T any](src []T, rows []int32) []T {
	out := make([]T, len(rows))
	for i, r := range rows {
		if r >= 0 {
			out[i] = src[r]
		}
	}
	return out
}

func gatherOffsets(off []int32, rows []int32) []int32 {
	out := make([]int32, len(rows)+1)
	n := int32(0)
	for i, r := range rows {
		if r >= 0 {
			n += off[r+1] - off[r]
		}
		out[i+1] = n
	}
	return out
}

// gatherValid is the validity of the rows, nil if none of them is NULL.
func gatherValid(v *Vector, rows []int32) Bitmap {
	negative := int32(0)
	for _, r := range rows {
		negative |= r
	}
	if v.Valid == nil && negative >= 0 {
		return nil
	}
	out := NewBitmap(len(rows), false)
	nulls := 0
	for i, r := range rows {
		if r >= 0 && v.Valid.Get(int(r)) {
			out.Set(i)
		} else {
			nulls++
		}
	}
	if nulls == 0 {
		return nil
	}
	return out
}

func sequence(n int) []int32 {
	s := make([]int32, n)
	for i := range s {
		s[i] = int32(i)
	}
	return s
}

// Concat puts vectors of one type after each other. The vectors are not changed;
// a single one is given back as it is.
func Concat(vs []*Vector) *Vector {
	if len(vs) == 1 {
		return vs[0]
	}
	n := 0
	for _, v := range vs {
		n += v.N
	}
	t := vs[0].Type
	out := &Vector{Type: t, N: n, Valid: concatValid(vs, n)}
	switch t.Physical() {
	case types.PhysBool:
		out.Bool = concat(vs, n, func(v *Vector) []bool { return v.Bool })
	case types.PhysInt8:
		out.I8 = concat(vs, n, func(v *Vector) []int8 { return v.I8 })
	case types.PhysInt16:
		out.I16 = concat(vs, n, func(v *Vector) []int16 { return v.I16 })
	case types.PhysInt32:
		out.I32 = concat(vs, n, func(v *Vector) []int32 { return v.I32 })
	case types.PhysInt64:
		out.I64 = concat(vs, n, func(v *Vector) []int64 { return v.I64 })
	case types.PhysFloat32:
		out.F32 = concat(vs, n, func(v *Vector) []float32 { return v.F32 })
	case types.PhysFloat64:
		out.F64 = concat(vs, n, func(v *Vector) []float64 { return v.F64 })
	case types.PhysDec:
		out.Dec = concat(vs, n, func(v *Vector) []types.Dec { return v.Dec })
	case types.PhysBytes:
		out.Off = concatOffsets(vs, n)
		out.Data = make([]byte, 0, out.Off[n])
		for _, v := range vs {
			out.Data = append(out.Data, v.Data[v.Off[0]:v.Off[v.N]]...)
		}
	case types.PhysArray, types.PhysMap:
		out.Off = concatOffsets(vs, n)
		out.Kids = concatKids(vs, func(v *Vector, k int) *Vector {
			return Slice(v.Kids[k], int(v.Off[0]), int(v.Off[v.N]))
		})
	case types.PhysRow:
		out.Kids = concatKids(vs, func(v *Vector, k int) *Vector { return v.Kids[k] })
	}
	return out
}

func concat[T any](vs []*Vector, n int, values func(*Vector) []T) []T {
	out := make([]T, 0, n)
	for _, v := range vs {
		out = append(out, values(v)[:v.N]...)
	}
	return out
}

func concatOffsets(vs []*Vector, n int) []int32 {
	out := make([]int32, 1, n+1)
	for _, v := range vs {
		base := out[len(out)-1] - v.Off[0]
		for _, o := range v.Off[1 : v.N+1] {
			out = append(out, base+o)
		}
	}
	return out
}

func concatKids(vs []*Vector, kid func(v *Vector, k int) *Vector) []*Vector {
	out := make([]*Vector, len(vs[0].Kids))
	parts := make([]*Vector, len(vs))
	for k := range out {
		for i, v := range vs {
			parts[i] = kid(v, k)
		}
		out[k] = Concat(parts)
	}
	return out
}

func concatValid(vs []*Vector, n int) Bitmap {
	nulls := false
	for _, v := range vs {
		nulls = nulls || v.Valid != nil
	}
	if !nulls {
		return nil
	}
	out := NewBitmap(n, false)
	at := 0
	for _, v := range vs {
		for i := 0; i < v.N; i++ {
			if v.Valid.Get(i) {
				out.Set(at + i)
			}
		}
		at += v.N
	}
	return out
}

// Slice is the rows from from up to, and without, to. It shares all values with v;
// the first offset of a sliced string or array is not 0.
func Slice(v *Vector, from, to int) *Vector {
	out := &Vector{Type: v.Type, N: to - from, Valid: v.Valid.slice(from, to)}
	switch v.Type.Physical() {
	case types.PhysBool:
		out.Bool = v.Bool[from:to:to]
	case types.PhysInt8:
		out.I8 = v.I8[from:to:to]
	case types.PhysInt16:
		out.I16 = v.I16[from:to:to]
	case types.PhysInt32:
		out.I32 = v.I32[from:to:to]
	case types.PhysInt64:
		out.I64 = v.I64[from:to:to]
	case types.PhysFloat32:
		out.F32 = v.F32[from:to:to]
	case types.PhysFloat64:
		out.F64 = v.F64[from:to:to]
	case types.PhysDec:
		out.Dec = v.Dec[from:to:to]
	case types.PhysBytes, types.PhysArray, types.PhysMap:
		out.Off, out.Data, out.Kids = v.Off[from:to+1:to+1], v.Data, v.Kids
	case types.PhysRow:
		out.Kids = make([]*Vector, len(v.Kids))
		for i, k := range v.Kids {
			out.Kids[i] = Slice(k, from, to)
		}
	}
	return out
}

// slice is bits from up to, and without, to; it shares memory where it starts at
// a word.
func (b Bitmap) slice(from, to int) Bitmap {
	if b == nil {
		return nil
	}
	words := (to - from + 63) >> 6
	if from&63 == 0 {
		return b[from>>6 : from>>6+words]
	}
	out := make(Bitmap, words)
	shift := uint(from & 63)
	for i := range out {
		w := from>>6 + i
		out[i] = b[w] >> shift
		if w+1 < len(b) {
			out[i] |= b[w+1] << (64 - shift)
		}
	}
	return out
}

// Dense is a batch of the selected rows alone; b itself if all are.
func (b *Batch) Dense() *Batch {
	if b.Sel == nil {
		return b
	}
	out := &Batch{N: len(b.Sel), Cols: copyKids(b.Cols, b.Sel)}
	if b.Kinds != nil {
		out.Kinds = gather(b.Kinds, b.Sel)
	}
	if b.Before != nil {
		out.Before = gather(b.Before, b.Sel)
	}
	return out
}
