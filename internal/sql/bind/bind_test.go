package bind

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/millrace/millrace/internal/connector"
	_ "github.com/millrace/millrace/internal/format/csv"
	_ "github.com/millrace/millrace/internal/format/json"
	_ "github.com/millrace/millrace/internal/format/raw"
	"github.com/millrace/millrace/internal/sql/catalog"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/sql/plan/rex"
	"github.com/millrace/millrace/internal/types"
)

// connectors are just enough to be named in DDL: nothing is opened here.
func connectors() []*connector.Factory {
	source := func(connector.Table, connector.Env) (connector.Source, error) { return nil, nil }
	sink := func(connector.Table, connector.Env) (connector.Sink, error) { return nil, nil }
	return []*connector.Factory{
		{
			Name: "log", Formats: connector.KeyAndValue, DefaultFormat: "json", NewSource: source, NewSink: sink,
			Options: []connector.Option{
				{Name: "topic", Type: "string"},
				{Name: "key.fields", Type: "string"},
				{Name: "scan.startup.mode", Type: "enum", Values: []string{"earliest-offset", "latest-offset", "timestamp"}},
				{Name: "scan.startup.timestamp-millis", Type: "int"},
				{Name: "properties.", Type: "map"},
			},
			Metadata: []connector.Column{
				{Metadata: "offset", Type: types.TBigInt.Required(), Virtual: true},
				{Metadata: "timestamp", Type: types.TTimestampLTZ(3)},
			},
		},
		{
			Name: "filesystem", Formats: connector.OneFormat, NewSource: source, NewSink: sink,
			Options: []connector.Option{{Name: "path", Type: "string", Required: true, Doc: "Where the files are."}},
		},
		{
			Name: "datagen", NewSource: source,
			Options: []connector.Option{{Name: "rows-per-second", Type: "int"}, {Name: "wait", Type: "duration"}, {Name: "eager", Type: "bool"}},
		},
		{Name: "print", NewSink: sink},
	}
}

// TestBind runs the commands of testdata:
//
//	ddl       CREATE and ALTER; prints nothing but errors
//	logical   statements; prints their logical plans
//	types     queries; prints the names and types of their columns
//	errors    a statement a line; prints the error of each
//	describe  DESCRIBE, and SHOW CREATE, of tables and views by name
func TestBind(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		c := catalog.New(connectors())
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var b strings.Builder
			switch d.Cmd {
			case "errors":
				for line := range strings.Lines(d.Input) {
					b.WriteString(oneError(c, strings.TrimSuffix(line, "\n")))
				}
			case "describe":
				for name := range strings.FieldsSeq(d.Input) {
					b.WriteString(describe(c, name))
				}
			default:
				if err := runAll(&b, c, d.Input, d.Cmd); err != nil {
					fmt.Fprintln(&b, "error:", err)
				}
			}
			return b.String()
		})
	})
}

// oneError is what is wrong with a line; one with nothing wrong is a mistake of
// the test that should be seen.
func oneError(c *catalog.Catalog, line string) string {
	if err := runAll(&strings.Builder{}, c, line, "ddl"); err != nil {
		return err.Error() + "\n"
	}
	return "no error: " + line + "\n"
}

func runAll(b *strings.Builder, c *catalog.Catalog, src, cmd string) error {
	stmts, err := parser.ParseScript(src)
	for _, s := range stmts {
		if err := runOne(b, c, s, cmd); err != nil {
			return err
		}
	}
	return err
}

func runOne(b *strings.Builder, c *catalog.Catalog, stmt parser.Stmt, cmd string) error {
	x := New(c, nil)
	var n plan.Node
	var err error
	switch s := stmt.(type) {
	case *parser.CreateTable:
		return createTable(c, x, s)
	case *parser.CreateView:
		v, err := x.CreateView(s)
		if err != nil {
			return err
		}
		_, err = c.CreateView(v, s.IfNotExists, s.OrReplace)
		return err
	case *parser.AlterTable:
		return alterTable(c, x, s)
	case *parser.QueryStmt:
		n, err = x.Query(s.Query)
	case *parser.Insert:
		var sink *plan.LogicalSink
		if sink, err = x.Insert(s); err == nil {
			n = sink
		}
	default:
		return fmt.Errorf("%T is not for the binder", s)
	}
	if err != nil {
		return err
	}
	for _, note := range x.Notes {
		fmt.Fprintln(b, "note:", note)
	}
	switch cmd {
	case "logical":
		b.WriteString(plan.Tree(n, rex.Logical, false))
	case "types":
		for _, f := range n.Fields() {
			fmt.Fprintf(b, "%s %s\n", f.Name, f.Type)
		}
	}
	return nil
}

func createTable(c *catalog.Catalog, x *Binder, s *parser.CreateTable) error {
	t, err := x.CreateTable(s)
	if err != nil {
		return err
	}
	_, err = c.CreateTable(t, s.IfNotExists)
	return err
}

func alterTable(c *catalog.Catalog, x *Binder, s *parser.AlterTable) error {
	o, err := x.object(s.Name)
	if err != nil {
		return err
	}
	t, err := x.AlterTable(o.(*catalog.Table), s.Action)
	if err != nil {
		return err
	}
	return c.ReplaceTable(t)
}

func describe(c *catalog.Catalog, name string) string {
	p, _ := c.Qualify([]string{name})
	var rows []catalog.DescribeRow
	show := ""
	switch o := c.Lookup(p).(type) {
	case *catalog.Table:
		rows, show = o.Describe(), o.ShowCreate()
	case *catalog.View:
		rows, show = o.Describe(), o.ShowCreate()
	}
	var b strings.Builder
	for _, r := range rows {
		fmt.Fprintln(&b, strings.Join([]string{r.Name, r.Type, r.Null, r.Key, r.Extras, r.Watermark, r.Comment}, " | "))
	}
	return b.String() + show
}
