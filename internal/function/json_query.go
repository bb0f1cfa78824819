package function

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	register(
		jsonFn("JSON_EXISTS", "JSON_EXISTS(json, path [{TRUE | FALSE | UNKNOWN | ERROR} ON ERROR])", "Whether there is a value at the path. Paths have members, indexes and wildcards.",
			[]Example{{`JSON_EXISTS('{"a": true}', '$.a')`, "TRUE"}, {`JSON_EXISTS('{"a": true}', '$.b')`, "FALSE"}, {`JSON_EXISTS('{"a": [{ "b": 1 }]}', '$.a[0].b')`, "TRUE"}, {`JSON_EXISTS('{"a": true}', 'strict $.b' TRUE ON ERROR)`, "TRUE"}}),
		jsonFn("JSON_VALUE", "JSON_VALUE(json, path [RETURNING type] [{NULL | ERROR | DEFAULT a} ON EMPTY] [{NULL | ERROR | DEFAULT a} ON ERROR])",
			"The scalar at the path, as STRING or as the type. Where there is none, what ON EMPTY says; ON ERROR speaks of bad JSON and, in strict mode, of a missing member.",
			[]Example{{`JSON_VALUE('{"a": true}', '$.a')`, "true"}, {`JSON_VALUE('{"a.b": [0.998,0.996]}','$.["a.b"][0]' RETURNING DOUBLE)`, "0.998"}, {`JSON_VALUE('{"a": 1}', 'lax $.b' DEFAULT 'no' ON EMPTY)`, "no"},
				{`JSON_VALUE('{"a": 1}', 'strict $.b' DEFAULT 'bad' ON ERROR)`, "bad"}, {`JSON_VALUE('{"contains blank": "right"}', 'strict $.[''contains blank'']' NULL ON EMPTY DEFAULT 'wrong' ON ERROR)`, "right"}, {`JSON_VALUE('{', '$.a')`, "NULL"}}),
		jsonFn("JSON_QUERY", "JSON_QUERY(json, path [{WITHOUT | WITH CONDITIONAL | WITH UNCONDITIONAL} ARRAY WRAPPER] [… ON EMPTY] [… ON ERROR])", "The object or array at the path, as JSON.",
			[]Example{{`JSON_QUERY('{"a": { "b": 1 }}', '$.a')`, `{"b":1}`}, {`JSON_QUERY('{"a":[{"c":"c1"},{"c":"c2"}]}', 'lax $.a[*].c')`, `["c1","c2"]`}, {`JSON_QUERY('{"a": 1}', '$.a')`, "NULL"},
				{`JSON_QUERY('1', '$' WITH UNCONDITIONAL ARRAY WRAPPER)`, "[1]"}, {`JSON_QUERY('x', '$' EMPTY OBJECT ON ERROR)`, "{}"}}),
	)
	for _, k := range []struct{ kind, first, sql string }{
		{"", "", `'{}' IS JSON`}, {" VALUE", "", `'1' IS JSON VALUE`}, {" SCALAR", `"-0123456789tfn`, `'1' IS JSON SCALAR`}, {" ARRAY", "[", `'[]' IS JSON ARRAY`}, {" OBJECT", "{", `'{}' IS JSON OBJECT`},
	} {
		register(isJSON("IS JSON"+k.kind, k.first, true, Example{k.sql, "TRUE"}), isJSON("IS NOT JSON"+k.kind, k.first, false, Example{strings.Replace(k.sql, "IS", "IS NOT", 1), "FALSE"}))
	}
}

func isJSON(name, first string, want bool, ex Example) *Scalar {
	return &Scalar{Name: name, Group: "json", Signature: "a " + name, Doc: "Whether a is (not) JSON of this kind; NULL is not.", Examples: []Example{ex},
		Bind: overloads(name, overload{text: "(STRING)", params: []param{pString}, fixed: types.TBool.Required(), nullCall: true, kernel: func(*call) Kernel {
			return rowsOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, out *vec.Vector) error {
				is := !args[0].IsNull(r)
				if is {
					text := trimJSON(args[0].Bytes(r))
					is = json.Valid(text) && (first == "" || strings.IndexByte(first, text[0]) >= 0)
				}
				out.Bool[r] = is == want
				return nil
			})
		}})}
}

