package lower

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/engine"
	_ "github.com/millrace/millrace/internal/format/json"
	"github.com/millrace/millrace/internal/sql/bind"
	"github.com/millrace/millrace/internal/sql/catalog"
	"github.com/millrace/millrace/internal/sql/optimize"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/plan"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// TestRun runs SQL on the engine. "ddl" declares tables; "run" runs a query or an
// INSERT, straight through and in steps of one row, on one worker and on two: all
// must end with the same table. It prints the changes as one worker makes them row
// by row, and the table; "graph" prints the job graph, "identity" what an edit changes in
// it. "expire" runs a row a second, with state that lives for ttl seconds.
//
// Tables of the connector 'rows' have their rows in the option 'data', a line each:
// the row kind and the values, with a | between; NULL is NULL. A table of the
// connector 'memory' keeps what is written.
func TestRun(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		c := catalog.New([]*connector.Factory{rowsFactory(), memoryFactory()})
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var out string
			var err error
			switch d.Cmd {
			case "ddl":
				err = declare(c, d.Input)
			case "graph":
				out, err = graphText(c, d.Input)
			case "identity":
				out, err = identityText(c, d.Input)
			case "run":
				out, err = runEverywhere(c, d.Input, d.HasArg("batch"), d.HasArg("drop"))
			case "expire":
				ttl := 0
				d.MaybeScanArgs(t, "ttl", &ttl)
				out, err = runExpiring(c, d.Input, time.Duration(ttl)*time.Second)
			}
			if err != nil {
				return out + "error: " + err.Error() + "\n"
			}
			return out
		})
	})
}

// runExpiring runs a row a second.
func runExpiring(c *catalog.Catalog, src string, ttl time.Duration) (string, error) {
	g, m, err := lowered(c, src, Env{StateTTL: ttl})
	if err != nil {
		return "", err
	}
	now := time.Unix(1000, 0)
	cfg := engine.Config{Workers: 1, StepRows: 1, Now: func() time.Time {
		now = now.Add(time.Second)
		return now
	}}
	err = engine.NewJob(engine.JobSpec{ID: "test", Graph: g, Config: cfg}).Run(context.Background())
	return m.changes.String(), err
}

func declare(c *catalog.Catalog, src string) error {
	stmts, err := parser.ParseScript(src)
	if err != nil {
		return err
	}
	for _, s := range stmts {
		if v, ok := s.(*parser.CreateView); ok {
			view, err := bind.New(c, nil).CreateView(v)
			if err != nil {
				return err
			}
			if _, err := c.CreateView(view, false, false); err != nil {
				return err
			}
			continue
		}
		t, err := bind.New(c, nil).CreateTable(s.(*parser.CreateTable))
		if err != nil {
			return err
		}
		if _, err := c.CreateTable(t, false); err != nil {
			return err
		}
	}
	return nil
}

func graphText(c *catalog.Catalog, src string) (string, error) {
	g, _, err := lowered(c, src, Env{})
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for i, n := range g.Nodes {
		fmt.Fprintf(&b, "%d %s", i, n.Name)
		for _, in := range n.Inputs {
			fmt.Fprintf(&b, " <-%s", in.Ship)
			if len(in.Keys) > 0 {
				fmt.Fprint(&b, in.Keys)
			}
			fmt.Fprintf(&b, "- %d", in.Node)
		}
		if n.Single {
			b.WriteString(" single")
		}
		if n.Source != nil && n.Source.IdleTimeout > 0 {
			fmt.Fprintf(&b, " idle after %s", n.Source.IdleTimeout)
		}
		if n.Source != nil && n.Source.Alignment.Group != "" {
			fmt.Fprintf(&b, " aligned with %s to %s", n.Source.Alignment.Group, n.Source.Alignment.MaxDrift)
		}
		b.WriteString("\n")
	}
	return b.String(), g.Validate()
}

// lowered is the graph of a statement, and the table that takes its result.
func lowered(c *catalog.Catalog, src string, env Env) (*engine.Graph, *memory, error) {
	stmt, err := parser.ParseStatement(src)
	if err != nil {
		return nil, nil, err
	}
	p := optimize.Planner{Catalog: c, Options: optimize.Options{Batch: env.NullRowTime == engine.Drop}}
	st, err := p.Plan(stmt)
	if err != nil {
		return nil, nil, err
	}
	m := &memory{mode: types.Retract}
	if st.Kind == plan.Query {
		env.Collect = m
	} else {
		m = st.Sinks()[0].Sink.(*memory)
	}
	g, err := Graph(st, env)
	return g, m, err
}

func runEverywhere(c *catalog.Catalog, src string, batch, drop bool) (string, error) {
	var changes, table string
	for _, cfg := range []engine.Config{{Workers: 1, StepRows: 1}, {Workers: 1}, {Workers: 2, StepRows: 1}, {Workers: 2}} {
		env := Env{DropNulls: drop}
		if batch {
			env.NullRowTime = engine.Drop
		}
		g, m, err := lowered(c, src, env)
		if err != nil {
			return "", err
		}
		cfg.Batch = batch
		if err := engine.NewJob(engine.JobSpec{ID: "test", Graph: g, Config: cfg}).Run(context.Background()); err != nil {
			return "", err
		}
		if changes == "" {
			changes, table = m.changes.String(), m.table()
		}
		if now := m.table(); now != table {
			return "", fmt.Errorf("with %d workers and steps of %d rows:\n%sand not\n%s", cfg.Workers, cfg.StepRows, now, table)
		}
	}
	return changes + "= table\n" + table, nil
}

