package catalog

import (
	"strings"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/format"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/types"
)

const appendOnly = types.AppendOnly

// formatKeys are the options that name a format, with the prefix that the
// format's own options have under each: 'value.format' = 'json' takes
// 'value.json.ignore-parse-errors'.
var formatKeys = []connector.Option{
	{Name: "format", Type: "string", Doc: "The format of the records."},
	{Name: "value.format", Type: "string", Doc: "The format of the records' values."},
	{Name: "key.format", Type: "string", Doc: "The format of the records' keys."},
}

func formatPrefix(key string) string { return strings.TrimSuffix(key, "format") }

// formatOptions are the specifications of all format options that can stand
// beside those given. Where no format is written, the connector's default can be
// given options under every name.
func formatOptions(f *connector.Factory, values connector.Options, options []parser.Option) ([]connector.Option, error) {
	keys := formatKeys
	if f.Formats == connector.OneFormat {
		keys = keys[:1]
	}
	var specs []connector.Option
	for _, k := range keys {
		k.Required = f.DefaultFormat == "" && f.Formats == connector.OneFormat
		specs = append(specs, k)
		name, written := values[k.Name]
		if !written && (k.Name == "key.format" || values["format"] == "" && values["value.format"] == "") {
			name = f.DefaultFormat
		}
		if name == "" && !written {
			continue
		}
		found, ok := format.Lookup(name)
		if !ok {
			return nil, unknownFormat(k.Name, name, options)
		}
		for _, o := range found.Options {
			specs = append(specs, connector.Option{
				Name: formatPrefix(k.Name) + name + "." + o.Name, Type: o.Type, Default: o.Default, Values: o.Values, Doc: o.Doc, Required: o.Required,
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
