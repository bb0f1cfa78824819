package log

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/format"
	"github.com/millrace/millrace/internal/types"
)

// layout says how the columns of a table lie in a record: which are in the key,
// which in the value, which are metadata.
type layout struct {
	table  connector.Table
	env    connector.Env
	topic  string // the option: a name, or a list
	upsert bool   // a primary key: the last record of a key counts, a null value deletes

	key      []int // columns of the key, in the key's order; nil: records without a key
	value    []int // columns of the value
	metadata []int

	keyFormat, valueFormat *format.Factory
	keyPrefix              string

	used map[int][]int // fields of a ROW column, where not all are used
}

func newLayout(t connector.Table, env connector.Env) (*layout, error) {
	l := &layout{table: t, env: env, topic: cmp.Or(t.Options["topic"], t.Path[2]), keyPrefix: t.Options["key.fields-prefix"], used: map[int][]int{}}
	l.upsert = len(t.PrimaryKey) > 0
	if err := l.keyColumns(); err != nil {
		return nil, err
	}
	l.valueColumns()
	var err error
	if l.valueFormat, err = pickFormat(t, "value.format", "format"); err != nil {
		return nil, err
	}
	if l.key != nil {
		l.keyFormat, err = pickFormat(t, "key.format")
	}
	return l, err
}

func (l *layout) keyColumns() error {
	t := l.table
	fields := t.Options["key.fields"]
	if l.upsert {
		if fields != "" {
			return connector.OptionErrorf("key.fields", "the primary key is the record's key already; leave the option out")
		}
		l.key = slices.Clone(t.PrimaryKey)
		return nil
	}
	if fields == "" {
		return nil
	}
	for _, name := range strings.Split(fields, ";") {
		i := slices.IndexFunc(t.Columns, func(c connector.Column) bool { return c.Name == name && c.Metadata == "" })
		if i < 0 {
			return connector.OptionErrorf("key.fields", "table '%s' has no column '%s'", t.Path[2], name)
		}
		if !strings.HasPrefix(name, l.keyPrefix) {
			return connector.OptionErrorf("key.fields", "column '%s' does not begin with 'key.fields-prefix' = '%s'", name, l.keyPrefix)
		}
		l.key = append(l.key, i)
	}
	return nil
}

func (l *layout) valueColumns() {
	exceptKey := l.table.Options["value.fields-include"] == "EXCEPT_KEY"
	for i, c := range l.table.Columns {
		switch {
		case c.Metadata != "":
			l.metadata = append(l.metadata, i)
		case !exceptKey || !slices.Contains(l.key, i):
			l.value = append(l.value, i)
		}
	}
}

func pickFormat(t connector.Table, names ...string) (*format.Factory, error) {
	def := defaultFormat
	for _, n := range names {
		if v := t.Options[n]; v != "" {
			def = v
			break
		}
	}
	f, ok := format.Lookup(def)
	if !ok {
		return nil, connector.OptionErrorf(names[0], "unknown format '%s', there are %s", def, strings.Join(format.Names(), ", "))
	}
	return f, nil
}

// config is the format's view of some columns; prefixes says under which names
// its options stand, the more special first: "value.json.", "json.".
func (l *layout) config(f *format.Factory, columns []int, key bool) format.Config {
	cfg := format.Config{Options: map[string]string{}, Fields: map[int][]int{}, Location: l.env.Location}
	for i, c := range columns {
		col := l.table.Columns[c]
		if used, ok := l.used[c]; ok {
			cfg.Fields[i] = used
		}
		name := col.Name
		if key {
			name = strings.TrimPrefix(name, l.keyPrefix)
		}
		cfg.Columns = append(cfg.Columns, format.Column{Name: name, Type: col.Type})
	}
	prefixes := []string{f.Name + ".", "value." + f.Name + "."}
	if key {
		prefixes = []string{"key." + f.Name + "."}
	}
	for _, p := range prefixes {
		for k, v := range l.table.Options {
			if rest, ok := strings.CutPrefix(k, p); ok {
				cfg.Options[rest] = v
			}
		}
	}
	return cfg
}

func (l *layout) partitions() int {
	n, _ := strconv.Atoi(l.table.Options["topic.partitions"])
	return n
}

// ensure opens the topic, and makes it if there is none: compacted if the table
// has a primary key, for then the last record of a key is all that counts.
func (l *layout) ensure(b Broker, name string) (Topic, error) {
	var configs map[string]string
	if l.upsert {
		configs = map[string]string{"cleanup.policy": "compact"}
	}
	t, err := b.EnsureTopic(name, l.partitions(), configs)
	if err != nil {
		return t, fmt.Errorf("table %s: topic %s: %w", l.table.Path[2], name, err)
	}
	return t, nil
}

func (l *layout) columnType(i int) types.Type { return l.table.Columns[i].Type }
