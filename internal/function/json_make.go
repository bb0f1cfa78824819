package function

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	register(
		&Scalar{Name: "JSON_STRING", Group: "json", Signature: "JSON_STRING(a)", Doc: "The value as JSON; NULL of NULL.",
			Examples: []Example{{"JSON_STRING('Hello, \"World\"')", `"Hello, \"World\""`}, {"JSON_STRING(ARRAY[1, 2])", "[1,2]"}, {"JSON_STRING(CAST(NULL AS INT))", "NULL"}, {"JSON_STRING(MAP['a', TRUE])", `{"a":true}`}},
			Bind: overloads("JSON_STRING", giveText("(any)", 0, func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
				return appendJSON(dst, args[0], r), nil
			}, pAny))},
		jsonFn("JSON_OBJECT", "JSON_OBJECT([KEY] key VALUE value, … [{NULL | ABSENT} ON NULL])", "A JSON object; members that are NULL stay, unless ABSENT ON NULL.",
			[]Example{{"JSON_OBJECT('a' VALUE 1, KEY 'b' VALUE 'x')", `{"a":1,"b":"x"}`}, {"JSON_OBJECT('a' VALUE CAST(NULL AS INT) ABSENT ON NULL)", "{}"}, {"JSON_OBJECT('a' VALUE CAST(NULL AS INT))", `{"a":null}`}}),
		jsonFn("JSON_ARRAY", "JSON_ARRAY(a, … [{NULL | ABSENT} ON NULL])", "A JSON array; elements that are NULL are left out, unless NULL ON NULL.",
			[]Example{{"JSON_ARRAY(1, 'x', TRUE)", `[1,"x",true]`}, {"JSON_ARRAY(1, CAST(NULL AS INT))", "[1]"}, {"JSON_ARRAY(CAST(NULL AS INT) NULL ON NULL)", "[null]"}}),
		&Scalar{Name: "JSON_QUOTE", Group: "string", Signature: "JSON_QUOTE(a)", Doc: "a as a JSON string.", Examples: []Example{{`JSON_QUOTE('a"b')`, `"a\"b"`}},
			Bind: overloads("JSON_QUOTE", giveText("(STRING)", 0, func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
				return appendQuoted(dst, args[0].Bytes(r)), nil
			}, pString))},
		&Scalar{Name: "JSON_UNQUOTE", Group: "string", Signature: "JSON_UNQUOTE(a)", Doc: "The text of a JSON string; a itself if it is none.", Examples: []Example{{`JSON_UNQUOTE('"a\u0041"')`, "aA"}, {"JSON_UNQUOTE('x')", "x"}},
			Bind: overloads("JSON_UNQUOTE", giveText("(STRING)", 0, func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
				if s := args[0].Bytes(r); len(s) > 1 && s[0] == '"' && json.Valid(s) {
					return append(dst, unquoteJSON(s)...), nil
				}
				return append(dst, args[0].Bytes(r)...), nil
			}, pString))},
	)
}

func jsonObject(opt *JSONOptions) overload {
	return overload{text: "(STRING, any, …)", rest: pAny, nullCall: true, fixed: types.TString.Required(),
		unify: func(ts []types.Type) bool {
			keys, _ := pairs(ts)
			return len(ts)%2 == 0 && !slices.ContainsFunc(keys, func(t types.Type) bool { return !t.IsString() })
		},
		kernel: func(*call) Kernel {
			return textOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
				dst = append(dst, '{')
				any := false
				for i := 0; i < len(args); i += 2 {
					if args[i].IsNull(r) || args[i+1].IsNull(r) && opt.OnNull == "ABSENT" {
						continue
					}
					if any {
						dst = append(dst, ',')
					}
					any = true
					dst = append(appendQuoted(dst, args[i].Bytes(r)), ':')
					dst = opt.appendArg(dst, args, i+1, r)
				}
				return append(dst, '}'), nil
			})
		}}
}

