package bind

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/sql/catalog"
	"github.com/millrace/millrace/internal/sql/parser"
)

// TestFlinkTypes asks for the type of every expression that recorded/ has Flink's
// answer to, and wants the same one, or the one that differences.txt names.
func TestFlinkTypes(t *testing.T) {
	lines := recorded(t, "flink-2.3-types.txt")
	c := catalog.New(connectors())
	if err := runAll(&strings.Builder{}, c, lines[0]+" WITH ('topic' = 't')", "ddl"); err != nil {
		t.Fatal(err)
	}
	differences := map[string]string{}
	for _, l := range recorded(t, "differences.txt") {
		answers(t, l, func(expr, want string) { differences[expr] = want })
	}
	asked := 0
	for _, l := range lines[1:] {
		answers(t, l, func(expr, flink string) {
			asked++
			want, differs := differences[expr]
			delete(differences, expr)
			if differs && want == flink {
				t.Errorf("%s: differences.txt lists it with Flink's own answer, %s", expr, flink)
			}
			if !differs {
				want = flink
			}
			if got := typeOfQuery(c, "SELECT "+expr); got != want {
				t.Errorf("%s: %s, want %s (Flink: %s)", expr, got, want, flink)
			}
		})
	}
	for expr := range differences {
		t.Errorf("differences.txt lists %s, which was never asked of Flink", expr)
	}
	if asked < 5000 {
		t.Errorf("only %d questions were found in the file", asked)
	}
}

func recorded(t *testing.T, name string) (lines []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("recorded", name))
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(text)) {
		if l = strings.TrimSuffix(l, "\n"); l != "" && !strings.HasPrefix(l, "#") {
			lines = append(lines, l)
		}
	}
	return lines
}

// answers takes apart a line such as "COALESCE(a, ?) FROM t | INT: b c | error: d".
func answers(t *testing.T, line string, fn func(expr, answer string)) {
	parts := strings.Split(line, " | ")
	for _, p := range parts[1:] {
		answer, columns, ok := strings.Cut(p, ": ")
		if !ok {
			t.Fatalf("%q has no answer in %q", line, p)
		}
		for c := range strings.FieldsSeq(columns) {
			fn(strings.ReplaceAll(parts[0], "?", c), answer)
		}
	}
}

func typeOfQuery(c *catalog.Catalog, sql string) string {
	stmt, err := parser.ParseStatement(sql)
	if err != nil {
		return err.Error()
	}
	n, err := New(c, nil).Query(stmt.(*parser.QueryStmt).Query)
	if err != nil {
		return "error"
	}
	return n.Fields()[0].Type.String()
}
