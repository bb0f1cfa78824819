package vec

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/millrace/millrace/internal/types"
)

// The encoding of a value, for journals and for nested values in state. It needs
// the type to be read, and ends by itself. Everything begins with a prefix, which
// is a number:
//
//	byte      meaning
//	0         NULL
//	1…247     the number 0…246
//	248…255   a number of 1…8 bytes, which follow, low byte first
//
//	type                      prefix                    then
//	BOOLEAN                   0 or 1
//	whole number, date, time  zigzag of the value
//	FLOAT, DOUBLE             0                         4 or 8 bytes, low byte first
//	DECIMAL                   number of bytes           two's complement, low byte first,
//	                                                    without bytes that only repeat the sign
//	string, bytes             length                    the bytes
//	ARRAY                     number of elements        the elements
//	MAP, MULTISET             number of entries         key and value of each
//	ROW                       number of fields          the fields
//	NULL (the type)           NULL
//
// A value has one encoding, but for floats (-0.0, NaN) and the order of a map.

// ErrEncoding says that bytes are no encoded value.
var ErrEncoding = errors.New("vec: damaged value")

func appendPrefix(dst []byte, n uint64) []byte {
	if n <= 246 {
		return append(dst, byte(n)+1)
	}
	at := len(dst)
	dst = append(dst, 0)
	for ; n > 0; n >>= 8 {
		dst = append(dst, byte(n))
	}
	dst[at] = byte(247 + len(dst) - at - 1)
	return dst
}

// readPrefix reads a prefix; src is nil afterwards if it is cut short.
func readPrefix(src []byte) (n uint64, null bool, rest []byte) {
	if len(src) == 0 {
		return 0, false, nil
	}
	c := src[0]
	switch {
	case c == 0:
		return 0, true, src[1:]
	case c <= 247:
		return uint64(c - 1), false, src[1:]
	}
	k := int(c) - 247
	if len(src) <= k {
		return 0, false, nil
	}
	for i := k; i > 0; i-- {
		n = n<<8 | uint64(src[i])
	}
	return n, false, src[k+1:]
}

func appendInt(dst []byte, x int64) []byte { return appendPrefix(dst, uint64(x<<1)^uint64(x>>63)) }

func unzigzag(n uint64) int64 { return int64(n>>1) ^ -int64(n&1) }

func appendBool(dst []byte, x bool) []byte {
	if x {
		return append(dst, 2)
	}
	return append(dst, 1)
}

func appendFloat32(dst []byte, f float32) []byte {
	return binary.LittleEndian.AppendUint32(append(dst, 1), math.Float32bits(f))
}

func appendFloat64(dst []byte, f float64) []byte {
	return binary.LittleEndian.AppendUint64(append(dst, 1), math.Float64bits(f))
}

func appendDec(dst []byte, d types.Dec) []byte {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], d.Lo)
	binary.LittleEndian.PutUint64(b[8:], uint64(d.Hi))
	sign, n := byte(d.Hi>>63), 16
	for n > 0 && b[n-1] == sign && (n == 1 && sign == 0 || n > 1 && int8(b[n-2])>>7 == int8(sign)) {
		n--
	}
	return append(appendPrefix(dst, uint64(n)), b[:n]...)
}

func readDec(b []byte) types.Dec {
	var w [16]byte
	if n := copy(w[:], b); n > 0 && w[n-1]&0x80 != 0 {
		for ; n < 16; n++ {
			w[n] = 0xff
		}
	}
	return types.Dec{Lo: binary.LittleEndian.Uint64(w[:]), Hi: int64(binary.LittleEndian.Uint64(w[8:]))}
}

func appendBytes(dst, b []byte) []byte { return append(appendPrefix(dst, uint64(len(b))), b...) }

