package json

import (
	stdjson "encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// FuzzDecode compares with encoding/json. What that reads is read, too, and strings,
// doubles and nested values are the same.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"s":"x","d":1.5,"b":true,"r":{"s":"y","l":["a","b"]},"m":{"k":"v"},"z":[{"a":null}]}`,
		`{"s":"\ud83d\ude00\n","d":-0.1e-7,"l":[]}`,
		`[{"s":1},{"m":{"a":"1","a":"2"}}]`,
		`{"d":123456789012345678901234567890,"s":{"x" : [1 , 2]}}`,
		`{"z":"}","d":null}`, `null`, ` {} `, `{"s":"\u00"}`, `{"d":01}`,
	} {
		f.Add([]byte(s))
	}
	r := types.TRow(types.Field{Name: "s", Type: types.TString}, types.Field{Name: "l", Type: types.TArray(types.TString)})
	d := mustDecoder(f, map[string]string{"ignore-parse-errors": "false"},
		column("s", types.TString), column("d", types.TDouble), column("r", r),
		column("m", types.TMap(types.TString, types.TString)), column("b", types.TBool))
	f.Fuzz(func(t *testing.T, in []byte) {
		d.Reset(1)
		n, err := d.Decode(in)
		cols, _ := d.Finish()
		var want any
		wantErr := stdjson.Unmarshal(in, &want)
		if err != nil {
			if wantErr == nil && utf8.Valid(in) && strings.Contains(err.Error(), "not JSON") && rowsOf(want) != nil {
				t.Fatalf("%q is refused: %v", in, err)
			}
			for _, c := range cols {
				if c.N != 0 {
					t.Fatalf("%q failed and left %d rows", in, c.N)
				}
			}
			return
		}
		if wantErr != nil {
			return // control characters, or damage in what is passed over
		}
		rows := rowsOf(want)
		if len(rows) != n {
			t.Fatalf("%q: %d rows, want %d", in, n, len(rows))
		}
		for i, row := range rows {
			checkString(t, in, row["s"], cols[0], i)
			if x, ok := row["d"].(float64); ok && cols[1].F64[i] != x {
				t.Fatalf("%q: %v, want %v", in, cols[1].F64[i], x)
			}
			if o, ok := row["r"].(map[string]any); ok {
				checkString(t, in, o["s"], cols[2].Kids[0], i)
				if l, ok := o["l"].([]any); ok {
					lv := cols[2].Kids[1]
					if int(lv.Off[i+1]-lv.Off[i]) != len(l) {
						t.Fatalf("%q: %v", in, vec.Value(lv, i))
					}
					for k, x := range l {
						checkString(t, in, x, lv.Kids[0], int(lv.Off[i])+k)
					}
				}
			}
			if o, ok := row["m"].(map[string]any); ok {
				entries := vec.Value(cols[3], i).([]vec.Entry)
				if len(entries) != len(o) {
					t.Fatalf("%q: %v", in, entries)
				}
				for _, e := range entries {
					if x, ok := o[e.Key.(string)].(string); ok && e.Value != x {
						t.Fatalf("%q: %v, want %q", in, e, x)
					}
				}
			}
		}
	})
}

func checkString(t *testing.T, in []byte, want any, v *vec.Vector, i int) {
	t.Helper()
	switch x := want.(type) {
	case string:
		if v.IsNull(i) || v.Str(i) != x {
			t.Fatalf("%q: %v, want %q", in, vec.Value(v, i), x)
		}
	case nil:
		if !v.IsNull(i) {
			t.Fatalf("%q: %v, want NULL", in, vec.Value(v, i))
		}
	case map[string]any, []any:
		var back any
		if err := stdjson.Unmarshal(v.Bytes(i), &back); err != nil {
			t.Fatalf("%q: %s is no JSON: %v", in, v.Bytes(i), err)
		}
	}
}

// rowsOf are the rows of a document; nil if it is none of rows.
func rowsOf(v any) []map[string]any {
	rows := []map[string]any{}
	switch v := v.(type) {
	case nil:
	case map[string]any:
		rows = append(rows, v)
	case []any:
		for _, e := range v {
			o, ok := e.(map[string]any)
			if !ok {
				return nil
			}
			rows = append(rows, o)
		}
	default:
		return nil
	}
	return rows
}

// FuzzRoundTrip: what the encoder writes, the decoder reads, and encoding/json too.
func FuzzRoundTrip(f *testing.F) {
	f.Add("a\"\\\n\x01é", 1.5, int64(7), []byte{0, 255})
	f.Fuzz(func(t *testing.T, s string, x float64, n int64, b []byte) {
		if !utf8.ValidString(s) {
			return
		}
		cols := []*vec.Vector{vec.Const(types.TString, s, 1), vec.Const(types.TDouble, x, 1), vec.Const(types.TBigInt, n, 1), vec.Const(types.TBytes, b, 1)}
		e, d := roundTrip(t, cols)
		out, err := e.Encode(nil, cols, 0)
		if err != nil || !stdjson.Valid(out) {
			t.Fatalf("%s: %v", out, err)
		}
		d.Reset(1)
		if _, err := d.Decode(out); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		back, _ := d.Finish()
		for i, c := range cols {
			if vec.Compare(c, 0, back[i], 0) != 0 {
				t.Fatalf("%s: column %d is %v", out, i, vec.Value(back[i], 0))
			}
		}
	})
}
