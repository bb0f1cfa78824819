package function

import (
	crand "crypto/rand"
	"encoding/hex"
	"fmt"
	"math/rand/v2"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	seeded := overload{text: "(INT)", params: []param{pInt}, fixed: types.TDouble, kernel: func(c *call) Kernel {
		next := seededBy(c, 0)
		return rowsOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, out *vec.Vector) error {
			out.F64[r] = next(args[0].I32[r]).float64()
			return nil
		})
	}}
	registerVolatile(
		&Scalar{Name: "RAND", Group: "arithmetic", Signature: "RAND([seed])",
			Doc: "A random DOUBLE from 0 up to, not including, 1. With a seed, the sequence of java.util.Random for it, as in Flink.",
			Bind: overloads("RAND", overload{text: "()", fixed: types.TDouble, kernel: func(*call) Kernel {
				return rowsOf(func(_ *vec.EvalContext, _ []*vec.Vector, r int, out *vec.Vector) error {
					out.F64[r] = rand.Float64()
					return nil
				})
			}}, seeded)},
		&Scalar{Name: "RAND_INTEGER", Group: "arithmetic", Signature: "RAND_INTEGER([seed,] bound)",
			Doc:      "A random INT from 0 up to, not including, the bound.",
			Examples: []Example{{"RAND_INTEGER(1)", "0"}, {"RAND_INTEGER(42, 10)", "0"}},
			Bind: overloads("RAND_INTEGER",
				overload{text: "(INT)", params: []param{pInt}, fixed: types.TInt, kernel: func(*call) Kernel {
					return randInteger(func([]*vec.Vector, int) func(int32) int32 { return rand.Int32N })
				}},
				overload{text: "(INT, INT)", params: []param{pInt, pInt}, fixed: types.TInt, kernel: func(c *call) Kernel {
					next := seededBy(c, 0)
					return randInteger(func(args []*vec.Vector, r int) func(int32) int32 { return next(args[0].I32[r]).int32n })
				}})},
		&Scalar{Name: "UUID", Group: "arithmetic", Signature: "UUID()", Doc: "A random UUID (RFC 4122, version 4), as a string.",
			Bind: overloads("UUID", overload{text: "()", fixed: types.Type{Root: types.Char, Precision: 36}, kernel: func(*call) Kernel {
				return textOf(func(_ *vec.EvalContext, _ []*vec.Vector, _ int, dst []byte, _ *vec.Vector) ([]byte, error) {
					return appendUUID(dst), nil
				})
			}})},
	)
}

// randInteger makes RAND_INTEGER of what draws a number below a bound.
func randInteger(draw func(args []*vec.Vector, r int) func(bound int32) int32) Kernel {
	return rowsOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, out *vec.Vector) error {
		bound := args[len(args)-1].I32[r]
		if bound <= 0 {
			return fmt.Errorf("RAND_INTEGER: the bound %d is not positive", bound)
		}
		out.I32[r] = draw(args, r)(bound)
		return nil
	})
}

// seededBy keeps one generator where the seed is constant, so that the rows get
// a sequence; a seed that varies begins anew on each row, as in Flink.
func seededBy(c *call, arg int) func(seed int32) *javaRandom {
	if c.lit(arg) == nil {
		return func(seed int32) *javaRandom { return newJavaRandom(int64(seed)) }
	}
	var g *javaRandom
	return func(seed int32) *javaRandom {
		if g == nil {
			g = newJavaRandom(int64(seed))
		}
		return g
	}
}

// javaRandom is the linear congruential generator that java.util.Random
// specifies.
type javaRandom struct{ state int64 }

func newJavaRandom(seed int64) *javaRandom {
	return &javaRandom{(seed ^ 0x5DEECE66D) & (1<<48 - 1)}
}

func (g *javaRandom) next(bits uint) int32 {
	g.state = (g.state*0x5DEECE66D + 0xB) & (1<<48 - 1)
	return int32(g.state >> (48 - bits))
}

func (g *javaRandom) float64() float64 {
	return float64(int64(g.next(26))<<27+int64(g.next(27))) / (1 << 53)
}

func (g *javaRandom) int32n(bound int32) int32 {
	if bound&(bound-1) == 0 {
		return int32(int64(bound) * int64(g.next(31)) >> 31)
	}
	for {
		bits := g.next(31)
		if v := bits % bound; bits-v+(bound-1) >= 0 {
			return v
		}
	}
}

func appendUUID(dst []byte) []byte {
	var u [16]byte
	_, _ = crand.Read(u[:]) // never fails
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	for i, part := range [][]byte{u[:4], u[4:6], u[6:8], u[8:10], u[10:]} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, part)
	}
	return dst
}
