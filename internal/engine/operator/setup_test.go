package operator

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// args reads the arguments of a command that makes an operator.
type args struct {
	*bench
	d *datadriven.TestData
}

func (a args) list(name string) []string {
	for _, arg := range a.d.CmdArgs {
		if arg.Key == name {
			return arg.Vals
		}
	}
	return nil
}

func (a args) one(name string) string {
	if l := a.list(name); len(l) > 0 {
		return l[0]
	}
	return ""
}

func (a args) cols(port int, name string) []int {
	out := []int{}
	for _, c := range a.list(name) {
		out = append(out, a.col(port, c))
	}
	return out
}

func (a args) duration(name string) time.Duration {
	if a.one(name) == "" {
		return 0
	}
	d, err := time.ParseDuration(a.one(name))
	if err != nil {
		panic(err)
	}
	return d
}

func (a args) int(name string, or int64) int64 {
	if n, err := strconv.ParseInt(a.one(name), 10, 64); err == nil {
		return n
	}
	return or
}

// calls reads "count", "sum:v", "count:v:distinct", "max:v:if=b": by calls=(…).
func (a args) calls() []AggCall {
	var out []AggCall
	for _, s := range a.list("calls") {
		parts := strings.Split(s, ":")
		call := AggCall{Filter: -1}
		var in []types.Type
		for _, p := range parts[1:] {
			if f, ok := strings.CutPrefix(p, "if/"); ok {
				call.Filter = a.col(0, f)
			} else if p == "distinct" {
				call.Distinct = true
			} else {
				call.Args = append(call.Args, a.col(0, p))
				in = append(in, a.types(0)[a.col(0, p)])
			}
		}
		name, selects := strings.CutSuffix(parts[0], "!")
		call.Fn = aggregate(name, in...)
		if selects {
			call.Fn = selecting{call.Fn}
		}
		out = append(out, call)
	}
	return out
}

func (a args) windows() Windows {
	w := Windows{Size: a.duration("size"), Slide: a.duration("slide"), Offset: a.duration("offset"), ProcTime: a.d.HasArg("proctime")}
	for i, k := range []string{"tumble", "hop", "cumulate", "attached"} {
		if a.d.HasArg(k) {
			w.Kind = WindowKind(i)
		}
	}
	if w.Kind == Attached {
		w.StartCol, w.EndCol = a.col(0, "ws"), a.col(0, "we")
	} else if !w.ProcTime {
		w.TimeCol = a.col(0, a.one("time"))
	}
	if z := a.one("zone"); z != "" {
		loc, err := time.LoadLocation(z)
		if err != nil {
			panic(err)
		}
		w.Location = loc
	}
	return w
}

func (a args) timeType() types.Type {
	if a.one("zone") != "" {
		return types.TTimestampLTZ(3)
	}
	return types.TTimestamp(3)
}

func (a args) window() func() Operator {
	spec := WindowAggregateSpec{
		Input: a.types(0), Windows: a.windows(), Keys: a.cols(0, "keys"), Calls: a.calls(),
		TimeType: a.timeType(), Retracts: a.d.HasArg("retracts"),
	}
	for _, p := range a.list("props") {
		spec.Properties = append(spec.Properties, map[string]WindowProperty{"start": WindowStart, "end": WindowEnd, "time": WindowTime}[p])
	}
	return func() Operator { return NewWindowAggregate(spec) }
}

// order reads "v", "v:desc": by order=(…).
func (a args) order() []vec.SortKey {
	var out []vec.SortKey
	for _, s := range a.list("order") {
		name, desc := strings.CutSuffix(s, ":desc")
		out = append(out, vec.SortKey{Col: a.col(0, name), Desc: desc, NullsLast: desc})
	}
	return out
}