// What a lookup in JSON can come to besides a value.
var (
	errJSONText  = errors.New("the text is not JSON")
	errJSONPath  = errors.New("there is nothing at the path")
	errJSONShape = errors.New("the value at the path is of another shape")
)

// jsonLookup finds the value of row r: a missing one is nil, but an error in
// strict mode.
func jsonLookup(p *jsonPath, doc []byte) ([]byte, error) {
	if !json.Valid(doc) {
		return nil, errJSONText
	}
	v := p.find(doc)
	if v == nil && p.strict {
		return nil, errJSONPath
	}
	return v, nil
}

// withPath makes a kernel from a constant or varying path.
func withPath(c *call, build func(path func(args []*vec.Vector, r int) (*jsonPath, error)) Kernel) (Kernel, error) {
	var last string
	var p *jsonPath
	get := func(text string) (*jsonPath, error) {
		if p != nil && text == last {
			return p, nil
		}
		np, err := compileJSONPath(text)
		if err == nil {
			last, p = text, np
		}
		return np, err
	}
	if text, ok := c.text(1); ok {
		if _, err := get(text); err != nil {
			return nil, err
		}
		return build(func([]*vec.Vector, int) (*jsonPath, error) { return p, nil }), nil
	}
	return build(func(args []*vec.Vector, r int) (*jsonPath, error) { return get(args[1].Str(r)) }), nil
}

func jsonExists(opt *JSONOptions) overload {
	return overload{text: "(STRING, STRING)", params: []param{pString, pString}, fixed: types.TBool, maybeNull: opt.OnError.Kind == "UNKNOWN",
		fallible: func(c *call) (Kernel, error) {
			return withPath(c, func(path func([]*vec.Vector, int) (*jsonPath, error)) Kernel {
				return rowsOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, out *vec.Vector) error {
					p, err := path(args, r)
					if err != nil {
						return err
					}
					v, err := jsonLookup(p, args[0].Bytes(r))
					out.Bool[r] = v != nil && string(v) != "null"
					if err == nil {
						return nil
					}
					switch opt.OnError.Kind {
					case "ERROR":
						return fmt.Errorf("JSON_EXISTS: %w", err)
					case "UNKNOWN":
						out.SetNull(r)
					case "TRUE":
						out.Bool[r] = true
					}
					return nil
				})
			})
		}}
}

func jsonScalar(v []byte) bool { return v[0] != '{' && v[0] != '[' }

func jsonValue(opt *JSONOptions) overload {
	t := types.TString
	if opt.Returning != nil {
		t = opt.Returning.Nullable()
	}
	return overload{text: "(STRING, STRING)", params: []param{pString, pString}, fixed: t, maybeNull: true,
		fallible: func(c *call) (Kernel, error) {
			if nested(t) || t.IsBytes() {
				return nil, fmt.Errorf("RETURNING %s is not known; take STRING, BOOLEAN, INT or DOUBLE", shortName(t))
			}
			return withPath(c, func(path func([]*vec.Vector, int) (*jsonPath, error)) Kernel {
				return returning(t, textOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, out *vec.Vector) ([]byte, error) {
					p, err := path(args, r)
					if err != nil {
						return dst, err
					}
					v, err := jsonLookup(p, args[0].Bytes(r))
					if err == nil && v != nil && !jsonScalar(v) {
						v = nil
						if p.strict {
							err = errJSONShape
						}
					}
					switch {
					case err != nil:
						return opt.OnError.otherwise("JSON_VALUE", err, r, dst, out)
					case v == nil || string(v) == "null":
						return opt.OnEmpty.otherwise("JSON_VALUE", errJSONPath, r, dst, out)
					case v[0] == '"':
						return append(dst, unquoteJSON(v)...), nil
					}
					return append(dst, v...), nil
				}), opt.OnError)
			})
		}}
}

