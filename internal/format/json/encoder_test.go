package json

import (
	"math"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/format"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func encoderFor(tb testing.TB, cols []*vec.Vector, opts map[string]string) (format.Encoder, format.Config) {
	tb.Helper()
	cfg := format.Config{Options: opts}
	for i, c := range cols {
		cfg.Columns = append(cfg.Columns, column(string(rune('a'+i)), c.Type))
	}
	e, err := newEncoder(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return e, cfg
}

func roundTrip(tb testing.TB, cols []*vec.Vector) (format.Encoder, format.Decoder) {
	tb.Helper()
	e, cfg := encoderFor(tb, cols, nil)
	d, err := newDecoder(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return e, d
}

func TestEncode(t *testing.T) {
	row := types.TRow(types.Field{Name: "x", Type: types.TInt}, types.Field{Name: `y"z`, Type: types.TString})
	counts := types.Type{Root: types.Multiset, Elem: &types.TString}
	for _, c := range []struct {
		typ  types.Type
		x    any
		opts string // name=value
		want string
	}{
		{types.TBool, true, "", `true`},
		{types.TInt, -5, "", `-5`},
		{types.TInt, nil, "", `null`},
		{types.TInt, nil, "encode.ignore-null-fields=true", ``},
		{types.TFloat, 0.1, "", `0.1`},
		{types.TDouble, 1e10, "", `1.0E10`},
		{types.TDouble, math.NaN(), "", `"NaN"`},
		{types.TDouble, math.Inf(-1), "", `"-Infinity"`},
		{types.TDecimal(10, 2), "1.5", "", `1.50`},
		{types.TDecimal(10, 9), "0.000000027", "", `2.7E-8`},
		{types.TDecimal(10, 9), "0.000000027", "encode.decimal-as-plain-number=true", `0.000000027`},
		{types.TString, "a\"b\\\n\x01é/", "", `"a\"b\\\n\u0001é/"`},
		{types.TBytes, []byte("hi"), "", `"aGk="`},
		{types.TDate, "2026-01-02", "", `"2026-01-02"`},
		{types.TTime, "03:04:05.5", "", `"03:04:05.5"`},
		{types.TTimestamp(3), "2026-01-02 03:04:05.678", "", `"2026-01-02 03:04:05.678"`},
		{types.TTimestamp(6), "2026-01-02 03:04:05.6", "", `"2026-01-02 03:04:05.6"`},
		{types.TTimestamp(3), "2026-01-02 03:04:05", "", `"2026-01-02 03:04:05"`},
		{types.TTimestamp(3), "2026-01-02 03:04:05", "timestamp-format.standard=ISO-8601", `"2026-01-02T03:04:05"`},
		{types.TTimestampLTZ(3), "2026-01-02 03:04:05.6", "", `"2026-01-02 03:04:05.6Z"`},
		{types.TTimestampLTZ(3), "2026-01-02 03:04:05.6", "timestamp-format.standard=ISO-8601", `"2026-01-02T03:04:05.6Z"`},
		{types.TArray(types.TInt), []any{1, nil, 3}, "", `[1,null,3]`},
		{types.TMap(types.TString, types.TInt), []vec.Entry{{Key: "k", Value: 1}, {Key: "l", Value: nil}}, "", `{"k":1,"l":null}`},
		{types.TMap(types.TString, types.TInt), []vec.Entry{{Key: nil, Value: 1}}, "", "column a: a map with a NULL key cannot be written as JSON; 'json.map-null-key.mode' can be DROP or LITERAL"},
		{types.TMap(types.TString, types.TInt), []vec.Entry{{Key: nil, Value: 1}, {Key: "k", Value: 2}}, "map-null-key.mode=DROP", `{"k":2}`},
		{types.TMap(types.TString, types.TInt), []vec.Entry{{Key: nil, Value: 1}}, "map-null-key.mode=LITERAL", `{"null":1}`},
		{counts, []vec.Entry{{Key: "k", Value: 2}}, "", `{"k":2}`},
		{row, []any{1, "v"}, "", `{"x":1,"y\"z":"v"}`},
		{row, []any{nil, "v"}, "encode.ignore-null-fields=true", `{"y\"z":"v"}`},
		{types.TArray(row), []any{[]any{1, "v"}, nil}, "", `[{"x":1,"y\"z":"v"},null]`},
	} {
		cols := []*vec.Vector{vec.Const(c.typ, c.x, 1)}
		opts := map[string]string{}
		if name, value, ok := strings.Cut(c.opts, "="); ok {
			opts[name] = value
		}
		e, _ := encoderFor(t, cols, opts)
		out, err := e.Encode(nil, cols, 0)
		got := string(out)
		want := `{"a":` + c.want + `}`
		switch {
		case err != nil:
			got, want = err.Error(), c.want
		case c.want == "":
			want = "{}"
		}
		if got != want {
			t.Errorf("%v as %s: %s, want %s", c.x, c.typ, got, want)
		}
	}
}

func TestEncodeAllocs(t *testing.T) {
	cols := []*vec.Vector{vec.Const(types.TString, "text", 1), vec.Const(types.TDecimal(10, 2), "1.5", 1),
		vec.Const(types.TTimestamp(3), "2026-01-02 03:04:05.6", 1), vec.Const(types.TDouble, 1e10, 1)}
	e, _ := encoderFor(t, cols, nil)
	buf := make([]byte, 0, 256)
	if n := testing.AllocsPerRun(100, func() { buf, _ = e.Encode(buf[:0], cols, 0) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
