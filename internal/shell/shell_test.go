package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	_ "github.com/millrace/millrace/internal/format/csv"
	_ "github.com/millrace/millrace/internal/format/json"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// TestShell runs scripts and what is typed against an executor that answers each
// statement with its own text:
//
//	script [format=…]   a script: what was executed, and its error
//	typed               statements as they are typed, a line for each prompt
//	print format=… [streaming] [batches=…]   a table of the types and values below
func TestShell(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("other.sql", []byte("SELECT 1;\nSELECT fails;\nSELECT 3;"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(sourceDir, "testdata")
	datadriven.Walk(t, dir, func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var out strings.Builder
			format := "csv"
			if d.HasArg("format") {
				d.ScanArgs(t, "format", &format)
			}
			x := &echo{out: &out}
			switch d.Cmd {
			case "script":
				s := &Script{Name: "s.sql", Text: d.Input, Format: Format(format), Out: &out}
				stmts, err := s.Parse()
				if err == nil {
					err = s.Run(context.Background(), stmts, x)
				}
				if err != nil {
					fmt.Fprintln(&out, "error:", err)
				}
			case "typed":
				text := ""
				for line := range strings.Lines(d.Input) {
					if text += line; parser.Complete(text) {
						fmt.Fprintln(&out, "quit:", runInteractive(context.Background(), x, Format(format), &out, text))
						text = ""
					}
				}
				if text != "" {
					fmt.Fprintf(&out, "not complete: %q\n", text)
				}
			case "print":
				batches := 1
				if d.HasArg("batches") {
					d.ScanArgs(t, "batches", &batches)
				}
				r := table(t, d.Input, batches, d.HasArg("streaming"))
				n, err := Print(context.Background(), &out, Format(format), r)
				fmt.Fprintln(&out, "rows:", n)
				if err != nil {
					fmt.Fprintln(&out, "error:", err)
				}
			}
			return out.String()
		})
	})
}

var sourceDir = func() string {
	dir, _ := os.Getwd()
	return dir
}()

// echo executes nothing; it fails on the word fails, and calls what begins with
// INSERT a job.
type echo struct{ out io.Writer }

func (e *echo) Execute(_ context.Context, statement string) (Result, error) {
	lines := strings.Count(statement, "\n")
	text := strings.TrimLeft(statement, " \n")
	fmt.Fprintf(e.out, "execute at line %d: %q\n", lines-strings.Count(text, "\n")+1, text)
	stmt, err := parser.ParseStatement(statement)
	switch {
	case err != nil:
		return nil, err
	case strings.Contains(text, "fails"):
		p := stmt.Pos()
		p.Col += strings.Index(text, "fails")
		return nil, &parser.Error{Pos: p, Msg: "it fails"}
	case strings.HasPrefix(text, "INSERT"):
		return &fixed{job: "job-1"}, nil
	}
	return &fixed{}, nil
}

// fixed is a result that is there already.
type fixed struct {
	columns   []types.Field
	batches   []*vec.Batch
	streaming bool
	job       string
	err       error
}

func (f *fixed) Columns() []types.Field { return f.columns }
func (f *fixed) JobID() string          { return f.job }
func (f *fixed) Streaming() bool        { return f.streaming }
func (f *fixed) Close() error           { return nil }

func (f *fixed) Next(context.Context) (*vec.Batch, error) {
	if len(f.batches) == 0 {
		if f.err != nil {
			return nil, f.err
		}
		return nil, io.EOF
	}
	b := f.batches[0]
	f.batches = f.batches[1:]
	return b, nil
}

var testTypes = map[string]types.Type{
	"INT": types.TInt, "BIGINT": types.TBigInt, "STRING": types.TString, "BOOLEAN": types.TBool, "BYTES": types.TBytes,
	"TIMESTAMP": types.TTimestamp(3), "DECIMAL": types.TDecimal(10, 2), "DATE": types.TDate,
}

// table reads "name TYPE | name TYPE" and below it rows, "op value | value"; a row
// "error …" makes the result fail there.
func table(t *testing.T, text string, batches int, streaming bool) *fixed {
	t.Helper()
	head, rest, _ := strings.Cut(text, "\n")
	f := &fixed{streaming: streaming}
	for c := range strings.SplitSeq(head, " | ") {
		name, typ, _ := strings.Cut(c, " ")
		f.columns = append(f.columns, types.Field{Name: name, Type: testTypes[typ]})
	}
	var rows [][]string
	for line := range strings.Lines(rest) {
		line = strings.TrimSuffix(line, "\n")
		if msg, ok := strings.CutPrefix(line, "error "); ok {
			f.err = errors.New(msg)
			break
		}
		rows = append(rows, strings.Split(line, " | "))
	}
	each := max(1, (len(rows)+batches-1)/batches)
	for ; len(rows) > 0; rows = rows[min(each, len(rows)):] {
		f.batches = append(f.batches, batch(f.columns, rows[:min(each, len(rows))]))
	}
	return f
}

