package function

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// digests give the hash of a text in hexadecimal, by number of bits of SHA-2.
var digests = map[int64]func(b []byte) []byte{
	224: func(b []byte) []byte { h := sha256.Sum224(b); return h[:] },
	256: func(b []byte) []byte { h := sha256.Sum256(b); return h[:] },
	384: func(b []byte) []byte { h := sha512.Sum384(b); return h[:] },
	512: func(b []byte) []byte { h := sha512.Sum512(b); return h[:] },
}

func init() {
	register(
		digest("MD5", func(b []byte) []byte { h := md5.Sum(b); return h[:] }, "900150983cd24fb0d6963f7d28e17f72"),
		digest("SHA1", func(b []byte) []byte { h := sha1.Sum(b); return h[:] }, "a9993e364706816aba3e25717850c26c9cd0d89d"),
		digest("SHA224", digests[224], "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
		digest("SHA256", digests[256], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
		digest("SHA384", digests[384], "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"),
		digest("SHA512", digests[512], "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"),
		&Scalar{Name: "SHA2", Group: "hash", Signature: "SHA2(a, bits)", Doc: "The SHA-2 hash of 224, 256, 384 or 512 bits, in hexadecimal.",
			Examples: []Example{{"SHA2('abc', 224)", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"}, {"SHA2('abc', 1)", "error: SHA2: there is no SHA-2 of 1 bits"}},
			Bind: overloads("SHA2", giveText("(STRING, INT)", 0, func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
				sum, ok := digests[args[1].I64[r]]
				if !ok {
					return dst, fmt.Errorf("SHA2: there is no SHA-2 of %d bits", args[1].I64[r])
				}
				return hex.AppendEncode(dst, sum(args[0].Bytes(r))), nil
			}, pString, pLong))},
	)
}

func digest(name string, sum func([]byte) []byte, want string) *Scalar {
	return &Scalar{Name: name, Group: "hash", Signature: name + "(a)", Doc: "The " + name + " hash, in hexadecimal.",
		Examples: []Example{{name + "('abc')", want}},
		Bind: overloads(name, overload{text: "(STRING)", params: []param{pString}, fixed: types.TString, kernel: func(*call) Kernel {
			return textOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
				return hex.AppendEncode(dst, sum(args[0].Bytes(r))), nil
			})
		}})}
}
