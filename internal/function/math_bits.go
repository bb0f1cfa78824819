package function

import (
	"strconv"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	register(
		&Scalar{Name: "BIN", Group: "arithmetic", Signature: "BIN(x)", Doc: "A whole number in base 2.",
			Examples: []Example{{"BIN(12)", "1100"}},
			Bind: overloads("BIN", overload{text: "(BIGINT)", params: []param{pLong}, fixed: types.TString, kernel: func(*call) Kernel {
				return textOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
					return strconv.AppendUint(dst, uint64(args[0].I64[r]), 2), nil
				})
			}})},
		&Scalar{Name: "HEX", Group: "arithmetic", Signature: "HEX(x)", Doc: "A whole number, or the bytes of a string, in base 16.",
			Examples: []Example{{"HEX(100)", "64"}, {"HEX(-1)", "FFFFFFFFFFFFFFFF"}, {"HEX('hello,world')", "68656C6C6F2C776F726C64"}},
			Bind: overloads("HEX",
				overload{text: "(BIGINT)", params: []param{pLong}, fixed: types.TString, kernel: func(*call) Kernel {
					return textOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
						from := len(dst)
						dst = strconv.AppendUint(dst, uint64(args[0].I64[r]), 16)
						upperASCII(dst[from:])
						return dst, nil
					})
				}},
				overload{text: "(STRING)", params: []param{pString}, fixed: types.TString, kernel: func(*call) Kernel {
					return textOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
						return appendHex(dst, args[0].Bytes(r)), nil
					})
				}})},
	)
}

func upperASCII(b []byte) {
	for i, c := range b {
		if c >= 'a' && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
}

func appendHex(dst, b []byte) []byte {
	const digits = "0123456789ABCDEF"
	for _, c := range b {
		dst = append(dst, digits[c>>4], digits[c&15])
	}
	return dst
}