func batch(columns []types.Field, rows [][]string) *vec.Batch {
	b := &vec.Batch{N: len(rows)}
	for c, f := range columns {
		v := vec.NewBuilder(f.Type, len(rows))
		for _, r := range rows {
			value := r[c]
			if c == 0 {
				var op string
				op, value, _ = strings.Cut(value, " ")
				b.Kinds = append(b.Kinds, kinds[op])
			}
			if value == "NULL" {
				v.AppendAny(nil)
				continue
			}
			v.AppendAny(strings.NewReplacer(`\n`, "\n", `\t`, "\t").Replace(value))
		}
		b.Cols = append(b.Cols, v.Finish())
	}
	return b
}

var kinds = map[string]types.RowKind{"+I": types.Insert, "-U": types.UpdateBefore, "+U": types.UpdateAfter, "-D": types.Delete}

// TestProgressPlain: where there is no terminal, a job has one line when it ends, and
// nothing is drawn over.
func TestProgressPlain(t *testing.T) {
	var out strings.Builder
	jobs := []JobLine{{ID: "1", Name: "insert-into a", State: "RUNNING"}}
	p := &Progress{W: &out, Poll: func() []JobLine { return jobs }}
	p.Show()
	p.Show()
	if out.String() != "" {
		t.Errorf("a job that has just begun has a line: %q", out.String())
	}
	jobs[0] = JobLine{ID: "1", Name: "insert-into a", State: "FINISHED", Read: 1234567, Written: 12, Late: 3, NullTime: 521, Rate: 1000.4,
		Watermark: "2013-01-31 23:59:00", Elapsed: 1500 * time.Millisecond, Ended: true}
	jobs = append(jobs, JobLine{ID: "2", Name: "insert-into b", State: "FAILED", Ended: true})
	p.Show()
	p.Show()
	const want = "finished  insert-into a                      1,234,567 rows in           12 out  521 null-time  3 late  watermark 2013-01-31 23:59:00  1,000 rows/s  1.50 s\n" +
		"failed    insert-into b                              0 rows in            0 out  0 late  0 rows/s  0.00 s\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

// TestProgressTerminal: on a terminal what runs is drawn over, what has ended stays.
func TestProgressTerminal(t *testing.T) {
	var out strings.Builder
	jobs := []JobLine{{ID: "1", Name: "a", State: "RUNNING"}, {ID: "2", Name: "b", State: "RUNNING"}}
	p := &Progress{W: &out, Terminal: true, Poll: func() []JobLine { return jobs }}
	p.Show()
	out.Reset()
	jobs[0].State, jobs[0].Ended = "FINISHED", true
	p.Show()
	got := out.String()
	if !strings.HasPrefix(got, "\x1b[2A\x1b[Jfinished  a ") || strings.Count(got, "\n") != 2 {
		t.Errorf("second drawing: %q", got)
	}
	out.Reset()
	p.Show()
	if got := out.String(); !strings.HasPrefix(got, "\x1b[1A\x1b[Jrunning   b ") || strings.Count(got, "\n") != 1 {
		t.Errorf("third drawing: %q", got)
	}
}

func TestParseFormat(t *testing.T) {
	for name, want := range map[string]Format{"": Table, "table": Table, "json": JSON, "csv": CSV} {
		if got, err := ParseFormat(name); got != want || err != nil {
			t.Errorf("%q: %q, %v", name, got, err)
		}
	}
	if _, err := ParseFormat("xml"); err == nil {
		t.Error("xml is taken")
	}
}

// TestProgressBeside: what is printed while jobs run stays, and the lines that are drawn
// over come back below it.
func TestProgressBeside(t *testing.T) {
	var out strings.Builder
	p := &Progress{W: &out, Terminal: true, Poll: func() []JobLine { return []JobLine{{ID: "1", Name: "a", State: "RUNNING"}} }}
	w := p.Beside(&out)
	p.Show()
	out.Reset()
	fmt.Fprint(w, "one\n")
	fmt.Fprint(w, "two\n")
	p.Show()
	if got := out.String(); !strings.HasPrefix(got, "\x1b[1A\x1b[Jone\ntwo\nrunning   a ") {
		t.Errorf("%q", got)
	}
}
