package lower

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/types"
)

// factory makes tables of the connector 'rows', with random rows in the manner of the
// file's own: each value is one that its column has there, or a number beside them; an id
// counts the rows; time goes on, and some rows come late. Small tables and those with a key that nothing
// changes stay as they are.
func (m *metamorphosis) factory() *connector.Factory {
	f := rowsFactory()
	plain := f.NewSource
	f.NewSource = func(t connector.Table, env connector.Env) (connector.Source, error) {
		src, err := plain(t, env)
		if s, ok := src.(*rows); ok && m.rows > 0 {
			h := fnv.New64()
			h.Write([]byte(t.Path[2]))
			g := &rowMaker{table: t, like: s.lines, random: rand.New(rand.NewPCG(m.seed, h.Sum64()))}
			s.lines = g.make(m.rows)
		}
		return src, err
	}
	return f
}

type rowMaker struct {
	table  connector.Table
	like   []string
	random *rand.Rand
	clock  time.Duration
	live   [][]string
	lines  []string
}

func (g *rowMaker) make(n int) []string {
	kinds := g.table.Options["kinds"]
	if len(g.like) < 3 || kinds == "" && len(g.table.PrimaryKey) > 0 {
		return g.like
	}
	for len(g.lines) < n {
		row := g.row()
		switch kinds {
		case "":
			g.line("", row)
		case "upsert":
			g.upsert(row)
		case "retract":
			g.retract(row)
		}
	}
	return g.lines
}

func (g *rowMaker) line(kind string, row []string) {
	g.lines = append(g.lines, kind+"|"+strings.Join(row, "|"))
}

func (g *rowMaker) upsert(row []string) {
	old := slices.IndexFunc(g.live, func(o []string) bool {
		return !slices.ContainsFunc(g.table.PrimaryKey, func(k int) bool { return o[k] != row[k] })
	})
	switch {
	case old < 0:
		g.live = append(g.live, row)
		g.line("+U", row)
	case g.random.IntN(4) == 0:
		g.line("-D", g.live[old])
		g.live = slices.Delete(g.live, old, old+1)
	default:
		g.live[old] = row
		g.line("+U", row)
	}
}

func (g *rowMaker) retract(row []string) {
	if n := len(g.live); n > 0 && g.random.IntN(2) == 0 {
		old := g.random.IntN(n)
		if g.random.IntN(2) == 0 {
			g.line("-D", g.live[old])
			g.live = slices.Delete(g.live, old, old+1)
			return
		}
		g.line("-U", g.live[old])
		g.live[old] = row
		g.line("+U", row)
		return
	}
	g.live = append(g.live, row)
	g.line("+I", row)
}

func (g *rowMaker) row() []string {
	g.clock += time.Duration(g.random.IntN(15_000)) * time.Millisecond
	var row []string
	for i := range g.table.Columns {
		row = append(row, g.value(i))
	}
	return row
}

const stamp = "2006-01-02 15:04:05.000"

func (g *rowMaker) value(column int) string {
	like := strings.Split(pick(g.random, g.like...), "|")[column+1]
	t := g.table.Columns[column].Type
	key := slices.Contains(g.table.PrimaryKey, column)
	switch {
	case like == "NULL" || key:
	case g.table.Columns[column].Name == "id":
		return fmt.Sprint(len(g.lines) + 1) // so that what is ordered by it has no ties
	case t.IsTimestamp():
		first, err := parseStamp(strings.Split(g.like[0], "|")[column+1])
		if err != nil {
			return like
		}
		at := first.Add(g.clock)
		if g.random.IntN(8) == 0 {
			at = at.Add(-time.Duration(g.random.IntN(120_000)) * time.Millisecond)
		}
		return at.Format(stamp)
	case t.IsInteger() && t.Root != types.TinyInt && g.random.IntN(2) == 0:
		return fmt.Sprint(g.random.IntN(5000))
	}
	return like
}

func parseStamp(s string) (time.Time, error) {
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time", s)
}
