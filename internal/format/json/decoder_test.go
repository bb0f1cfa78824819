package json

import (
	"fmt"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/format"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// decodeText decodes one record and gives its rows as text, one in parentheses each,
// or the error.
func decodeText(tb testing.TB, d format.Decoder, record string) string {
	tb.Helper()
	d.Reset(1)
	n, err := d.Decode([]byte(record))
	cols, kinds := d.Finish()
	if kinds != nil {
		tb.Errorf("kinds: %v", kinds)
	}
	if err != nil {
		if n != 0 || len(cols) > 0 && cols[0].N != 0 {
			tb.Errorf("%s: %d rows (%d) and %v", record, n, cols[0].N, err)
		}
		return err.Error()
	}
	var out []string
	for r := range n {
		b := []byte("(")
		for i, c := range cols {
			if c.N != n {
				tb.Fatalf("%s: column %d has %d rows, not %d", record, i, c.N, n)
			}
			if i > 0 {
				b = append(b, ", "...)
			}
			b = vec.AppendText(b, c, r)
		}
		out = append(out, string(append(b, ')')))
	}
	return strings.Join(out, " ")
}

func column(name string, t types.Type) format.Column { return format.Column{Name: name, Type: t} }

// Every type, and what is taken for it.
func TestDecodeValues(t *testing.T) {
	row := types.TRow(types.Field{Name: "a", Type: types.TInt}, types.Field{Name: "b", Type: types.TString})
	for _, c := range []struct {
		typ      types.Type
		in, want string
	}{
		{types.TBool, `true`, "TRUE"},
		{types.TBool, `"True"`, "TRUE"},
		{types.TBool, `1`, "FALSE"},
		{types.TBool, `{}`, "column c: '{}' is not a BOOLEAN"},
		{types.TTinyInt, `-128`, "-128"},
		{types.TTinyInt, `128`, "column c: '128' is not a TINYINT (the number is out of range)"},
		{types.TSmall, `1.0`, "column c: '1.0' is not a SMALLINT"},
		{types.TInt, `" 12 "`, "12"},
		{types.TInt, `"+12"`, "12"},
		{types.TInt, `1.9`, "1"},
		{types.TInt, `-1.9`, "-1"},
		{types.TInt, `3e2`, "300"},
		{types.TInt, `1e10`, "column c: '1e10' is not an INT (too many digits)"},
		{types.TInt, `"abc"`, "column c: 'abc' is not an INT"},
		{types.TInt, `true`, "column c: 'true' is not an INT"},
		{types.TInt, `null`, "NULL"},
		{types.TInt, `[1]`, "column c: '[1]' is not an INT"},
		{types.TInt, `012`, "column c: '…"},
		{types.TBigInt, `0`, "0"},
		{types.TBigInt, `-0`, "0"},
		{types.TBigInt, `999999999999999999`, "999999999999999999"},
		{types.TBigInt, `9223372036854775807`, "9223372036854775807"},
		{types.TBigInt, `-9223372036854775808`, "-9223372036854775808"},
		{types.TBigInt, `9223372036854775808`, "column c: '9223372036854775808' is not a BIGINT (the number is out of range)"},
		{types.TBigInt, `9007199254740993.0`, "9007199254740993"},
		{types.TFloat, `1.1`, "1.1"},
		{types.TFloat, `16777217`, "1.6777216E7"},
		{types.TDouble, `1e400`, "Infinity"},
		{types.TDouble, `"NaN"`, "NaN"},
		{types.TDouble, `0.1`, "0.1"},
		{types.TDouble, `1e23`, "1.0E23"},
		{types.TDouble, `123456789012345678901234567890`, "1.2345678901234568E29"},
		{types.TDouble, `false`, "column c: 'false' is not a DOUBLE"},
		{types.TDecimal(10, 2), `12.345`, "12.35"},
		{types.TDecimal(10, 2), `"12.344"`, "12.34"},
		{types.TDecimal(4, 2), `123.4`, "NULL"},
		{types.TDecimal(38, 0), `12345678901234567890123456789012345678`, "12345678901234567890123456789012345678"},
		{types.TString, `""`, ""},
		{types.TString, `"a\"b\\c\/\b\f\n\r\t\u00e9\ud83d\ude00\ud83dx"`, "a\"b\\c/\b\f\n\r\té😀\ufffdx"},
		{types.TString, `"häß 😀 und mehr als acht"`, "häß 😀 und mehr als acht"},
		{types.TString, `12.50`, "12.50"},
		{types.TString, `true`, "true"},
		{types.TString, "\"a\tb\"", "a\tb"},
		{types.TString, `{ "a" : [ 1 , "x\u0041\n\/" ] }`, `{"a":[1,"xA\n/"]}`},
		{types.TString, `[ ]`, `[]`},
		{types.TString, `{"a":{}}`, `{"a":{}}`},
		{types.TString, `[1,]`, "']}' is not JSON (byte 8: a value expected)"},
		{types.TString, `{"a":1,}`, "'}}' is not JSON (byte 12: a name in quotes expected)"},
		{types.TString, `{x}`, "'x}}' is not JSON (byte 6: a name in quotes expected)"},
		{types.TString, `"\x"`, "'\"\\x\"}' is not JSON (byte 5: a string with an unknown escape)"},
		{types.TString, `"\u12g4"`, "'\"\\u12g4\"}' is not JSON (byte 5: a string with an unknown escape)"},
		{types.TString, "\"\xff\"", "'\"\xff\"}' is not JSON (byte 5: a string that does not end, or is not UTF-8)"},
		{types.TString, "\"12345678\xc3\"", "'\"12345678\xc3\"}' is not JSON (byte 5: a string that does not end, or is not UTF-8)"},
		{types.TBytes, `"aGk="`, "hi"},
		{types.TBytes, `"aGk"`, "column c: 'aGk' is not a BYTES (bytes are written in base64)"},
		{types.TDate, `"2026-02-28"`, "2026-02-28"},
		{types.TDate, `"2026-02-30"`, "column c: '2026-02-30' is not a DATE (there is no such day)"},
		{types.TDate, `"2026-2-8"`, "column c: '2026-2-8' is not a DATE (a date is written as 2026-01-31)"},
		{types.TTime, `"10:11:12.5"`, "10:11:12"},
		{types.TTimestamp(3), `"2026-01-02 03:04:05.678"`, "2026-01-02 03:04:05.678"},
		{types.TTimestamp(3), `"2026-01-02 03:04:05"`, "2026-01-02 03:04:05.000"},
		{types.TTimestamp(1), `"2026-01-02 03:04:05.678"`, "2026-01-02 03:04:05.6"},
		{types.TTimestamp(3), `"2026-01-02T03:04:05.678"`, "column c: '2026-01-02T03:04:05.678' is not a TIMESTAMP(3) (written as 2026-01-31 23:59:59.999)"},
		{types.TTimestamp(3), `"2026-01-02 03:04:05Z"`, "column c: '2026-01-02 03:04:05Z' is not a TIMESTAMP(3) (written as 2026-01-31 23:59:59.999)"},
		{types.TTimestamp(3), `"2026-02-29 03:04:05.678"`, "column c: '2026-02-29 03:04:05.678' is not a TIMESTAMP(3) (there is no such day)"},
		{types.TTimestamp(3), `1767323045678`, "column c: '1767323045678' is not a TIMESTAMP(3) (written as 2026-01-31 23:59:59.999)"},
		{types.TTimestampLTZ(3), `"2026-01-02 03:04:05.678Z"`, "2026-01-02 03:04:05.678"},
		{types.TTimestampLTZ(3), `"2026-01-02 03:04:05.678"`, "column c: '2026-01-02 03:04:05.678' is not a TIMESTAMP_LTZ(3) (written as 2026-01-31 23:59:59.999Z)"},
		{types.TArray(types.TInt), `[ 1 , null,"3"]`, "[1, NULL, 3]"},
		{types.TArray(types.TInt), `[]`, "[]"},
		{types.TArray(types.TInt), `[1,x]`, "'x]}' is not JSON (byte 8: a value expected)"},
		{types.TArray(types.TInt), `[1 2]`, "'2]}' is not JSON (byte 8: a comma or the end of the array expected)"},
		{types.TArray(types.TInt), `{}`, "column c: '{}' is not an ARRAY<INT>"},
		{types.TMap(types.TString, types.TInt), `{"x":1, "y" : null}`, "{x=1, y=NULL}"},
		{types.TMap(types.TString, types.TInt), `{"x":1,"y":2,"x":3}`, "{y=2, x=3}"},
		{types.TMap(types.TString, types.TInt), `{"\u0078":1}`, "{x=1}"},
		{types.TMap(types.TString, types.TArray(types.TInt)), `{"x":[1],"x":[2,3],"y":[]}`, "{x=[2, 3], y=[]}"},
		{row, `{"b":"x","a":1}`, "(1, x)"},
		{row, `{"c":[{"]":"}"}],"a":1}`, "(1, NULL)"},
		{row, `{"a":1,"a":2,"b":"x","b":"y"}`, "(2, y)"},
		{row, `{"a":1,"b":"x","a":null}`, "(NULL, x)"},
		{row, `{"\u0061":7}`, "(7, NULL)"},
		{row, `{"a" : 1 , "b" : "x" }`, "(1, x)"},
		{row, `{}`, "(NULL, NULL)"},
		{row, `null`, "NULL"},
		{row, `5`, "column c: '5' is not a ROW<`a` INT, `b` STRING>"},
		{row, `{"a":"x"}`, "column c.a: 'x' is not an INT"},
		{types.TArray(row), `[{"a":1},null,{"b":"z"}]`, "[(1, NULL), NULL, (NULL, z)]"},
	} {
		d := mustDecoder(t, nil, column("c", c.typ))
		got := decodeText(t, d, `{"c":`+c.in+`}`)
		want := c.want
		if !strings.Contains(want, "is not") {
			want = "(" + want + ")"
		}
		if strings.HasSuffix(c.want, "…") {
			if !strings.Contains(got, "JSON") {
				t.Errorf("%s as %s: %s", c.in, c.typ, got)
			}
			continue
		}
		if got != want {
			t.Errorf("%s as %s:\n got %s\nwant %s", c.in, c.typ, got, want)
		}
	}
}

func TestDecodeISO(t *testing.T) {
	d := mustDecoder(t, map[string]string{"timestamp-format.standard": "iso-8601"},
		column("t", types.TTimestamp(3)), column("z", types.TTimestampLTZ(6)))
	for _, c := range [][2]string{
		{`{"t":"2026-01-02T03:04:05.678","z":"2026-01-02T03:04Z"}`, "(2026-01-02 03:04:05.678, 2026-01-02 03:04:00.000000)"},
		{`{"t":"2026-01-02 03:04:05.678"}`, "column t: '2026-01-02 03:04:05.678' is not a TIMESTAMP(3) (written as 2026-01-31T23:59:59.999)"},
	} {
		if got := decodeText(t, d, c[0]); got != c[1] {
			t.Errorf("%s:\n got %s\nwant %s", c[0], got, c[1])
		}
	}
}

// Whole records, in three moods: strict, fail-on-missing-field, ignore-parse-errors.
func TestDecodeRecords(t *testing.T) {
	cols := []format.Column{column("a", types.TInt), column("b", types.TArray(types.TInt))}
	strict := mustDecoder(t, nil, cols...)
	missing := mustDecoder(t, map[string]string{"fail-on-missing-field": "true"}, cols...)
	ignore := mustDecoder(t, map[string]string{"ignore-parse-errors": "true"}, cols...)
	for _, c := range [][4]string{
		{`{"a":1,"b":[2]}`, "(1, [2])", "(1, [2])", "(1, [2])"},
		{` {"b":[]} ` + "\r\n", "(NULL, [])", "column a: '{\"b\":[]} \r\n' is not a record with this field", "(NULL, [])"},
		{`[{"a":1,"b":null}, {"a":2,"b":[]}]`, "(1, NULL) (2, [])", "(1, NULL) (2, [])", "(1, NULL) (2, [])"},
		{`[]`, "", "", ""},
		{`null`, "", "", ""},
		{` `, "", "", ""},
		{`{"a":"x","b":[1,"y",3]}`, "column a: 'x' is not an INT",
			"column a: 'x' is not an INT", "(NULL, [1, NULL, 3])"},
		{`{"a":{"b":[1]},"b":{"x":1}}`, "column a: '{\"b\":[1]}' is not an INT", "column a: '{\"b\":[1]}' is not an INT", "(NULL, NULL)"},
		{`{"a":1,"b":[1,2`, "'' is not JSON (byte 15: a comma or the end of the array expected)", "'' is not JSON (byte 15: a comma or the end of the array expected)", ""},
		{`[{"a":1,"b":[]},5]`, "'5]' is not JSON (byte 16: an object expected)", "'5]' is not JSON (byte 16: an object expected)", ""},
		{`{"a":1,"b":[]} x`, "'x' is not JSON (byte 15: the end of the record expected)", "'x' is not JSON (byte 15: the end of the record expected)", ""},
		{`5`, "'5' is not JSON (byte 0: an object expected)", "'5' is not JSON (byte 0: an object expected)", ""},
		{`{"a":1,}`, "'}' is not JSON (byte 7: a name in quotes expected)", "'}' is not JSON (byte 7: a name in quotes expected)", ""},
		{`{"x":{]}`, "']}' is not JSON (byte 6: a bracket that closes another)", "']}' is not JSON (byte 6: a bracket that closes another)", ""},
		{`{"x":[{}`, "'' is not JSON (byte 8: a bracket that is not closed)", "'' is not JSON (byte 8: a bracket that is not closed)", ""},
		{`{"x":tru}`, "'tru}' is not JSON (byte 5: a value expected)", "'tru}' is not JSON (byte 5: a value expected)", ""},
		{`{"x" 1}`, "'1}' is not JSON (byte 5: a colon expected)", "'1}' is not JSON (byte 5: a colon expected)", ""},
	} {
		for i, d := range []format.Decoder{strict, missing, ignore} {
			if got := decodeText(t, d, c[0]); got != c[i+1] {
				t.Errorf("%s, decoder %d:\n got %s\nwant %s", c[0], i, got, c[i+1])
			}
		}
	}
	if n := ignore.Skipped(); n != 9 {
		t.Errorf("%d skipped", n)
	}
}

// A record that fails leaves the ones before it as they were.
func TestDecodeFailureLeavesBatch(t *testing.T) {
	typ := types.TArray(types.TMap(types.TString, types.TRow(types.Field{Name: "x", Type: types.TString})))
	d := mustDecoder(t, nil, column("a", types.TString), column("b", typ))
	for i, rec := range []string{
		`{"a":"one","b":[{"k":{"x":"1"}}]}`,
		`{"a":"two","b":[{"k":{"x":"2"},"l":{"x":"3"`,
		`{"b":[{"k":{"x":"4"}},`,
		`{"a":"three","b":[{"m":{"x":"5"}}]}`,
	} {
		if _, err := d.Decode([]byte(rec)); (err != nil) != (i == 1 || i == 2) {
			t.Fatalf("%s: %v", rec, err)
		}
	}
	cols, _ := d.Finish()
	for i, want := range [2]string{"(one, [{k=(1)}])", "(three, [{m=(5)}])"} {
		if got := fmt.Sprintf("(%s, %s)", vec.AppendText(nil, cols[0], i), vec.AppendText(nil, cols[1], i)); got != want {
			t.Errorf("row %d: %s", i, got)
		}
	}
}

// Names are found by guess, by index, escaped, in any order, among many.
func TestDecodeNames(t *testing.T) {
	var cols []format.Column
	for i := range 100 {
		cols = append(cols, column(strings.Repeat("n", i%20)+fmt.Sprint(i), types.TInt))
	}
	cols = append(cols, column(`q"\`, types.TInt), column("ä", types.TInt), column("", types.TInt))
	d := mustDecoder(t, nil, cols...)
	for round := range 4 {
		rec := "{"
		for k := range cols {
			i := (k*7 + round*round) % len(cols)
			rec += fmt.Sprintf("%s:%d,\"u%d\":{},", appendQuoted(nil, []byte(cols[i].Name)), i, k%3)
		}
		rec = strings.TrimSuffix(rec, ",") + "}"
		if n, err := d.Decode([]byte(rec)); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	out, _ := d.Finish()
	for i, c := range out {
		for r := range c.N {
			if c.IsNull(r) || c.I32[r] != int32(i) {
				t.Fatalf("column %q, row %d: %v", cols[i].Name, r, vec.Value(c, r))
			}
		}
	}
}

func TestDecodeProjection(t *testing.T) {
	d, err := newDecoder(format.Config{Columns: []format.Column{column("a", types.TInt), column("b", types.TInt), column("c", types.TInt)}, Project: []int{2, 0}})
	if err != nil {
		t.Fatal(err)
	}
	if got := decodeText(t, d, `{"a":1,"b":2,"c":3}`); got != "(3, 1)" {
		t.Error(got)
	}
}

func TestDecoderOptions(t *testing.T) {
	for _, c := range []struct{ option, value, want string }{
		{"ignore-parse-errors", "yes", "option 'json.ignore-parse-errors': 'yes' is neither true nor false"},
		{"timestamp-format.standard", "RFC", "option 'json.timestamp-format.standard': 'RFC' is none of SQL, ISO-8601"},
	} {
		_, err := newDecoder(format.Config{Options: map[string]string{c.option: c.value}})
		if err == nil || err.Error() != c.want {
			t.Errorf("%s=%s: %v", c.option, c.value, err)
		}
	}
	if _, err := newDecoder(format.Config{Options: map[string]string{"x": "1"}}); err == nil || !strings.HasPrefix(err.Error(), "unknown option 'json.x'") {
		t.Error(err)
	}
	if _, err := newDecoder(format.Config{Columns: []format.Column{column("m", types.TMap(types.TInt, types.TInt))}}); err == nil {
		t.Error("a map of INT keys is taken")
	}
}

func TestDecodeAllocs(t *testing.T) {
	lines, _ := bidLines(64)
	d := mustDecoder(t, nil, column("bid", bidType), column("event_type", types.TInt),
		column("m", types.TMap(types.TString, types.TDouble)), column("d", types.TDecimal(20, 4)))
	for i, l := range lines {
		lines[i] = append(l[:len(l)-1], `,"m":{"a":1.25,"b":"2"},"d":12.5,"z":[1,{"q":"\""}]}`...)
	}
	batch := func() {
		for _, l := range lines {
			if _, err := d.Decode(l); err != nil {
				t.Fatal(err)
			}
		}
	}
	batch()
	if n := testing.AllocsPerRun(50, func() { d.Reset(64); batch() }); n > 0 {
		t.Errorf("%v allocations for %d records", n, len(lines))
	}
}

// TestDecodeDeep: a text that is nested deeper than Jackson reads it is refused for that.
func TestDecodeDeep(t *testing.T) {
	for _, c := range []struct{ open, close string }{{"[", "]"}, {`{"a":`, "}"}} {
		d, err := newDecoder(format.Config{Columns: []format.Column{column("c", types.TString)}})
		if err != nil {
			t.Fatal(err)
		}
		record := func(depth int) string {
			return `{"c":` + strings.Repeat(c.open, depth) + "1" + strings.Repeat(c.close, depth) + "}"
		}
		if got, want := decodeText(t, d, record(maxDepth-1)), "("+record(maxDepth - 1)[5:]; got != want[:len(want)-1]+")" {
			t.Errorf("%.60s", got)
		}
		for _, depth := range []int{maxDepth, 100_000} {
			if got := decodeText(t, d, record(depth)); !strings.HasSuffix(got, "it is nested too deeply, the limit is 1000)") {
				t.Errorf("%d deep: %.200s", depth, got)
			}
		}
	}
}
