package node

import (
	"fmt"
	"strings"
	"testing"

	_ "github.com/millrace/millrace/internal/format/json"
	"github.com/millrace/millrace/internal/shell"
	"github.com/millrace/millrace/internal/sql/session"
)

// TestPlanningCost: a statement twice as large costs at the most three times as much to
// parse, plan and lower, counted in allocations. What each node asked of all those below
// it made this the third power and more.
func TestPlanningCost(t *testing.T) {
	list := func(n int, sep string, item func(i int) string) string {
		out := make([]string, n)
		for i := range out {
			out[i] = item(i)
		}
		return strings.Join(out, sep)
	}
	const table = "CREATE TABLE t (k INT, v INT) WITH ('topic' = 't', 'scan.bounded.mode' = 'latest-offset');\n"
	for name, c := range map[string]struct {
		n    int
		text func(n int) string
	}{
		"joins": {20, func(n int) string {
			return table + "EXPLAIN SELECT t0.v FROM t AS t0 " + list(n, " ", func(i int) string { return fmt.Sprintf("JOIN t AS t%d ON t%d.k = t%d.k", i+1, i, i+1) })
		}},
		"joins that run": {20, func(n int) string {
			return table + "SELECT t0.v FROM t AS t0, " + list(n, ", ", func(i int) string { return fmt.Sprintf("t AS t%d", i+1) }) +
				" WHERE " + list(n, " AND ", func(i int) string { return fmt.Sprintf("t%d.k = t%d.k AND t%d.v > 1", i, i+1, i) })
		}},
		"nested": {50, func(n int) string {
			return table + "SELECT k, v FROM " + strings.Repeat("(SELECT k + 1 AS k, v FROM ", n) + "t" + strings.Repeat(")", n)
		}},
		"columns": {300, func(n int) string {
			columns := list(n, ", ", func(i int) string { return fmt.Sprintf("c%d INT", i) })
			return "CREATE TABLE w (" + columns + ") WITH ('scan.bounded.mode' = 'latest-offset');\nCREATE TABLE o (" + columns + ") WITH ('connector' = 'blackhole');\n" +
				"INSERT INTO o SELECT " + list(n, ", ", func(i int) string { return fmt.Sprintf("c%d + 1", i) }) + " FROM w WHERE c1 > 0"
		}},
		"columns of one name": {300, func(n int) string {
			return table + "SELECT " + list(n, ", ", func(int) string { return "k + v AS x" }) + " FROM t"
		}},
		"values": {1000, func(n int) string {
			return "SELECT * FROM (VALUES " + list(n, ", ", func(i int) string { return fmt.Sprintf("(%d, 'a')", i) }) + ") AS v (a, b)"
		}},
		"union": {200, func(n int) string {
			return table + list(n, " UNION ALL ", func(i int) string { return fmt.Sprintf("SELECT k, v + %d FROM t WHERE k > %d", i, i) })
		}},
		"conditions": {200, func(n int) string {
			return table + "SELECT k FROM t WHERE " + list(n, " OR ", func(i int) string { return fmt.Sprintf("k = %d AND v > %d", i, i) })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			cost := func(n int) float64 {
				s := &shell.Script{Text: c.text(n)}
				return testing.AllocsPerRun(1, func() {
					stmts, err := s.Parse()
					if err == nil {
						err = session.Check(connectors(nil, func(string) {}), nil, session.Options{}, stmts)
					}
					if err != nil {
						t.Fatal(err)
					}
				})
			}
			one, two := cost(c.n), cost(2*c.n)
			if two > 3*one {
				t.Errorf("%d: %.0f allocations, %d: %.0f, %.1f times as many", c.n, one, 2*c.n, two, two/one)
			}
		})
	}
}
