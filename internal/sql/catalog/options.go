package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/format"
	"github.com/millrace/millrace/internal/sql/parser"
)

// common are the options that any table may have.
var common = []connector.Option{
	{Name: "connector", Type: "string", Doc: "Which connector the table belongs to."},
	{Name: "property-version", Type: "int", Default: "1", Doc: "Version of the options; only 1 is known."},
	{Name: "scan.parallelism", Type: "int", Doc: "Has no effect: every worker reads."},
	{Name: "sink.parallelism", Type: "int", Doc: "Has no effect: every worker writes."},
}

// The names under which the connectors of Kafka topics are written; without
// bootstrap servers they mean a topic of the embedded log.
const (
	kafka       = "kafka"
	upsertKafka = "upsert-kafka"
	embedded    = "log"
	bootstrap   = "properties.bootstrap.servers"
)

// With is a checked WITH clause.
type With struct {
	Factory *connector.Factory
	// Options has every option that was written, and 'connector': 'kafka' or
	// 'upsert-kafka' for a table of the embedded log, by its primary key where it
	// was not written.
	Options connector.Options
}

// Resolve checks a WITH clause; at is where an error about something missing
// points.
func (c *Catalog) Resolve(at parser.Pos, path Path, options []parser.Option, hasKey bool) (*With, error) {
	w := &With{Options: connector.Options{}}
	for _, o := range options {
		w.Options[o.Key] = o.Value
	}
	name := chooseConnector(w.Options, hasKey)
	if w.Factory = c.factories[name]; w.Factory == nil {
		return nil, c.unknownConnector(at, name, options)
	}
	if err := c.check(w, path, at, options); err != nil {
		return nil, err
	}
	if err := checkKey(w, path, at, options, hasKey); err != nil {
		return nil, err
	}
	if err := checkAlignment(w, path, at, options); err != nil {
		return nil, err
	}
	return w, nil
}

// chooseConnector is the connector that options mean. It writes the one that is
// meant by leaving it out into them.
func chooseConnector(options connector.Options, hasKey bool) string {
	name := options["connector"]
	if name == "" {
		name = kafka
		if hasKey {
			name = upsertKafka
		}
		options["connector"] = name
	}
	if (name == kafka || name == upsertKafka) && options[bootstrap] == "" {
		return embedded
	}
	return name
}

func (c *Catalog) unknownConnector(at parser.Pos, name string, options []parser.Option) error {
	for _, o := range options {
		switch {
		case o.Key == bootstrap && (name == kafka || name == upsertKafka):
			return errorAt(o.Pos(), "tables of an external Kafka cluster are not supported yet: leave out '%s' for a topic of the embedded log", bootstrap)
		case o.Key == "connector":
			at = o.ValuePos
		}
	}
	names := c.written()
	return errorAt(at, "connector '%s' not found%s; there are: %s", name, didYouMean(name, names), strings.Join(names, ", "))
}

// written are the names of the connectors as they are written in WITH.
func (c *Catalog) written() []string {
	var out []string
	for _, n := range c.Connectors() {
		if n != embedded {
			out = append(out, n)
		}
	}
	if c.factories[embedded] != nil {
		out = append(out, kafka, upsertKafka)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// check holds the options against the specifications.
func (c *Catalog) check(w *With, path Path, at parser.Pos, options []parser.Option) error {
	specs := slices.Concat(common, watermarkOptions, w.Factory.Options)
	if w.Factory.Formats != connector.NoFormat {
		more, err := formatOptions(w.Factory, w.Options, options)
		if err != nil {
			return err
		}
		specs = append(specs, more...)
	}
	for i, o := range options {
		for _, earlier := range options[:i] {
			if earlier.Key == o.Key {
				return errorAt(o.Pos(), "option '%s' is given twice", o.Key)
			}
		}
		spec := find(specs, o.Key)
		if spec == nil {
			return unknownOption(o, w, specs)
		}
		err := checkValue(spec, o.Value)
		if err == nil && spec.Check != nil {
			err = spec.Check(o.Value)
		}
		if err != nil {
			return errorAt(o.ValuePos, "option '%s': %s", o.Key, err)
		}
	}
	for _, s := range specs {
		if _, ok := w.Options[s.Name]; s.Required && !ok {
			return errorAt(at, "table '%s' with connector '%s' needs the option '%s': %s", path, w.Options["connector"], s.Name, s.Doc)
		}
	}
	return nil
}

func unknownOption(o parser.Option, w *With, specs []connector.Option) error {
	names := make([]string, len(specs))
	for i, s := range specs {
		names[i] = s.Name
	}
	return errorAt(o.Pos(), "unknown option '%s' for connector '%s'%s", o.Key, w.Options["connector"], didYouMean(o.Key, names))
}

// checkKey holds the primary key against the connector, in Flink's words.
func checkKey(w *With, path Path, at parser.Pos, options []parser.Option, hasKey bool) error {
	name := w.Options["connector"]
	if name == upsertKafka && !hasKey {
		return errorAt(at, "'upsert-kafka' tables require to define a PRIMARY KEY constraint: it says which columns are the message key")
	}
	if name != kafka || !hasKey {
		return nil
	}
	value := w.Factory.DefaultFormat
	for _, k := range []string{"format", "value.format"} {
		if f := w.Options[k]; f != "" {
			value = f
		}
	}
	if f, ok := format.Lookup(value); !ok || f.ChangelogMode != appendOnly {
		return nil
	}
	for _, o := range options {
		if o.Key == "connector" {
			at = o.Pos()
		}
	}
	return errorAt(at, "the Kafka table '%s' with '%s' format doesn't support defining PRIMARY KEY constraint on the table, because it can't guarantee the semantic of primary key; use 'upsert-kafka'", path, value)
}

func find(specs []connector.Option, key string) *connector.Option {
	for i := range specs {
		s := &specs[i]
		if s.Name == key || s.Type == "map" && strings.HasPrefix(key, s.Name) && len(key) > len(s.Name) {
			return s
		}
	}
	return nil
}

func errorAt(at parser.Pos, msg string, args ...any) error {
	return &parser.Error{Pos: at, Msg: fmt.Sprintf(msg, args...)}
}