// AppendValue appends the encoding of value i.
func AppendValue(dst []byte, v *Vector, i int) []byte {
	if v.IsNull(i) {
		return append(dst, 0)
	}
	switch v.Type.Physical() {
	case types.PhysBool:
		return appendBool(dst, v.Bool[i])
	case types.PhysInt8:
		return appendInt(dst, int64(v.I8[i]))
	case types.PhysInt16:
		return appendInt(dst, int64(v.I16[i]))
	case types.PhysInt32:
		return appendInt(dst, int64(v.I32[i]))
	case types.PhysInt64:
		return appendInt(dst, v.I64[i])
	case types.PhysFloat32:
		return appendFloat32(dst, v.F32[i])
	case types.PhysFloat64:
		return appendFloat64(dst, v.F64[i])
	case types.PhysDec:
		return appendDec(dst, v.Dec[i])
	case types.PhysBytes:
		return appendBytes(dst, v.Data[v.Off[i]:v.Off[i+1]])
	case types.PhysArray, types.PhysMap:
		dst = appendPrefix(dst, uint64(v.Off[i+1]-v.Off[i]))
		for e := v.Off[i]; e < v.Off[i+1]; e++ {
			dst = AppendRow(dst, v.Kids, int(e))
		}
		return dst
	case types.PhysRow:
		return AppendRow(appendPrefix(dst, uint64(len(v.Kids))), v.Kids, i)
	}
	return append(dst, 0)
}

// AppendRow appends the encodings of a row's values, one after the other.
func AppendRow(dst []byte, cols []*Vector, row int) []byte {
	for _, c := range cols {
		dst = AppendValue(dst, c, row)
	}
	return dst
}

// ReadRow reads what AppendRow wrote, a value into each builder.
func ReadRow(src []byte, bs []*Builder) (rest []byte, err error) {
	for _, b := range bs {
		if src, err = ReadValue(src, b); err != nil {
			return nil, err
		}
	}
	return src, nil
}

// ReadValue reads an encoded value into b and gives what follows it. On an error,
// the builder's length is to be put back by Truncate and TruncateOpen.
func ReadValue(src []byte, b *Builder) (rest []byte, err error) {
	n, null, src := readPrefix(src)
	if src == nil {
		return nil, ErrEncoding
	}
	if null {
		b.AppendNull()
		return src, nil
	}
	switch b.phys {
	case types.PhysBool:
		b.AppendBool(n == 1)
	case types.PhysInt8, types.PhysInt16, types.PhysInt32, types.PhysInt64:
		b.AppendInt(unzigzag(n))
	case types.PhysArray, types.PhysMap:
		for ; n > 0; n-- {
			if src, err = ReadRow(src, b.kids); err != nil {
				return nil, err
			}
		}
		b.Close()
	case types.PhysRow:
		if n != uint64(len(b.kids)) {
			return nil, ErrEncoding
		}
		if src, err = ReadRow(src, b.kids); err != nil {
			return nil, err
		}
		b.Close()
	default:
		size := fixedSize(b.phys, n)
		if uint64(len(src)) < size {
			return nil, ErrEncoding
		}
		switch b.phys {
		case types.PhysFloat32:
			b.AppendFloat(float64(math.Float32frombits(binary.LittleEndian.Uint32(src))))
		case types.PhysFloat64:
			b.AppendFloat(math.Float64frombits(binary.LittleEndian.Uint64(src)))
		case types.PhysDec:
			b.AppendDec(readDec(src[:size]))
		case types.PhysBytes:
			b.AppendBytes(src[:size])
		default:
			return nil, ErrEncoding
		}
		return src[size:], nil
	}
	return src, nil
}

// fixedSize is how many bytes follow a prefix of n.
func fixedSize(p types.Physical, n uint64) uint64 {
	switch p {
	case types.PhysFloat32:
		return 4
	case types.PhysFloat64:
		return 8
	case types.PhysDec, types.PhysBytes:
		return n
	}
	return 0
}

// SkipValue passes over an encoded value of type t and gives what follows it.
func SkipValue(src []byte, t types.Type) (rest []byte, err error) {
	n, null, src := readPrefix(src)
	if src == nil {
		return nil, ErrEncoding
	}
	if null {
		return src, nil
	}
	switch t.Physical() {
	case types.PhysArray:
		for ; n > 0 && err == nil; n-- {
			src, err = SkipValue(src, *t.Elem)
		}
		return src, err
	case types.PhysMap:
		for ; n > 0 && err == nil; n-- {
			if src, err = SkipValue(src, mapKey(t)); err == nil {
				src, err = SkipValue(src, mapValue(t))
			}
		}
		return src, err
	case types.PhysRow:
		for i := 0; i < len(t.Fields) && err == nil; i++ {
			src, err = SkipValue(src, t.Fields[i].Type)
		}
		return src, err
	}
	size := fixedSize(t.Physical(), n)
	if uint64(len(src)) < size {
		return nil, ErrEncoding
	}
	return src[size:], nil
}
