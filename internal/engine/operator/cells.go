package operator

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// copyCells copies rows of columns to rows of others of the same types.
func copyCells(dst []*vec.Column, to []int32, src []*vec.Column, from []int32) {
	for c, d := range dst {
		copyColumn(d, to, src[c], from)
	}
}

func copyColumn(d *vec.Column, to []int32, s *vec.Column, from []int32) {
	switch d.Type.Physical() {
	case types.PhysBool:
		copyFixed(d.Bool, to, s.Bool, from)
	case types.PhysInt8:
		copyFixed(d.I8, to, s.I8, from)
	case types.PhysInt16:
		copyFixed(d.I16, to, s.I16, from)
	case types.PhysInt32:
		copyFixed(d.I32, to, s.I32, from)
	case types.PhysInt64:
		copyFixed(d.I64, to, s.I64, from)
	case types.PhysFloat32:
		copyFixed(d.F32, to, s.F32, from)
	case types.PhysFloat64:
		copyFixed(d.F64, to, s.F64, from)
	case types.PhysDec:
		copyFixed(d.Dec, to, s.Dec, from)
	default:
		for i, t := range to {
			if s.IsNull(int(from[i])) {
				d.SetNull(int(t))
			} else {
				d.SetBytes(int(t), s.Bytes(int(from[i])))
			}
		}
		return
	}
	if d.Type.NotNull {
		return
	}
	for i, t := range to {
		if s.Valid.Get(int(from[i])) {
			d.SetValid(int(t))
		} else {
			d.SetNull(int(t))
		}
	}
}

func copyFixed[T any](dst []T, to []int32, src []T, from []int32) {
	for i, t := range to {
		dst[t] = src[from[i]]
	}
}
