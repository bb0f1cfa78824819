package optimize

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/sql/catalog"
	"github.com/millrace/millrace/internal/types"
)

// pruning is a source that is told which fields are used.
type pruning struct {
	fakeSource
	table connector.Table
	told  *[]string
}

func (s pruning) UseFields(column int, fields []int) {
	c := s.table.Columns[column]
	var names []string
	for _, f := range fields {
		names = append(names, c.Type.Fields[f].Name)
	}
	*s.told = append(*s.told, fmt.Sprintf("%s(%s)", c.Name, strings.Join(names, " ")))
}

func (s pruning) Splits(context.Context) ([]connector.Split, error) { return nil, nil }

// TestUseFields: what a source is told of its ROW columns.
func TestUseFields(t *testing.T) {
	const view = "CREATE VIEW v AS SELECT b.x AS x, b.y AS y, a.p AS p FROM t WHERE k = 2; "
	for _, c := range []struct{ script, want string }{
		{"SELECT a.p, b.x FROM t", "a(p) b(x)"},
		{"SELECT a.p FROM t WHERE b.y > 1 AND b.x < 2", "a(p) b(x y)"},
		{"SELECT a, b.x FROM t", "b(x)"},
		{"SELECT a.p, a FROM t", ""},
		{"SELECT k FROM t WHERE a IS NULL", ""},
		{view + "SELECT x FROM v", "b(x)"},
		{view + "SELECT x, COUNT(*), MAX(p) FROM v GROUP BY x", "a(p) b(x)"},
		{view + "SELECT l.x, r.p FROM v l JOIN v r ON l.y = r.y", "a(p) b(x y)"},
		{"SELECT DISTINCT b FROM t", ""},
		{"SELECT * FROM w", ""},
		{"SELECT b.y FROM w", "a(p) b(x y)"},
		{view + "EXECUTE STATEMENT SET BEGIN INSERT INTO o SELECT x FROM v; INSERT INTO o SELECT CAST(p AS BIGINT) FROM v; END", "a(p) b(x)"},
	} {
		var told []string
		f := &connector.Factory{Name: "filesystem", NewSource: func(t connector.Table, _ connector.Env) (connector.Source, error) {
			return pruning{fakeSource{mode: types.AppendOnly, bounded: true}, t, &told}, nil
		}, NewSink: func(connector.Table, connector.Env) (connector.Sink, error) {
			return fakeSink{mode: types.AppendOnly}, nil
		}}
		row := "k INT, a ROW<p INT, q STRING>, b ROW<x BIGINT, y BIGINT, z STRING>"
		out := runScript(catalog.New([]*connector.Factory{f}), "CREATE TABLE t ("+row+") WITH ('connector' = 'filesystem');"+
			"CREATE TABLE w ("+row+", ts AS TO_TIMESTAMP_LTZ(CASE WHEN k = 0 THEN a.p ELSE b.x END, 3), WATERMARK FOR ts AS ts) WITH ('connector' = 'filesystem');"+
			"CREATE TABLE o (x BIGINT) WITH ('connector' = 'filesystem');"+c.script, false)
		slices.Sort(told)
		if got := strings.Join(told, " "); got != c.want || strings.Contains(out, "error") {
			t.Errorf("%s: told of %s, want %s\n%s", c.script, got, c.want, out)
		}
	}
}
