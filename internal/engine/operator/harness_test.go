package operator

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/function"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// TestOperators runs the scenarios of testdata. Each is run three times at once,
// and all must print the same:
//
//   - straight;
//   - with the state moved to a fresh operator after each advance, by the deltas
//     of all steps so far, each applied twice;
//   - with each row in a batch of its own.
//
// Commands:
//
//	schema [right]       columns as "name TYPE, …"; right: port 1's
//	window, tvf, group, join, topn, sort, limit, dedup, normalize, calc, keep
//	                     makes the operator; see setup_test.go
//	now MS               sets the time of the step
//	rows [right] [wm=T]  a batch; a row is its kind and values, and "before=T" for the
//	                     watermark of its split; prints what comes out
//	advance T|end        ends the step with the watermark T; prints what comes out
//	                     an operator made with "late" prints the rows that it drops: kind,
//	                     reason, event time, watermark, window, row
//	state                prints the number of rows of each table, and the metrics
//
// TIMESTAMPs of 1970-01-01 are written as seconds: 5s, 5.250s.
func TestOperators(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		runs := []*bench{{}, {moves: true}, {single: true}}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			want := ""
			for i, r := range runs {
				got := r.command(t, d)
				if i == 0 {
					want = got
				} else if got != want {
					d.Fatalf(t, "run %d (moves %v, single rows %v) prints\n%s\nwant\n%s", i, r.moves, r.single, got, want)
				}
			}
			return want
		})
	})
}

// bench holds an operator under test.
type bench struct {
	moves, single bool

	schemas [2][]types.Field
	make    func() Operator
	op      Operator
	ctx     *Context
	deltas  [][]byte
	out     strings.Builder
	keep    bool // late rows are printed
	late    strings.Builder
}

func (b *bench) types(port int) []types.Type {
	out := make([]types.Type, len(b.schemas[port]))
	for i, f := range b.schemas[port] {
		out[i] = f.Type
	}
	return out
}

func (b *bench) col(port int, name string) int {
	i := slices.IndexFunc(b.schemas[port], func(f types.Field) bool { return f.Name == name })
	if i < 0 {
		panic("no column " + name)
	}
	return i
}

func (b *bench) open(t testing.TB) {
	metrics := &Metrics{}
	now := time.UnixMilli(0).UTC()
	if b.ctx != nil {
		metrics, now = b.ctx.Metrics, b.ctx.Eval.Now
	}
	b.op = b.make()
	b.ctx = &Context{
		Workers: 1, State: state.NewStore(128), Metrics: metrics,
		Eval: &vec.EvalContext{Now: now, Location: time.UTC},
	}
	if b.keep {
		b.ctx.KeepLate = b.printLate
	}
	if err := b.op.Open(b.ctx); err != nil {
		t.Fatal(err)
	}
}

// printLate prints late rows as the engine hands them on.
func (b *bench) printLate(port int, l *LateRows) error {
	time := b.op.(LateDropper).LateTime()[port]
	printBatch(&b.late, l.Columns(nil, LateTypes(time, types.TRow(b.schemas[port]...))))
	return nil
}

