package function

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// castToString writes a value and cuts it to the length of the type; CHAR is
// padded with blanks.
func castToString(from, to types.Type) Kernel {
	k := textOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
		at := len(dst)
		return fitText(vec.AppendText(dst, args[0], r), at, to), nil
	})
	if from.Root != types.TimestampLTZ {
		return k
	}
	local := castTime(from, types.TTimestamp(from.Precision))
	return func(ctx *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
		v := vec.New(types.TTimestamp(from.Precision), n, 0)
		if err := local(ctx, args, sel, n, v); err != nil {
			return err
		}
		return k(ctx, []*vec.Vector{v}, sel, n, out)
	}
}

// fitText cuts and pads dst[at:], which was just appended.
func fitText(dst []byte, at int, t types.Type) []byte {
	if t.Precision == types.MaxLength {
		return dst
	}
	if len(dst)-at > t.Precision {
		if end := runeOffset(dst[at:], t.Precision); end < len(dst)-at {
			return dst[:at+end]
		}
	}
	if t.Root == types.Char {
		for n := utf8.RuneCount(dst[at:]); n < t.Precision; n++ {
			dst = append(dst, ' ')
		}
	}
	return dst
}

// runeOffset is where the n-th character of s begins, or len(s).
func runeOffset(s []byte, n int) int {
	at := 0
	for ; n > 0 && at < len(s); n-- {
		if s[at] < utf8.RuneSelf {
			at++
			continue
		}
		_, size := utf8.DecodeRune(s[at:])
		at += size
	}
	return at
}

// castToBytes copies the UTF-8 of a string or the bytes, cut to the length of
// the type; BINARY is padded with zeros.
func castToBytes(to types.Type) Kernel {
	return textOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
		b := args[0].Bytes(r)
		if len(b) > to.Precision {
			b = b[:to.Precision]
		}
		dst = append(dst, b...)
		if to.Root == types.Binary {
			for n := len(b); n < to.Precision; n++ {
				dst = append(dst, 0)
			}
		}
		return dst, nil
	})
}

// castParse reads a text; blanks around it do not count.
func castParse(to types.Type) Kernel {
	parse := valueParser(to)
	return func(ctx *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
		z := zone{loc: ctx.Location}
		return each(sel, n, func(r int32) error {
			text := args[0].Bytes(int(r))
			if err := parse(bytes.TrimSpace(text), int(r), &z, out); err != nil {
				return vec.RowErrorf(int(r), "CAST: %s is not %s", quote(text), article(to))
			}
			return nil
		})
	}
}

// quote shows a text in an error, cut if it is long.
func quote(text []byte) string {
	const most = 60
	if len(text) > most {
		return fmt.Sprintf("'%s…'", strings.ToValidUTF8(string(text[:most]), ""))
	}
	return fmt.Sprintf("'%s'", text)
}

func valueParser(to types.Type) func(text []byte, r int, z *zone, out *vec.Vector) (err error) {
	switch to.Root {
	case types.Boolean:
		return func(text []byte, r int, _ *zone, out *vec.Vector) (err error) {
			out.Bool[r], err = parseBool(text)
			return err
		}
	case types.TinyInt, types.SmallInt, types.Integer, types.BigInt:
		bits := 8 << (to.Root - types.TinyInt)
		return func(text []byte, r int, _ *zone, out *vec.Vector) error {
			v, err := parseWhole(text, bits)
			setWhole(out, r, v)
			return err
		}
	case types.Float:
		return func(text []byte, r int, _ *zone, out *vec.Vector) error {
			v, err := types.ParseFloat(text, 32)
			out.F32[r] = float32(v)
			return err
		}
	case types.Double:
		return func(text []byte, r int, _ *zone, out *vec.Vector) (err error) {
			out.F64[r], err = types.ParseFloat(text, 64)
			return err
		}
	case types.Decimal:
		return func(text []byte, r int, _ *zone, out *vec.Vector) (err error) {
			out.Dec[r], err = types.ParseDec(text, to.Precision, to.Scale)
			return err
		}
	}
	return timeParser(to)
}

var errBool = errors.New("not a boolean")

// parseBool knows the words of Flink's CAST.
func parseBool(text []byte) (bool, error) {
	switch strings.ToLower(string(text)) {
	case "true", "t", "yes", "y", "1":
		return true, nil
	case "false", "f", "no", "n", "0":
		return false, nil
	}
	return false, errBool
}

// parseWhole reads a whole number; a fraction may follow, and is cut off, as in
// Flink.
func parseWhole(text []byte, bits int) (int64, error) {
	whole, fraction, found := bytes.Cut(text, []byte{'.'})
	if !found || len(text) == 1 || len(bytes.Trim(fraction, "0123456789")) > 0 {
		return types.ParseInt(text, bits)
	}
	if len(bytes.TrimLeft(whole, "+-")) == 0 && len(whole) < 2 {
		return 0, nil
	}
	return types.ParseInt(whole, bits)
}

func timeParser(to types.Type) func(text []byte, r int, z *zone, out *vec.Vector) (err error) {
	switch to.Root {
	case types.Date:
		// A timestamp's text will do: its date is taken.
		return func(text []byte, r int, _ *zone, out *vec.Vector) (err error) {
			if i := bytes.IndexByte(text, ' '); i > 0 {
				text = text[:i]
			}
			out.I32[r], err = types.ParseDate(text)
			return err
		}
	case types.Time:
		unit := timeUnit(to)
		return func(text []byte, r int, _ *zone, out *vec.Vector) error {
			ms, err := types.ParseTime(text)
			out.I32[r] = ms - ms%unit
			return err
		}
	case types.Timestamp:
		return func(text []byte, r int, _ *zone, out *vec.Vector) error {
			v, err := types.ParseTimestamp(text, to.Unit())
			out.I64[r] = types.Truncate(v, to)
			return err
		}
	case types.TimestampLTZ:
		return func(text []byte, r int, z *zone, out *vec.Vector) error {
			v, err := types.ParseTimestamp(text, to.Unit())
			if err == nil && text[len(text)-1] != 'Z' {
				v = z.toInstant(v, to.Unit())
			}
			out.I64[r] = types.Truncate(v, to)
			return err
		}
	}
	return func(text []byte, r int, _ *zone, out *vec.Vector) (err error) {
		out.I64[r], err = types.ParseInterval(text, to)
		return err
	}
}

// setWhole sets value r of any vector of whole numbers.
func setWhole(v *vec.Vector, r int, x int64) {
	switch {
	case v.I64 != nil:
		v.I64[r] = x
	case v.I32 != nil:
		v.I32[r] = int32(x)
	case v.I16 != nil:
		v.I16[r] = int16(x)
	default:
		v.I8[r] = int8(x)
	}
}