func jsonArray(opt *JSONOptions) overload {
	return overload{text: "(any, …)", rest: pAny, nullCall: true, fixed: types.TString.Required(), kernel: func(*call) Kernel {
		return textOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
			dst = append(dst, '[')
			any := false
			for i, a := range args {
				if a.IsNull(r) && opt.OnNull != "NULL" {
					continue
				}
				if any {
					dst = append(dst, ',')
				}
				any = true
				dst = opt.appendArg(dst, args, i, r)
			}
			return append(dst, ']'), nil
		})
	}}
}

func (o *JSONOptions) appendArg(dst []byte, args []*vec.Vector, i, r int) []byte {
	if slices.Contains(o.Raw, i) && !args[i].IsNull(r) {
		return append(dst, args[i].Bytes(r)...)
	}
	return appendJSON(dst, args[i], r)
}

// appendJSON writes a value as JSON: times in ISO 8601, bytes in Base64, maps
// and rows as objects, numbers that JSON has not as strings.
func appendJSON(dst []byte, v *vec.Vector, i int) []byte {
	if v.IsNull(i) {
		return append(dst, "null"...)
	}
	switch t := v.Type; t.Root {
	case types.Boolean:
		if v.Bool[i] {
			return append(dst, "true"...)
		}
		return append(dst, "false"...)
	case types.Float, types.Double:
		text := vec.AppendText(nil, v, i)
		if x := floatAt(v, i); math.IsNaN(x) || math.IsInf(x, 0) {
			return appendQuoted(dst, text)
		}
		return append(dst, text...)
	case types.TinyInt, types.SmallInt, types.Integer, types.BigInt, types.Decimal:
		return vec.AppendText(dst, v, i)
	case types.Binary, types.Varbinary:
		return append(base64.StdEncoding.AppendEncode(append(dst, '"'), v.Bytes(i)), '"')
	case types.Timestamp, types.TimestampLTZ:
		dst, nanos := types.AppendDateTime(append(dst, '"'), v.I64[i], t.Unit(), 'T')
		dst = types.AppendShortFraction(dst, nanos)
		if t.Root == types.TimestampLTZ {
			dst = append(dst, 'Z')
		}
		return append(dst, '"')
	case types.Array:
		dst = append(dst, '[')
		for e := v.Off[i]; e < v.Off[i+1]; e++ {
			dst = appendJSON(comma(dst, e > v.Off[i]), v.Kids[0], int(e))
		}
		return append(dst, ']')
	case types.Map, types.Multiset:
		dst = append(dst, '{')
		for e := v.Off[i]; e < v.Off[i+1]; e++ {
			dst = append(appendQuoted(comma(dst, e > v.Off[i]), vec.AppendText(nil, v.Kids[0], int(e))), ':')
			dst = appendJSON(dst, v.Kids[1], int(e))
		}
		return append(dst, '}')
	case types.Row:
		dst = append(dst, '{')
		for f, kid := range v.Kids {
			dst = append(appendQuoted(comma(dst, f > 0), []byte(t.Fields[f].Name)), ':')
			dst = appendJSON(dst, kid, i)
		}
		return append(dst, '}')
	}
	return appendQuoted(dst, vec.AppendText(nil, v, i))
}

func floatAt(v *vec.Vector, i int) float64 {
	if v.F32 != nil {
		return float64(v.F32[i])
	}
	return v.F64[i]
}

func comma(dst []byte, yes bool) []byte {
	if yes {
		return append(dst, ',')
	}
	return dst
}

// appendQuoted writes a JSON string and escapes no more than JSON asks for.
func appendQuoted(dst, s []byte) []byte {
	const hex = "0123456789ABCDEF"
	dst = append(dst, '"')
	for len(s) > 0 {
		c := s[0]
		size := 1
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case c < utf8.RuneSelf:
			dst = append(dst, c)
		default:
			var r rune
			r, size = utf8.DecodeRune(s)
			dst = utf8.AppendRune(dst, r)
		}
		s = s[size:]
	}
	return append(dst, '"')
}