// otherwise is the text in place of a value that is missing or wrong.
func (b JSONBehavior) otherwise(name string, why error, r int, dst []byte, out *vec.Vector) ([]byte, error) {
	switch b.Kind {
	case "ERROR":
		return dst, fmt.Errorf("%s: %w", name, why)
	case "EMPTY ARRAY":
		return append(dst, "[]"...), nil
	case "EMPTY OBJECT":
		return append(dst, "{}"...), nil
	case "DEFAULT":
		if b.Default != nil && b.Default.Value != nil {
			return vec.AppendText(dst, vec.Const(b.Default.Type, b.Default.Value, 1), 0), nil
		}
	}
	out.SetNull(r)
	return dst, nil
}

// returning reads the text of a scalar as another type. A value of another kind
// is an error in the sense of ON ERROR.
func returning(t types.Type, text Kernel, onError JSONBehavior) Kernel {
	if t.Same(types.TString) {
		return text
	}
	cast := castKernel(types.TString, t)
	return func(ctx *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
		mid := vec.New(types.TString, n, 0)
		if err := text(ctx, args, sel, n, mid); err != nil {
			return err
		}
		rows := keep(nil, sel, n, mid.Valid)
		out.Valid = mid.Valid
		if t.Physical() == types.PhysBytes {
			return cast(ctx, []*vec.Vector{mid}, rows, n, out)
		}
		for _, r := range rows {
			err := cast(ctx, []*vec.Vector{mid}, []int32{r}, n, out)
			switch {
			case err == nil:
			case onError.Kind == "ERROR":
				return err
			case onError.Kind == "DEFAULT" && onError.Default.Value != nil:
				fallback := vec.Const(types.TString, string(vec.AppendText(nil, vec.Const(onError.Default.Type, onError.Default.Value, 1), 0)), n)
				if err := cast(ctx, []*vec.Vector{fallback}, []int32{r}, n, out); err != nil {
					return err
				}
			default:
				out.SetNull(int(r))
			}
		}
		return nil
	}
}

func jsonQuery(opt *JSONOptions) overload {
	return overload{text: "(STRING, STRING)", params: []param{pString, pString}, fixed: types.TString, maybeNull: true,
		fallible: func(c *call) (Kernel, error) {
			if opt.Returning != nil && !opt.Returning.IsString() {
				return nil, fmt.Errorf("RETURNING %s is not known; take STRING", shortName(*opt.Returning))
			}
			return withPath(c, func(path func([]*vec.Vector, int) (*jsonPath, error)) Kernel {
				return textOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, out *vec.Vector) ([]byte, error) {
					p, err := path(args, r)
					if err != nil {
						return dst, err
					}
					return queryJSON(p, opt, args[0].Bytes(r), r, dst, out)
				})
			})
		}}
}

func queryJSON(p *jsonPath, opt *JSONOptions, doc []byte, r int, dst []byte, out *vec.Vector) ([]byte, error) {
	v, err := jsonLookup(p, doc)
	if string(v) == "null" {
		v = nil
	}
	wrap := v != nil && (opt.Wrapper == "WITH UNCONDITIONAL ARRAY" || opt.Wrapper == "WITH CONDITIONAL ARRAY" && v[0] != '[')
	if err == nil && v != nil && !wrap && jsonScalar(v) {
		v = nil
		if p.strict {
			err = errJSONShape
		}
	}
	switch {
	case err != nil:
		return opt.OnError.otherwise("JSON_QUERY", err, r, dst, out)
	case v == nil:
		return opt.OnEmpty.otherwise("JSON_QUERY", errJSONPath, r, dst, out)
	}
	var b bytes.Buffer
	_ = json.Compact(&b, v) // it is valid
	if wrap {
		return append(append(append(dst, '['), b.Bytes()...), ']'), nil
	}
	return append(dst, b.Bytes()...), nil
}
