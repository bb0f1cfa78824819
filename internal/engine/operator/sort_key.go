package operator

import (
	"encoding/binary"
	"math"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// A sort key is the ORDER BY columns of a row as bytes whose order is that of the
// rows: state keeps it beside the row, and comparing two rows is one call,
// whatever their types.
//
//	column     NULLS FIRST: 0 for NULL, 1 before a value
//	           NULLS LAST:  2 for NULL, 1 before a value
//	value      whole numbers, times   big endian, the sign bit turned
//	           FLOAT, DOUBLE          their bits; all turned if negative, else the sign bit
//	           DECIMAL                high word as a whole number, low word as it is
//	           strings and others     0 is written 0 255; the end is 0 0
//	           DESC turns all bits of the value

// appendSortKey appends the sort key of a row.
func appendSortKey(dst []byte, keys []vec.SortKey, cols []*vec.Vector, row int) []byte {
	for _, k := range keys {
		v := cols[k.Col]
		if v.IsNull(row) {
			null := byte(0)
			if k.NullsLast {
				null = 2
			}
			dst = append(dst, null)
			continue
		}
		dst = append(dst, 1)
		from := len(dst)
		dst = appendOrdered(dst, v, row)
		if k.Desc {
			for i := from; i < len(dst); i++ {
				dst[i] = ^dst[i]
			}
		}
	}
	return dst
}

func appendOrdered(dst []byte, v *vec.Vector, row int) []byte {
	switch v.Type.Physical() {
	case types.PhysBool:
		if v.Bool[row] {
			return append(dst, 1)
		}
		return append(dst, 0)
	case types.PhysInt8:
		return appendInt(dst, int64(v.I8[row]))
	case types.PhysInt16:
		return appendInt(dst, int64(v.I16[row]))
	case types.PhysInt32:
		return appendInt(dst, int64(v.I32[row]))
	case types.PhysInt64:
		return appendInt(dst, v.I64[row])
	case types.PhysFloat32:
		return appendFloat(dst, float64(v.F32[row]))
	case types.PhysFloat64:
		return appendFloat(dst, v.F64[row])
	case types.PhysDec:
		return binary.BigEndian.AppendUint64(appendInt(dst, v.Dec[row].Hi), v.Dec[row].Lo)
	case types.PhysBytes:
		return appendEscaped(dst, v.Bytes(row))
	case types.PhysRow:
		keys := make([]vec.SortKey, len(v.Kids))
		for i := range keys {
			keys[i].Col = i
		}
		return appendSortKey(dst, keys, v.Kids, row)
	case types.PhysArray:
		for e := v.Off[row]; e < v.Off[row+1]; e++ {
			// A byte before each element lets a prefix come first.
			dst = appendSortKey(append(dst, 1), []vec.SortKey{{}}, v.Kids, int(e))
		}
		return append(dst, 0)
	}
	// MAP has no order in SQL; any that is the same each time will do.
	return appendEscaped(dst, vec.AppendValue(nil, v, row))
}

func appendInt(dst []byte, x int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(x)^1<<63)
}

func appendFloat(dst []byte, f float64) []byte {
	switch {
	case f == 0:
		f = 0 // not -0
	case f != f:
		f = math.NaN() // one of all NaNs; larger than any number
	}
	u := math.Float64bits(f)
	if u>>63 != 0 {
		return binary.BigEndian.AppendUint64(dst, ^u)
	}
	return binary.BigEndian.AppendUint64(dst, u|1<<63)
}

func appendEscaped(dst, b []byte) []byte {
	for _, c := range b {
		dst = append(dst, c)
		if c == 0 {
			dst = append(dst, 255)
		}
	}
	return append(dst, 0, 0)
}