func (a args) topn() func() Operator {
	spec := TopNSpec{
		Input: a.types(0), Partition: a.cols(0, "partition"), Order: a.order(), Start: a.int("start", 1), End: a.int("end", 1),
		RankNumber: a.d.HasArg("number"), Unique: a.cols(0, "unique"),
		NeedUpdateBefore: a.d.HasArg("before"), FinalOnly: a.d.HasArg("final"),
	}
	if a.d.HasArg("upsert") {
		spec.Mode = TopNUpsert
	}
	if a.d.HasArg("retracts") {
		spec.Mode = TopNRetract
	}
	return func() Operator { return NewTopN(spec) }
}

func (a args) join() func() Operator {
	spec := JoinSpec{
		Left: a.types(0), Right: a.types(1), LeftKeys: a.cols(0, "left"), RightKeys: a.cols(1, "right"),
		FinalOnly: a.d.HasArg("final"),
	}
	for i, k := range []string{"inner", "leftouter", "rightouter", "fullouter", "semi", "anti"} {
		if a.d.HasArg(k) {
			spec.Kind = JoinKind(i)
		}
	}
	if a.d.HasArg("nullsafe") {
		spec.NullSafe = []bool{true}
	}
	if on := a.list("on"); on != nil {
		spec.Residual = compare{left: a.col(0, on[0]), op: on[1], right: len(spec.Left) + a.col(1, on[2])}
	}
	return func() Operator { return NewJoin(spec) }
}

func (a args) calc() func() Operator {
	spec := CalcSpec{DropUpdateBefore: a.d.HasArg("upsert")}
	if f := a.list("filter"); f != nil {
		n, _ := strconv.ParseInt(f[2], 10, 64)
		spec.Filter = compare{left: a.col(0, f[0]), right: -1, op: f[1], number: n}
	}
	for _, c := range a.cols(0, "project") {
		spec.Project = append(spec.Project, column{c, a.types(0)[c]})
	}
	return func() Operator { return NewCalc(spec) }
}

// setup makes the operator that a command describes; the command's data is valid
// during the call only.
func (b *bench) setup(t *testing.T, d *datadriven.TestData) func() Operator {
	a := args{b, d}
	switch d.Cmd {
	case "window":
		return a.window()
	case "tvf":
		spec := WindowTVFSpec{Input: a.types(0), Windows: a.windows(), TimeType: a.timeType()}
		return func() Operator { return NewWindowTVF(spec) }
	case "group":
		spec := GroupAggregateSpec{
			Input: a.types(0), Keys: a.cols(0, "keys"), Calls: a.calls(), Retracts: d.HasArg("retracts"),
			NeedUpdateBefore: d.HasArg("before"), Fold: d.HasArg("fold"), FinalOnly: d.HasArg("final"), TTL: a.duration("ttl"),
		}
		return func() Operator { return NewGroupAggregate(spec) }
	case "join":
		return a.join()
	case "topn":
		return a.topn()
	case "sort":
		spec := SortSpec{Input: a.types(0), Order: a.order(), Streaming: d.HasArg("streaming")}
		return func() Operator { return NewSort(spec) }
	case "limit":
		spec := LimitSpec{Offset: a.int("offset", 0), Count: a.int("count", -1)}
		return func() Operator { return NewLimit(spec) }
	case "dedup":
		spec := DeduplicateSpec{
			Input: a.types(0), Keys: a.cols(0, "keys"), TimeCol: -1, KeepLast: d.HasArg("last"),
			NeedUpdateBefore: d.HasArg("before"), FinalOnly: d.HasArg("final"), TTL: a.duration("ttl"),
		}
		if c := a.one("time"); c != "" {
			spec.TimeCol = a.col(0, c)
		}
		return func() Operator { return NewDeduplicate(spec) }
	case "normalize":
		spec := ChangelogNormalizeSpec{Input: a.types(0), Keys: a.cols(0, "keys"), NeedUpdateBefore: d.HasArg("before")}
		return func() Operator { return NewChangelogNormalize(spec) }
	case "calc":
		return a.calc()
	case "keep":
		return func() Operator { return NewChangelogDrop(types.Upsert) }
	case "union":
		return NewUnion
	}
	d.Fatalf(t, "no command %s", d.Cmd)
	return nil
}