// move restores a fresh operator from all deltas, applied twice over.
func (b *bench) move(t testing.TB) {
	b.deltas = append(b.deltas, b.ctx.State.AppendDelta(nil))
	b.open(t)
	for range 2 {
		for _, d := range b.deltas {
			if err := b.ctx.State.Apply(d, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (b *bench) emit(batch *vec.Batch) error {
	if batch.Len() == 0 || batch.N > vec.BatchRows && batch.Sel == nil {
		return fmt.Errorf("a batch of %d rows", batch.Len())
	}
	printBatch(&b.out, batch)
	return nil
}

func printBatch(w *strings.Builder, b *vec.Batch) {
	for i := range b.Len() {
		r := b.Row(i)
		fmt.Fprintf(w, "%s", b.Kind(r))
		for _, v := range b.Cols {
			if v.N != b.N {
				panic(fmt.Sprintf("a column of %d values in a batch of %d", v.N, b.N))
			}
			w.WriteByte(' ')
			w.WriteString(printValue(v, r))
		}
		w.WriteByte('\n')
	}
}

func printValue(v *vec.Vector, r int) string {
	if v.IsNull(r) {
		return "NULL"
	}
	const day = 24 * 3600 * 1000
	if v.Type.IsTimestamp() && v.I64[r] > -day && v.I64[r] < day {
		return strconv.FormatFloat(float64(v.I64[r])/1000, 'f', -1, 64) + "s"
	}
	return strings.ReplaceAll(string(vec.AppendText(nil, v, r)), " ", "T")
}

func (b *bench) command(t *testing.T, d *datadriven.TestData) string {
	b.out.Reset()
	switch d.Cmd {
	case "schema":
		b.schema(d)
		return ""
	case "now":
		ms, _ := strconv.ParseInt(d.CmdArgs[0].Key, 10, 64)
		b.ctx.Eval.Now = time.UnixMilli(ms).UTC()
		return ""
	case "rows":
		b.rows(t, d)
	case "advance":
		wm := vec.MaxTime
		if at := d.CmdArgs[0].Key; at != "end" {
			wm = parseTime(at)
		}
		got, err := b.op.Advance(wm, b.emit)
		if err != nil {
			t.Fatal(err)
		}
		if got != wm {
			fmt.Fprintf(&b.out, "watermark %d\n", got)
		}
		if b.moves {
			b.move(t)
		}
	case "state":
		for _, tab := range b.ctx.State.Tables() {
			fmt.Fprintf(&b.out, "%s: %d\n", tab.Name(), tab.Len())
		}
		if m := b.ctx.Metrics; m.LateRows+m.NullTimeRows > 0 {
			fmt.Fprintf(&b.out, "late %d, without time %d\n", m.LateRows, m.NullTimeRows)
		}
	default:
		b.deltas, b.ctx = nil, nil
		b.keep = d.HasArg("late")
		b.make = b.setup(t, d)
		b.open(t)
	}
	if b.late.Len() > 0 {
		fmt.Fprintf(&b.out, "late:\n%s", b.late.String())
		b.late.Reset()
	}
	return b.out.String()
}

func (b *bench) schema(d *datadriven.TestData) {
	port := 0
	if d.HasArg("right") {
		port = 1
	}
	b.schemas[port] = nil
	for _, col := range strings.Split(d.Input, ", ") {
		name, typ, _ := strings.Cut(strings.TrimSpace(col), " ")
		b.schemas[port] = append(b.schemas[port], types.Field{Name: name, Type: typeNames[typ]})
	}
}

var typeNames = map[string]types.Type{
	"BIGINT": types.TBigInt, "INT": types.TInt, "STRING": types.TString, "DOUBLE": types.TDouble, "BOOLEAN": types.TBool,
	"TIMESTAMP": types.TTimestamp(3), "TIMESTAMP_LTZ": types.TTimestampLTZ(3),
}

// parseTime reads seconds ("5s") or a timestamp as epoch milliseconds.
func parseTime(s string) int64 {
	if sec, ok := strings.CutSuffix(s, "s"); ok {
		f, err := strconv.ParseFloat(sec, 64)
		if err != nil {
			panic(err)
		}
		return int64(math.Round(f * 1000))
	}
	at, err := time.Parse("2006-01-02T15:04:05Z", s)
	if err != nil {
		panic(err)
	}
	return at.UnixMilli()
}

var kindNames = map[string]types.RowKind{"+I": types.Insert, "-U": types.UpdateBefore, "+U": types.UpdateAfter, "-D": types.Delete}

// parseRows makes a batch of lines.
func parseRows(cols []types.Type, lines []string) *vec.Batch {
	builders := make([]*vec.Builder, len(cols))
	for c, t := range cols {
		builders[c] = vec.NewBuilder(t, len(lines))
	}
	b := &vec.Batch{N: len(lines)}
	for _, line := range lines {
		fields := strings.Fields(line)
		before := vec.MinTime
		if at, ok := strings.CutPrefix(fields[len(fields)-1], "before="); ok {
			before = parseTime(at)
			fields = fields[:len(fields)-1]
		}
		b.Before = append(b.Before, before)
		b.Kinds = append(b.Kinds, kindNames[fields[0]])
		for c, f := range fields[1:] {
			switch {
			case f == "NULL":
				builders[c].AppendNull()
			case cols[c].IsTimestamp():
				builders[c].AppendInt64(parseTime(f))
			default:
				builders[c].AppendAny(f)
			}
		}
	}
	for _, bl := range builders {
		b.Cols = append(b.Cols, bl.Finish())
	}
	b.Kinds = allInserts(b.Kinds)
	return b
}

func (b *bench) rows(t *testing.T, d *datadriven.TestData) {
	port := 0
	if d.HasArg("right") {
		port = 1
	}
	lines := strings.Split(strings.TrimSpace(d.Input), "\n")
	step := len(lines)
	if b.single {
		step = 1
	}
	for chunk := range slices.Chunk(lines, step) {
		if err := b.op.Process(port, spread(parseRows(b.types(port), chunk)), b.emit); err != nil {
			t.Fatal(err)
		}
	}
}

// spread hides a batch's rows among others that are not selected.
func spread(b *vec.Batch) *vec.Batch {
	var rows, sel []int32
	for r := range int32(b.N) {
		sel = append(sel, int32(len(rows)))
		rows = append(rows, r, int32(b.N)-1-r)
	}
	out := &vec.Batch{N: len(rows), Sel: sel, Before: gatherRows(b.Before, rows)}
	if b.Kinds != nil {
		out.Kinds = gatherRows(b.Kinds, rows)
	}
	for _, v := range b.Cols {
		out.Cols = append(out.Cols, vec.Copy(v, rows))
	}
	return out
}

func aggregate(name string, args ...types.Type) vec.Aggregate {
	fn, ok := function.LookupAggregate(name)
	if !ok {
		panic("no aggregate " + name)
	}
	a, _, err := fn.Bind(args, false)
	if err != nil {
		panic(err)
	}
	return a
}

// selecting is MAX or MIN as the operator may know it.
type selecting struct{ vec.Aggregate }

func (selecting) Selects() bool { return true }

// compare is a comparison of two columns, or of a column and a number.
type compare struct {
	left, right int
	op          string
	number      int64
}

func (c compare) Type() types.Type { return types.TBool }

func (c compare) Eval(_ *vec.EvalContext, b *vec.Batch) (*vec.Vector, error) {
	out := vec.New(types.TBool, b.N, 0)
	for i := range b.N {
		l := b.Cols[c.left]
		if l.IsNull(i) || c.right >= 0 && b.Cols[c.right].IsNull(i) {
			out.SetNull(i)
			continue
		}
		x, y := l.I64[i], c.number
		if c.right >= 0 {
			y = b.Cols[c.right].I64[i]
		}
		out.Bool[i] = c.op == "<" && x < y || c.op == ">" && x > y || c.op == "=" && x == y
	}
	return out, nil
}

// column is a column of the input.
type column struct {
	index int
	typ   types.Type
}

func (c column) Type() types.Type { return c.typ }

func (c column) Eval(_ *vec.EvalContext, b *vec.Batch) (*vec.Vector, error) {
	return b.Cols[c.index], nil
}
