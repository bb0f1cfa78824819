package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/millrace/millrace/internal/connector"
	_ "github.com/millrace/millrace/internal/format/csv"
	_ "github.com/millrace/millrace/internal/format/json"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/types"
)

func testConnectors() []*connector.Factory {
	source := func(connector.Table, connector.Env) (connector.Source, error) { return nil, nil }
	return []*connector.Factory{
		{Name: "log", Formats: connector.KeyAndValue, DefaultFormat: "json", NewSource: source, Options: []connector.Option{
			{Name: "topic", Type: "string"}, {Name: "scan.mode", Type: "enum", Values: []string{"early", "late"}}, {Name: "wait", Type: "duration"},
			{Name: "partitions", Type: "int", Check: connector.Between(1, 100)}, {Name: "eager", Type: "bool"}, {Name: "memory", Type: "size"}, {Name: "properties.", Type: "map"},
		}},
		{Name: "filesystem", Formats: connector.OneFormat, NewSource: source, Options: []connector.Option{{Name: "path", Type: "string", Required: true, Doc: "Where the files are."}}},
		{Name: "print"},
	}
}

// TestCatalog runs a command a line: what a session asks of the catalog, and what it
// answers.
//
//	table|temporary|view NAME [if-not-exists] [replace]
//	drop-table|drop-view NAME [if-exists]      rename FROM TO
//	database|drop-database NAME [if-exists] [cascade]     use NAME     catalog|drop-catalog|use-catalog NAME
//	list     catalogs, databases and their objects
//	with …   resolves WITH options
func TestCatalog(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		c := New(testConnectors())
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var out strings.Builder
			for line := range strings.Lines(d.Input) {
				line = strings.TrimSpace(line)
				text, err := "ok", error(nil)
				if d.Cmd == "with" {
					text, err = resolve(c, line)
				} else {
					text, err = ask(c, strings.Fields(line))
				}
				if err != nil {
					text = "error: " + err.Error()
				}
				fmt.Fprintln(&out, text)
			}
			return out.String()
		})
	})
}

func ask(c *Catalog, words []string) (string, error) {
	has := func(word string) bool { return slices.Contains(words, word) }
	name := ""
	if len(words) > 1 {
		name = words[1]
	}
	parts := strings.Split(name, ".")
	path, err := c.Qualify(parts)
	said := func(exists bool, err error) (string, error) {
		if exists {
			return "exists", err
		}
		return "ok", err
	}
	switch words[0] {
	case "table", "temporary":
		if err != nil {
			return "", err
		}
		t := &Table{Path: path, Temporary: words[0] == "temporary", Columns: []Column{{Name: "a", Type: types.TInt}}}
		if has("replace") {
			return "ok", c.ReplaceTable(t)
		}
		return said(c.CreateTable(t, has("if-not-exists")))
	case "view":
		if err != nil {
			return "", err
		}
		return said(c.CreateView(&View{Path: path}, has("if-not-exists"), has("replace")))
	case "drop-table", "drop-view":
		return "ok", c.Drop(path, words[0] == "drop-view", false, has("if-exists"))
	case "rename":
		to, _ := c.Qualify(strings.Split(words[2], "."))
		return "ok", c.Rename(path, to)
	case "database":
		return "ok", c.CreateDatabase(parts, "", nil, has("if-not-exists"))
	case "drop-database":
		return "ok", c.DropDatabase(parts, has("if-exists"), has("cascade"))
	case "use":
		return "ok", c.UseDatabase(parts)
	case "catalog":
		return "ok", c.CreateCatalog(name, "", nil, has("if-not-exists"))
	case "drop-catalog":
		return "ok", c.DropCatalog(name, has("if-exists"))
	case "use-catalog":
		return "ok", c.UseCatalog(name)
	case "list":
		return list(c), nil
	}
	return "", fmt.Errorf("no command %s", words[0])
}

func list(c *Catalog) string {
	var out []string
	for _, cat := range c.Catalogs() {
		dbs, _ := c.Databases(cat)
		for _, db := range dbs {
			tables, _ := c.Tables(cat, db)
			views, _ := c.Views(cat, db)
			out = append(out, fmt.Sprintf("%s.%s%v views%v", cat, db, tables, views))
		}
	}
	cat, db := c.Current()
	return strings.Join(out, " ") + " in " + cat + "." + db
}

func resolve(c *Catalog, options string) (string, error) {
	stmt, err := parser.ParseStatement("CREATE TABLE t (a INT) WITH (" + options + ")")
	if err != nil {
		return "", err
	}
	create := stmt.(*parser.CreateTable)
	w, err := c.Resolve(create.Pos(), Path{"c", "d", "t"}, create.With, false)
	if err != nil {
		return "", err
	}
	return w.Factory.Name, nil
}

func TestNearest(t *testing.T) {
	names := []string{"departures", "delays", "DELAYS_2", "a"}
	for name, want := range map[string]string{"departure": "departures", "DELAYS": "delays", "dleays": "delays", "delays2": "delays", "b": "", "zzzzzz": "", "": ""} {
		if got := Nearest(name, names); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// TestParseDuration holds Flink's TimeUtils: labels, plurals, no unit is milliseconds.
func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"10 s": 10 * time.Second, "10s": 10 * time.Second, "5 min": 5 * time.Minute, "100": 100 * time.Millisecond, "1 h": time.Hour, "2 days": 48 * time.Hour,
		"3 ms": 3 * time.Millisecond, "4 µs": 4 * time.Microsecond, "5 ns": 5, "1 minute": time.Minute, "2 hours": 2 * time.Hour, " 1 sec ": time.Second,
	} {
		if got, err := ParseDuration(text); got != want || err != nil {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "s", "-1 s", "1 parsec", "1.5 s", "99999999999999999999 s"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q is taken as %v", text, got)
		} else if errors.Unwrap(err) != nil && strings.Contains(err.Error(), "strconv") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
