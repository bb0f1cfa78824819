package optimize

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/millrace/millrace/internal/connector"
	_ "github.com/millrace/millrace/internal/format/csv"
	_ "github.com/millrace/millrace/internal/format/json"
	_ "github.com/millrace/millrace/internal/format/raw"
	"github.com/millrace/millrace/internal/sql/bind"
	"github.com/millrace/millrace/internal/sql/catalog"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

type fakeSource struct {
	connector.Source
	mode    types.KindSet
	bounded bool
}

func (s fakeSource) ChangelogMode() types.KindSet { return s.mode }
func (s fakeSource) Bounded() bool                { return s.bounded }

type fakeSink struct {
	connector.Sink
	mode types.KindSet
}

func (s fakeSink) ChangelogMode(types.KindSet) types.KindSet { return s.mode }
func (s fakeSink) Close() error                              { return nil }

func upserts(t connector.Table) bool { return t.Options["connector"] == "upsert-kafka" }

func factories() []*connector.Factory {
	source := func(t connector.Table, _ connector.Env) (connector.Source, error) {
		s := fakeSource{mode: types.AppendOnly, bounded: t.Options["path"] != "" || t.Options["scan.bounded.mode"] != ""}
		if upserts(t) {
			s.mode = types.Upsert.Without(types.Insert)
		}
		return s, nil
	}
	sink := func(t connector.Table, _ connector.Env) (connector.Sink, error) {
		if upserts(t) {
			return fakeSink{mode: types.Upsert}, nil
		}
		return fakeSink{mode: types.AppendOnly}, nil
	}
	text := func(names ...string) (out []connector.Option) {
		for _, n := range names {
			out = append(out, connector.Option{Name: n, Type: "string"})
		}
		return out
	}
	return []*connector.Factory{
		{Name: "filesystem", Formats: connector.OneFormat, Options: text("path"), NewSource: source, NewSink: sink},
		{Name: "log", Formats: connector.KeyAndValue, DefaultFormat: "json", Options: text("topic", "topic.partitions", "key.fields", "scan.bounded.mode"), NewSource: source, NewSink: sink},
	}
}

// TestPlanner runs scripts and prints the physical plans of their queries and
// INSERTs, or the error; "script file=…" takes a script from elsewhere, "explain"
// prints what EXPLAIN does.
func TestPlanner(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		c := catalog.New(factories())
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			src := d.Input
			for _, a := range d.CmdArgs {
				text, err := os.ReadFile(a.Vals[0])
				if err != nil {
					t.Fatal(err)
				}
				src = string(text)
			}
			switch d.Cmd {
			case "explain":
				return explain(c, src)
			case "errors":
			default:
				return runScript(c, src, d.Cmd == "batch")
			}
			var b strings.Builder
			for line := range strings.Lines(src) {
				b.WriteString(runScript(c, line, false))
			}
			return b.String()
		})
	})
}

func explain(c *catalog.Catalog, src string) string {
	stmt, err := parser.ParseStatement(src)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	e := stmt.(*parser.Explain)
	p := &Planner{Catalog: c}
	planned, err := p.Plan(e.Stmt)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	return planned.Explain(len(e.Details) > 0)
}

func runScript(c *catalog.Catalog, src string, batch bool) string {
	stmts, err := parser.ParseScript(src)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	var b strings.Builder
	for _, s := range stmts {
		if e, ok := s.(*parser.Execute); ok {
			s = e.Stmt
		}
		switch s := s.(type) {
		case *parser.Set:
			batch = batch || strings.Contains(s.Text(), "'batch'")
		case *parser.CreateTable:
			err = create(c, s)
		case *parser.CreateView:
			var v *catalog.View
			if v, err = bind.New(c, nil).CreateView(s); err == nil {
				_, err = c.CreateView(v, false, false)
			}
		default:
			err = printPlan(&b, &Planner{Catalog: c, Options: Options{Batch: batch}}, s)
		}
		if err != nil {
			return b.String() + "error: " + err.Error() + "\n"
		}
	}
	return b.String()
}

func create(c *catalog.Catalog, s *parser.CreateTable) error {
	t, err := bind.New(c, nil).CreateTable(s)
	if err != nil {
		return err
	}
	_, err = c.CreateTable(t, false)
	return err
}

func printPlan(b *strings.Builder, p *Planner, s parser.Stmt) error {
	planned, err := p.Plan(s)
	if err != nil {
		return err
	}
	for _, n := range planned.Physical {
		b.WriteString(plan.Tree(n, rex.Prefix, true))
		plan.Walk(n, func(n plan.Node) {
			if n.(plan.Physical).Traits().Fold {
				fmt.Fprintln(b, "folds:", n.Text(rex.Prefix))
			}
		})
	}
	return planned.Close()
}
