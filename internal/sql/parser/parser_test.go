package parser

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestParser runs testdata. The commands:
//
//	ast      one statement: its tree and, behind it, what the printer makes of the tree
//	sql      a script: each statement as printed
//	exprs    one expression a line: as printed, with the tree
//	errors   one statement a line: its error
//	texts    a script: position, kind and exact text of each statement, and the error that ended it
//	complete one text a line: whether a shell would run it
//
// Everything that parses is printed, parsed and printed again, which must not change it.
func TestParser(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "ast":
				return runAST(t, d.Input)
			case "sql":
				return runScript(t, d.Input, func(s Stmt) string { return s.String() })
			case "texts":
				return runScript(t, d.Input, func(s Stmt) string {
					return fmt.Sprintf("%d:%d %T %q", s.Pos().Line, s.Pos().Col, s, s.Text())
				})
			case "exprs":
				return eachLine(d.Input, func(line string) string { return runExpr(t, line) })
			case "errors":
				return eachLine(d.Input, runError)
			case "complete":
				return eachLine(d.Input, func(line string) string { return fmt.Sprint(Complete(line)) })
			}
			t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
			return ""
		})
	})
}

func eachLine(input string, run func(string) string) string {
	var b strings.Builder
	for line := range strings.Lines(input) {
		fmt.Fprintln(&b, run(strings.TrimRight(line, "\n")))
	}
	return b.String()
}

func runAST(t *testing.T, input string) string {
	s, err := ParseStatement(input)
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	checkRoundTrip(t, s)
	return dump(s) + "\n" + s.String() + "\n"
}

func runScript(t *testing.T, input string, show func(Stmt) string) string {
	stmts, err := ParseScript(input)
	var b strings.Builder
	for _, s := range stmts {
		checkRoundTrip(t, s)
		fmt.Fprintln(&b, show(s))
	}
	if err != nil {
		fmt.Fprintln(&b, "error: "+err.Error())
	}
	return b.String()
}

func runExpr(t *testing.T, input string) string {
	e, err := ParseExpr(input)
	if err != nil {
		return "error: " + err.Error()
	}
	printed := e.String()
	again, err := ParseExpr(printed)
	if err != nil {
		t.Errorf("%s is printed as %s, which does not parse: %v", input, printed, err)
		return ""
	}
	if again.String() != printed || dump(again) != dump(e) {
		t.Errorf("%s is printed as %s, and that as %s", input, printed, again)
	}
	return printed + "  " + dump(e)
}

func runError(line string) string {
	stmts, err := ParseScript(line)
	if err == nil {
		return fmt.Sprintf("no error: %v", stmts)
	}
	return err.Error()
}

func checkRoundTrip(t *testing.T, s Stmt) {
	t.Helper()
	if _, begin := s.(*BeginStatementSet); begin {
		return
	}
	printed := s.String()
	again, err := ParseStatement(printed)
	if err != nil {
		t.Errorf("%s is printed as %s, which does not parse: %v", s.Text(), printed, err)
		return
	}
	if again.String() != printed {
		t.Errorf("%s is printed as %s, and that as %s", s.Text(), printed, again)
	}
}

// TestPositions checks that every expression points at its own first character.
func TestPositions(t *testing.T) {
	const src = "SELECT a,\n  'é', f(x + 1),\n  -b.c[2] AS d\nFROM t WHERE (p OR q)"
	s, err := ParseStatement(src)
	if err != nil {
		t.Fatal(err)
	}
	sel := s.(*QueryStmt).Query.Body.(*Select)
	call := sel.Items[2].Expr.(*FuncCall)
	var got []string
	for _, n := range []Node{
		sel.Items[0].Expr, sel.Items[1].Expr, call, call.Args[0], call.Args[0].(*BinaryExpr).R,
		sel.Items[3].Expr, sel.Items[3].Expr.(*UnaryExpr).X, sel.From, sel.Where,
	} {
		at := n.Pos()
		got = append(got, fmt.Sprintf("%d:%d %.1s", at.Line, at.Col, src[at.Offset:]))
	}
	want := []string{"1:8 a", "2:3 '", "2:8 f", "2:10 x", "2:14 1", "3:3 -", "3:4 b", "4:6 t", "4:15 p"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestDepth checks that no nesting and no chain is deep enough to exhaust the stack.
func TestDepth(t *testing.T) {
	const n = 20_000
	rep := strings.Repeat
	for name, src := range map[string]string{
		"parentheses": "SELECT " + rep("(", n) + "1" + rep(")", n),
		"queries":     rep("(", n) + "SELECT 1" + rep(")", n),
		"tables":      "SELECT * FROM " + rep("(", n) + "SELECT 1" + rep(")", n),
		"joins":       "SELECT * FROM " + rep("(", n) + "t",
		"signs":       "SELECT " + rep("- ", n) + "1",
		"nots":        "SELECT " + rep("NOT ", n) + "a",
		"calls":       "SELECT " + rep("f(", n),
		"arrays":      "SELECT " + rep("ARRAY[", n),
		"cases":       "SELECT " + rep("CASE ", n),
		"casts":       "SELECT " + rep("CAST(", n),
		"intervals":   "SELECT " + rep("INTERVAL (", n),
		"names":       "SELECT f(" + rep("a => ", n),
		"types":       "CREATE TABLE t (a " + rep("ARRAY<", n),
		"postfix":     "CREATE TABLE t (a INT" + rep(" ARRAY", n) + ")",
		"sum":         "SELECT 1" + rep(" + 1", n),
		"and":         "SELECT 1" + rep(" AND 1", n),
		"index":       "SELECT a" + rep("[1]", n),
		"unions":      "SELECT 1" + rep(" UNION SELECT 1", n),
		"commas":      "SELECT * FROM t" + rep(", t", n),
		"patterns":    "SELECT * FROM t MATCH_RECOGNIZE (PATTERN (" + rep("(", n),
		"matches":     "SELECT * FROM t" + rep(" MATCH_RECOGNIZE (PATTERN (A) DEFINE A AS b)", n),
		"rollups":     "SELECT a FROM t GROUP BY " + rep("ROLLUP (", n),
		"explains":    rep("EXPLAIN ", n) + "SELECT 1",
		"executes":    rep("EXPLAIN EXECUTE ", n) + "SELECT 1",
	} {
		if _, err := ParseScript(src); err == nil {
			t.Errorf("%s: no error", name)
		} else if len(err.Error()) > 200 {
			t.Errorf("%s: %.200s…", name, err)
		}
	}
}

// FuzzParser checks that no text makes the parser panic, and that what it prints parses to the same again.
func FuzzParser(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			f.Add(line)
		}
		for part := range strings.SplitSeq(string(text), "\n----\n") {
			f.Add(part)
		}
	}
	f.Fuzz(func(t *testing.T, src string) {
		Complete(src)
		stmts, err := ParseScript(src)
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("the error of %q has more than one line: %q", src, err)
		}
		for _, s := range stmts {
			if _, unsupported := s.(*Unsupported); !unsupported {
				checkRoundTrip(t, s)
			}
		}
	})
}
