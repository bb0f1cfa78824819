package catalog

import (
	"strings"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/format"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/types"
)

const appendOnly = types.AppendOnly

// defaultFormat is the format of a topic of the embedded log that names none.
const defaultFormat = "json"

// formatKeys are the options that name a format, with the prefix that the
// format's own options have under each: 'value.format' = 'json' takes
// 'value.json.ignore-parse-errors'.
var formatKeys = []struct{ key, prefix string }{
	{"format", ""}, {"value.format", "value."}, {"key.format", "key."},
}

// formatOptions are the specifications of all format options that can stand
// beside those given.
func formatOptions(values connector.Options, options []parser.Option) ([]connector.Option, error) {
	specs := []connector.Option{
		{Name: "format", Type: "string", Doc: "The format of the records."},
		{Name: "value.format", Type: "string", Doc: "The format of the records' values."},
		{Name: "key.format", Type: "string", Doc: "The format of the records' keys."},
	}
	for _, k := range formatKeys {
		name, ok := values[k.key]
		if !ok && k.key == "format" && values["value.format"] == "" {
			name = defaultFormat
		}
		if name == "" {
			continue
		}
		f, found := format.Lookup(name)
		if !found {
			return nil, unknownFormat(k.key, name, options)
		}
		for _, o := range f.Options {
			prefix := k.prefix + name + "."
			specs = append(specs, connector.Option{
				Name: prefix + o.Name, Type: o.Type, Default: o.Default, Values: o.Values, Doc: o.Doc, Required: o.Required,
			})
		}
	}
	return specs, nil
}

func unknownFormat(key, name string, options []parser.Option) error {
	at := parser.Pos{Line: 1, Col: 1}
	for _, o := range options {
		if o.Key == key {
			at = o.ValuePos
		}
	}
	return errorAt(at, "format '%s' not found%s; there are: %s", name, didYouMean(name, format.Names()), strings.Join(format.Names(), ", "))
}

// ValueFormat is the format of a table's values.
func ValueFormat(options connector.Options) (name string, written bool) {
	for _, k := range []string{"value.format", "format"} {
		if f := options[k]; f != "" {
			return f, true
		}
	}
	return defaultFormat, false
}
