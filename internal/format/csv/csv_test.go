package csv

import (
	stdcsv "encoding/csv"
	"fmt"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/format"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func column(name string, t types.Type) format.Column { return format.Column{Name: name, Type: t} }

// options reads "name=value|name=value".
func options(s string) map[string]string {
	out := map[string]string{}
	for _, o := range strings.Split(s, "|") {
		if k, v, ok := strings.Cut(o, "="); ok {
			out[k] = v
		}
	}
	return out
}

func mustDecoder(tb testing.TB, cfg format.Config) *decoder {
	tb.Helper()
	d, err := newDecoder(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	d.Reset(16)
	return d.(*decoder)
}

// decodeText decodes one record: its row in brackets, "" if there is none, or the
// error.
func decodeText(tb testing.TB, d format.Decoder, record string) string {
	tb.Helper()
	d.Reset(1)
	n, err := d.Decode([]byte(record))
	cols, _ := d.Finish()
	if err != nil {
		return err.Error()
	}
	if n == 0 {
		return ""
	}
	b := []byte("<")
	for i, c := range cols {
		if c.N != 1 {
			tb.Fatalf("%q: column %d has %d rows", record, i, c.N)
		}
		if i > 0 {
			b = append(b, '|')
		}
		b = vec.AppendText(b, c, 0)
	}
	return string(append(b, '>'))
}

func TestDecodeRecords(t *testing.T) {
	cols := []format.Column{column("a", types.TString), column("dep_delay", types.TInt), column("c", types.TString)}
	for _, c := range []struct{ opts, in, want string }{
		{"", `x,1,y`, "<x|1|y>"},
		{"", "x,1,y\r\n", "<x|1|y>"},
		{"", `x, 1 , y `, "<x|1| y >"},
		{"", `,1,`, "<|1|>"},
		{"", `"a ""b"", c",1,"d` + "\n" + `e"`, "<a \"b\", c|1|d\ne>"},
		{"", `"",1,x"y"`, `<|1|x"y">`},
		{"", `"x" ,1,y`, "<x|1|y>"},
		{"", `x,abc,y`, "column dep_delay: 'abc' is not an INT"},
		{"", `x,,y`, "column dep_delay: '' is not an INT"},
		{"", `x,2147483648,y`, "column dep_delay: '2147483648' is not an INT (the number is out of range)"},
		{"", `x,1`, "column c: 'x,1' is not a record of 3 fields (it has 2)"},
		{"", `x,1,y,z`, "'x,1,y,z' is not a record of 3 fields (it has 4)"},
		{"", `x,1,y,`, "<x|1|y>"},
		{"", `x,1,y,,`, "'x,1,y,,' is not a record of 3 fields (it has 5)"},
		{"", `x,1,"y`, "column c: '\"y' is not a field in quotes (the quote is not closed, or something follows it)"},
		{"", `x,1,"y"z`, "column c: '\"y\"z' is not a field in quotes (the quote is not closed, or something follows it)"},
		{"", ``, ""},
		{"", `#x,1,y`, "<#x|1|y>"},
		{"allow-comments=true", `#x,1,y`, ""},
		{"ignore-parse-errors=true", `x,abc,y`, "<x|NULL|y>"},
		{"ignore-parse-errors=true", `x,1`, "<x|1|NULL>"},
		{"ignore-parse-errors=true", `x,1,y,z`, ""},
		{"ignore-parse-errors=true", `x,1,"y`, ""},
		{"null-literal=NA", `NA,NA,"NA"`, "<NULL|NULL|NULL>"},
		{"null-literal=", `,,x`, "<NULL|NULL|x>"},
		{"empty-string-as-null=true", `,,x`, "<NULL|NULL|x>"},
		{"trim-spaces=true", ` x , 1 , "y " `, "<x|1|y >"},
		{"field-delimiter=;", `x,y;1;z`, "<x,y|1|z>"},
		{`field-delimiter=\t`, "x\t1\tz", "<x|1|z>"},
		{"field-delimiter=;|quote-character='", `'x;''y';1;"z"`, `<x;'y|1|"z">`},
		{"disable-quote-character=true", `"x",1,"y"`, `<"x"|1|"y">`},
		{`escape-character=\`, `a\,b,1,"c\"d\\"`, `<a,b|1|c"d\>`},
	} {
		d := mustDecoder(t, format.Config{Columns: cols, Options: options(c.opts)})
		if got := decodeText(t, d, c.in); got != c.want {
			t.Errorf("%s %q:\n got %s\nwant %s", c.opts, c.in, got, c.want)
		}
	}
}

func TestDecodeValues(t *testing.T) {
	row := types.TRow(types.Field{Name: "x", Type: types.TInt}, types.Field{Name: "y", Type: types.TString})
	for _, c := range []struct {
		typ      types.Type
		in, want string
	}{
		{types.TBool, "True", "<TRUE>"},
		{types.TBool, "yes", "<FALSE>"},
		{types.TTinyInt, "128", "column v: '128' is not a TINYINT (the number is out of range)"},
		{types.TBigInt, "-9223372036854775808", "<-9223372036854775808>"},
		{types.TDouble, " 1.5e3 ", "<1500.0>"},
		{types.TDouble, "x", "column v: 'x' is not a DOUBLE"},
		{types.TDecimal(5, 2), "1.005", "<1.01>"},
		{types.TDecimal(5, 2), "12345", "<NULL>"},
		{types.TDate, "2013-01-01", "<2013-01-01>"},
		{types.TDate, "2013-02-30", "column v: '2013-02-30' is not a DATE (there is no such day)"},
		{types.TTime, "10:11:12.5", "<10:11:12>"},
		{types.TTimestamp(3), "2013-01-01 10:00:00.5", "<2013-01-01 10:00:00.500>"},
		{types.TTimestamp(3), "2013-01-01T10:00:00", "column v: '2013-01-01T10:00:00' is not a TIMESTAMP(3) (written as 2026-01-31 23:59:59.999)"},
		{types.TTimestampLTZ(3), "2013-01-01 10:00:00Z", "<2013-01-01 10:00:00.000>"},
		{types.TBytes, "aGk=", "<hi>"},
		{types.TBytes, "%", "column v: '%' is not a BYTES (bytes are written in base64)"},
		{types.TArray(types.TInt), "1;2;3", "<[1, 2, 3]>"},
		{types.TArray(types.TInt), "", "<[]>"},
		{types.TArray(types.TInt), "1;x", "column v: '1;x' is not an ARRAY<INT> (a whole number is written in digits)"},
		{row, "7;s", "<(7, s)>"},
		{row, "7", "column v: '7' is not a ROW<`x` INT, `y` STRING> (not as many values as the row has fields)"},
	} {
		d := mustDecoder(t, format.Config{Columns: []format.Column{column("v", c.typ)}})
		if got := decodeText(t, d, c.in); got != c.want {
			t.Errorf("%q as %s:\n got %s\nwant %s", c.in, c.typ, got, c.want)
		}
	}
}

// Only the columns asked for are read: a bad one among the others does not matter.
func TestDecodeProjection(t *testing.T) {
	cols := []format.Column{column("a", types.TInt), column("b", types.TInt), column("c", types.TString)}
	d := mustDecoder(t, format.Config{Columns: cols, Project: []int{2, 0}})
	if got := decodeText(t, d, `1,x,"y"`); got != "<y|1>" {
		t.Error(got)
	}
	if got := decodeText(t, d, `1,x`); !strings.Contains(got, "record of 3 fields") {
		t.Error(got)
	}
}

func TestHeader(t *testing.T) {
	cols := []format.Column{column("carrier", types.TString), column("dep_delay", types.TInt), column("arr_delay", types.TInt)}
	d := mustDecoder(t, format.Config{Columns: cols, Options: options("header=true")})
	if !d.HasHeader() {
		t.Error("no header")
	}
	if err := d.Header([]byte("\"Carrier\",x,y\r\n")); err != nil {
		t.Error(err)
	}
	err := d.Header([]byte("carrier,arr_delay"))
	if want := "the header names 2 columns, and the table has 3; it does not name dep_delay"; err == nil || err.Error() != want {
		t.Error(err)
	}
	d = mustDecoder(t, format.Config{Columns: cols, Options: options("ignore-first-line=true")})
	if !d.HasHeader() || d.Header([]byte("x")) != nil {
		t.Error("ignore-first-line looks at the line")
	}
}

// Records are found whatever the buffer's end cuts off.
func TestRecordEnd(t *testing.T) {
	text := "a,b\r\n\"x\ny\",\"\"\"\n\"\"\"\nc \"\"d\" e\n\"\\\"\n\",1\n\nlast"
	want := []string{"a,b", "\"x\ny\",\"\"\"\n\"\"\"", `c ""d" e`, "\"\\\"\n\",1", "", "last"}
	d := mustDecoder(t, format.Config{Columns: []format.Column{column("a", types.TString)}, Options: options(`escape-character=\`)})
	for size := range len(text) {
		var got []string
		for at, end := 0, size; at < len(text); {
			n, next := d.RecordEnd([]byte(text[at:end]), end == len(text))
			if next == 0 {
				end++
				continue
			}
			// A quote at the buffer's end might be doubled by what follows, so more of
			// the file never makes a record shorter.
			got = append(got, text[at:at+n])
			at += next
			end = max(end, at)
		}
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Fatalf("from %d: %q", size, got)
		}
	}
}

func TestEncode(t *testing.T) {
	for _, c := range []struct {
		typ        types.Type
		x          any
		opts, want string
	}{
		{types.TString, "plain", "", "plain"},
		{types.TString, "two words", "", `"two words"`},
		{types.TString, `q"q`, "", `"q""q"`},
		{types.TString, strings.Repeat("x", 24), "", strings.Repeat("x", 24)},
		{types.TString, strings.Repeat("x", 25), "", `"` + strings.Repeat("x", 25) + `"`},
		{types.TString, "", "", ""},
		{types.TString, "a b", "disable-quote-character=true", "a b"},
		{types.TString, `a\b`, `escape-character=\`, `"a\\b"`},
		{types.TString, nil, "", ""},
		{types.TString, nil, "null-literal=n/a", "n/a"},
		{types.TInt, -5, "", "-5"},
		{types.TBool, true, "", "true"},
		{types.TDouble, 1e10, "", "1.0E10"},
		{types.TDecimal(10, 9), "0.000000027", "", "2.7E-8"},
		{types.TDecimal(10, 9), "0.000000027", "write-bigdecimal-in-scientific-notation=false", "0.000000027"},
		{types.TDate, "2026-01-02", "", "2026-01-02"},
		{types.TTimestamp(3), "2026-01-02 03:04:05.600", "", `"2026-01-02 03:04:05.6"`},
		{types.TTimestampLTZ(3), "2026-01-02 03:04:05", "", `"2026-01-02 03:04:05Z"`},
		{types.TBytes, []byte("hi"), "", "aGk="},
		{types.TArray(types.TInt), []any{1, nil, 3}, "null-literal=N", "1;N;3"},
		{types.TArray(types.TString), []any{"a", "b c"}, "array-element-delimiter=/", `"a/b c"`},
		{types.TRow(types.Field{Name: "x", Type: types.TInt}, types.Field{Name: "y", Type: types.TString}), []any{1, "z"}, "", "1;z"},
	} {
		cols := []*vec.Vector{vec.Const(c.typ, c.x, 1), vec.Const(types.TInt, 1, 1)}
		cfg := format.Config{Columns: []format.Column{column("v", c.typ), column("n", types.TInt)}, Options: options(c.opts)}
		e, err := newEncoder(cfg)
		if err != nil {
			t.Fatal(err)
		}
		out, err := e.Encode(nil, cols, 0)
		if got := string(out); err != nil || got != c.want+",1" {
			t.Errorf("%v as %s: %s %v, want %s,1", c.x, c.typ, got, err, c.want)
		}
	}
}

func TestOptions(t *testing.T) {
	for opts, want := range map[string]string{
		"field-delimiter=ab":                             "option 'csv.field-delimiter': 'ab' is not a character of ASCII",
		`field-delimiter="`:                              `option 'csv.field-delimiter': '"' is the quote or escape character, too`,
		"disable-quote-character=true|quote-character='": "options 'csv.disable-quote-character' and 'csv.quote-character' cannot both be set",
	} {
		if _, err := newDecoder(format.Config{Options: options(opts)}); err == nil || err.Error() != want {
			t.Errorf("%s: %v", opts, err)
		}
	}
	if _, err := newDecoder(format.Config{Columns: []format.Column{column("m", types.TMap(types.TString, types.TString))}}); err == nil {
		t.Error("a MAP is taken")
	}
}

// FuzzDecode compares with encoding/csv, which reads RFC 4180 as we do where quotes
// are regular.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{`a,b,c`, `"a""",",",` + "\"\n\"", `,,`, `a"b,c,d`, `"a"x,b,c`, `a,b`} {
		f.Add(s)
	}
	cols := []format.Column{column("a", types.TString), column("b", types.TString), column("c", types.TString)}
	d := mustDecoder(f, format.Config{Columns: cols})
	f.Fuzz(func(t *testing.T, s string) {
		n, next := d.RecordEnd([]byte(s), true)
		if n > next || next > len(s) {
			t.Fatalf("%q: %d %d", s, n, next)
		}
		d.Reset(1)
		rows, err := d.Decode([]byte(s[:n]))
		out, _ := d.Finish()
		for _, c := range out {
			if c.N != rows {
				t.Fatalf("%q: %d rows, the column has %d", s, rows, c.N)
			}
		}
		if strings.Contains(s, "\r") {
			return // encoding/csv drops it before a line end within quotes
		}
		want, stdErr := stdcsv.NewReader(strings.NewReader(s[:n])).Read()
		if stdErr != nil || len(want) != 3 {
			return
		}
		if err != nil || rows != 1 {
			t.Fatalf("%q: %d rows, %v", s, rows, err)
		}
		for i, c := range out {
			if c.Str(0) != want[i] {
				t.Fatalf("%q: field %d is %q, want %q", s, i, c.Str(0), want[i])
			}
		}
	})
}

// FuzzRoundTrip: what the encoder writes, the decoder reads.
func FuzzRoundTrip(f *testing.F) {
	f.Add("a", "b c")
	f.Add("\"\n,", "")
	f.Fuzz(func(t *testing.T, a, b string) {
		cfg := format.Config{Columns: []format.Column{column("a", types.TString), column("b", types.TString)}}
		e, _ := newEncoder(cfg)
		cols := []*vec.Vector{vec.Const(types.TString, a, 1), vec.Const(types.TString, b, 1)}
		out, _ := e.Encode(nil, cols, 0)
		d := mustDecoder(t, cfg)
		if n, next := d.RecordEnd(append(out, '\n'), false); n != len(out) && !strings.HasSuffix(string(out), "\r") || next != len(out)+1 {
			t.Fatalf("%q is cut at %d", out, n)
		}
		if _, err := d.Decode(out); err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		back, _ := d.Finish()
		if back[0].Str(0) != a || back[1].Str(0) != b {
			t.Fatalf("%q %q: %q is %q %q", a, b, out, back[0].Str(0), back[1].Str(0))
		}
	})
}

var flightColumns = []format.Column{
	column("year", types.TInt), column("month", types.TInt), column("day", types.TInt), column("dep_time", types.TInt),
	column("dep_delay", types.TInt), column("carrier", types.TString), column("flight", types.TInt), column("tailnum", types.TString),
	column("origin", types.TString), column("dest", types.TString), column("distance", types.TDouble), column("time_hour", types.TTimestamp(3)),
}

func flightLines(n int) (lines [][]byte, size int64) {
	for i := range n {
		l := fmt.Appendf(nil, "2013,%d,%d,%d,%d,UA,%d,N%05d,EWR,IAH,%d,2013-01-01 %02d:00:00", i%12+1, i%28+1, i%2400, i%90-10, i%5000, i, 100+i%2000, i%24)
		lines = append(lines, l)
		size += int64(len(l))
	}
	return lines, size
}

func benchmark(b *testing.B, project []int) {
	lines, size := flightLines(4096)
	d := mustDecoder(b, format.Config{Columns: flightColumns, Project: project})
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		d.Reset(len(lines))
		for _, l := range lines {
			if _, err := d.Decode(l); err != nil {
				b.Fatal(err)
			}
		}
		d.Finish()
	}
}

// BenchmarkCSVFlight decodes all twelve columns.
func BenchmarkCSVFlight(b *testing.B) { benchmark(b, nil) }

// BenchmarkCSVFlightTwo decodes two of them.
func BenchmarkCSVFlightTwo(b *testing.B) { benchmark(b, []int{4, 5}) }

func TestDecodeAllocs(t *testing.T) {
	lines, _ := flightLines(64)
	lines[3] = []byte(`2013,1,1,1,1,"U""A",1,N1,EWR,IAH,1.5e3,2013-01-01 00:00:00.125`)
	d := mustDecoder(t, format.Config{Columns: flightColumns})
	batch := func() {
		d.Reset(64)
		for _, l := range lines {
			if _, err := d.Decode(l); err != nil {
				t.Fatal(err)
			}
		}
	}
	batch()
	if n := testing.AllocsPerRun(50, batch); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
