package vec

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/millrace/millrace/internal/types"
)

// The hash decides which key group a row belongs to, and thus where its state
// lies, in journals and savepoints too: it must never change. Its definition:
//
//	fold(a, b)   = high ^ low word of the 128-bit product a * b
//	row          = fold(h ^ k2, k3), where h = k0, and for each column h = fold(h ^ value, k1)
//	NULL         = k4
//	BOOLEAN      = 0 or 1
//	whole number, DATE, TIME, timestamp, interval = its int64, sign-extended
//	FLOAT, DOUBLE = the bits of the float64; -0.0 is 0.0 and every NaN the one of math.NaN
//	DECIMAL      = fold(low ^ k2, k3) ^ high: of the unscaled value
//	string, bytes = n bytes, 16 at a time: s = fold(s ^ word ^ k2, word' ^ k3), from s = n * k1 on;
//	               the last 16 or fewer are filled up with zeros
//	ARRAY, ROW   = fold over the count and the values, as a row
//	MAP, MULTISET = the same over the count and the sum of the hashes of the
//	               entries (each as a row), so that their order does not matter
//
// Values that are equal hash alike, also across integer widths and across FLOAT
// and DOUBLE.
const (
	k0 = 0xa0761d6478bd642f
	k1 = 0xe7037ed1a0b428db
	k2 = 0x8ebc6af09c88c6e3
	k3 = 0x589965cc75374cc3
	k4 = 0x1d8e4e27c47d124f
)

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

func finish(h uint64) uint64 { return fold(h^k2, k3) }

// HashRows hashes rows of cols into out: out[i] is the hash of rows[i], or of row
// i for i < n if rows is nil.
func HashRows(cols []*Vector, rows []int32, n int, out []uint64) {
	if rows != nil {
		n = len(rows)
	}
	out = out[:n]
	for i := range out {
		out[i] = k0
	}
	for _, c := range cols {
		hashColumn(c, rows, out)
	}
	for i, h := range out {
		out[i] = finish(h)
	}
}

func hashColumn(v *Vector, rows []int32, out []uint64) {
	switch v.Type.Physical() {
	case types.PhysInt8:
		hashInts(v.I8, v.Valid, rows, out)
	case types.PhysInt16:
		hashInts(v.I16, v.Valid, rows, out)
	case types.PhysInt32:
		hashInts(v.I32, v.Valid, rows, out)
	case types.PhysInt64:
		hashInts(v.I64, v.Valid, rows, out)
	default:
		for i := range out {
			r := i
			if rows != nil {
				r = int(rows[i])
			}
			out[i] = fold(out[i]^hashValue(v, r), k1)
		}
	}
}

func hashInts[T int8 | int16 | int32 | int64](vals []T, valid Bitmap, rows []int32, out []uint64) {
	switch {
	case rows == nil && valid == nil:
		for i, x := range vals[:len(out)] {
			out[i] = fold(out[i]^uint64(x), k1)
		}
	case valid == nil:
		for i, r := range rows {
			out[i] = fold(out[i]^uint64(vals[r]), k1)
		}
	default:
		for i := range out {
			r := i
			if rows != nil {
				r = int(rows[i])
			}
			x := uint64(k4)
			if valid.Get(r) {
				x = uint64(vals[r])
			}
			out[i] = fold(out[i]^x, k1)
		}
	}
}

// hashValue is what value i adds to the hash of its row.
func hashValue(v *Vector, i int) uint64 {
	if v.IsNull(i) {
		return k4
	}
	switch v.Type.Physical() {
	case types.PhysBool:
		if v.Bool[i] {
			return 1
		}
		return 0
	case types.PhysInt8:
		return uint64(v.I8[i])
	case types.PhysInt16:
		return uint64(v.I16[i])
	case types.PhysInt32:
		return uint64(v.I32[i])
	case types.PhysInt64:
		return uint64(v.I64[i])
	case types.PhysFloat32:
		return floatBits(float64(v.F32[i]))
	case types.PhysFloat64:
		return floatBits(v.F64[i])
	case types.PhysDec:
		return fold(v.Dec[i].Lo^k2, k3) ^ uint64(v.Dec[i].Hi)
	case types.PhysBytes:
		return HashBytes(v.Data[v.Off[i]:v.Off[i+1]])
	case types.PhysArray:
		h := fold(k0^uint64(v.Off[i+1]-v.Off[i]), k1)
		for e := v.Off[i]; e < v.Off[i+1]; e++ {
			h = fold(h^hashValue(v.Kids[0], int(e)), k1)
		}
		return finish(h)
	case types.PhysMap:
		sum := uint64(0)
		for e := v.Off[i]; e < v.Off[i+1]; e++ {
			sum += hashFields(v.Kids, int(e))
		}
		return finish(fold(fold(k0^uint64(v.Off[i+1]-v.Off[i]), k1)^sum, k1))
	case types.PhysRow:
		return hashFields(v.Kids, i)
	}
	return k4
}

func hashFields(kids []*Vector, i int) uint64 {
	h := fold(k0^uint64(len(kids)), k1)
	for _, k := range kids {
		h = fold(h^hashValue(k, i), k1)
	}
	return finish(h)
}

// floatBits tells floats apart as SQL does: 0.0 is -0.0, and NaN is NaN.
func floatBits(f float64) uint64 {
	if f == 0 {
		return 0
	}
	if f != f {
		return math.Float64bits(math.NaN())
	}
	return math.Float64bits(f)
}

// HashBytes is the hash of a string as a value of a row; see above.
func HashBytes(b []byte) uint64 {
	s := uint64(len(b)) * k1
	for len(b) > 16 {
		s = fold(s^binary.LittleEndian.Uint64(b)^k2, binary.LittleEndian.Uint64(b[8:])^k3)
		b = b[16:]
	}
	var x, y uint64
	switch n := len(b); {
	case n == 16:
		x, y = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	case n >= 8:
		// The last word is read from the end, and what overlaps shifted out.
		x = binary.LittleEndian.Uint64(b)
		y = binary.LittleEndian.Uint64(b[n-8:]) >> (8 * uint(16-n))
	default:
		for i, c := range b {
			x |= uint64(c) << (8 * uint(i))
		}
	}
	return fold(s^x^k2, y^k3)
}

// KeyGroup is the key group of a hash. It takes the upper 32 bits; hash tables use
// the lower ones, so that the rows of one group still spread.
func KeyGroup(hash uint64, maxParallelism int) int {
	return int((hash >> 32) * uint64(maxParallelism) >> 32)
}

// WorkerOf is the worker that owns a key group: each has one range of groups, as
// in Flink.
func WorkerOf(keyGroup, maxParallelism, workers int) int {
	return keyGroup * workers / maxParallelism
}