// memory is a sink that keeps the rows.
type memory struct {
	mode    types.KindSet
	key     []int
	mu      sync.Mutex
	changes strings.Builder
	rows    map[string][]string // by key, or by the whole row
}

func memoryFactory() *connector.Factory {
	return &connector.Factory{
		Name: "memory", Options: []connector.Option{{Name: "mode", Type: "string"}},
		NewSink: func(t connector.Table, _ connector.Env) (connector.Sink, error) {
			m := &memory{mode: types.Retract, key: t.PrimaryKey}
			switch {
			case t.Options["mode"] == "append":
				m.mode = types.AppendOnly
			case len(m.key) > 0:
				m.mode = types.Upsert
			}
			return m, nil
		},
	}
}

func (m *memory) ChangelogMode(types.KindSet) types.KindSet                  { return m.mode }
func (m *memory) Transactional() bool                                        { return true }
func (m *memory) Identity(context.Context) ([]byte, error)                   { return nil, nil }
func (m *memory) Recover(context.Context, []byte, []byte) error              { return nil }
func (m *memory) Seal()                                                      {}
func (m *memory) Prepare(context.Context, int64) ([]byte, error)             { return nil, nil }
func (m *memory) Commit(context.Context, []byte) error                       { return nil }
func (m *memory) Abort(context.Context) error                                { return nil }
func (m *memory) Close() error                                               { return nil }
func (m *memory) Flush() error                                               { return nil }
func (m *memory) Writer(context.Context, int, int) (connector.Writer, error) { return m, nil }

func (m *memory) Write(b *vec.Batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rows == nil {
		m.rows = map[string][]string{}
	}
	for i := range b.Len() {
		r := b.Row(i)
		values := make([]string, len(b.Cols))
		for k, c := range b.Cols {
			values[k] = fmt.Sprint(vec.Value(c, r))
		}
		text := strings.Join(values, "|")
		fmt.Fprintf(&m.changes, "%s %s\n", b.Kind(r), text)
		if err := m.apply(b.Kind(r), text, values); err != nil {
			return err
		}
	}
	return nil
}

// apply keeps the last row of a key, or counts equal rows.
func (m *memory) apply(kind types.RowKind, text string, values []string) error {
	if m.mode == types.Upsert {
		key := ""
		for _, k := range m.key {
			key += values[k] + "|"
		}
		if kind.Adds() {
			m.rows[key] = []string{text}
		} else {
			delete(m.rows, key)
		}
		return nil
	}
	switch n := len(m.rows[text]); {
	case kind.Adds():
		m.rows[text] = append(m.rows[text], text)
	case n == 0:
		return fmt.Errorf("%s %s, but there is no such row", kind, text)
	default:
		m.rows[text] = m.rows[text][:n-1]
	}
	return nil
}

func (m *memory) table() string {
	var lines []string
	for _, rows := range m.rows {
		for _, r := range rows {
			lines = append(lines, r+"\n")
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// rows is a source of constant rows with their kinds.
type rows struct {
	table connector.Table
	lines []string
}

func rowsFactory() *connector.Factory {
	return &connector.Factory{
		Name: "rows", Options: []connector.Option{{Name: "data", Type: "string"}, {Name: "kinds", Type: "string"}},
		NewSource: func(t connector.Table, _ connector.Env) (connector.Source, error) {
			return &rows{table: t, lines: strings.Split(strings.TrimSpace(t.Options["data"]), "\n")}, nil
		},
	}
}

func (s *rows) ChangelogMode() types.KindSet {
	return map[string]types.KindSet{"": types.AppendOnly, "upsert": types.Upsert.Without(types.Insert), "retract": types.Retract}[s.table.Options["kinds"]]
}

func (s *rows) Bounded() bool { return true }

func (s *rows) Splits(context.Context) ([]connector.Split, error) {
	return []connector.Split{{ID: s.table.Path[2], Start: binary.BigEndian.AppendUint32(nil, 0)}}, nil
}

func (s *rows) Open(_ context.Context, from connector.Split, columns []int, _ func()) (connector.Reader, error) {
	return &rowReader{rows: s, columns: columns, next: int(binary.BigEndian.Uint32(from.Start))}, nil
}

type rowReader struct {
	*rows
	columns []int
	next    int
}

func (r *rowReader) Poll(limit int) (*vec.Batch, error) {
	n := min(cmp.Or(limit, len(r.lines)), len(r.lines)-r.next)
	if n <= 0 {
		return nil, nil
	}
	b := &vec.Batch{N: n}
	lines := r.lines[r.next : r.next+n]
	r.next += n
	for _, c := range r.columns {
		col := vec.NewBuilder(r.table.Columns[c].Type, n)
		for _, l := range lines {
			if v := strings.Split(l, "|")[c+1]; v == "NULL" {
				col.AppendAny(nil)
			} else {
				col.AppendAny(v)
			}
		}
		b.Cols = append(b.Cols, col.Finish())
	}
	if r.ChangelogMode() != types.AppendOnly {
		for _, l := range lines {
			kind := slices.IndexFunc([]string{"+I", "-U", "+U", "-D"}, func(k string) bool { return strings.HasPrefix(l, k) })
			b.Kinds = append(b.Kinds, types.RowKind(kind))
		}
	}
	return b, nil
}

func (r *rowReader) Position() []byte { return binary.BigEndian.AppendUint32(nil, uint32(r.next)) }

func (r *rowReader) Status() connector.Status {
	return connector.Status{Done: r.next == len(r.lines), Drained: r.next == len(r.lines)}
}

func (r *rowReader) Where(i int) string { return fmt.Sprintf("%s, row %d", r.table.Path[2], i+1) }
func (r *rowReader) Close() error       { return nil }
