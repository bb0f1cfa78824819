// Package csv is the format csv: Flink's, which is Jackson's, with one option of our
// own, header.
//
// A record has a field for each column, by place. A field may stand in quotes, a
// quote in it is doubled; an array's elements and a row's fields share one field,
// with a delimiter of their own. As in Flink a BOOLEAN is true if its text is true,
// else false; an empty field is an empty string, and no number, unless null-literal
// says that it is NULL; a DECIMAL of too many digits is NULL; one empty field too many
// at the end is let go. Too few or too many fields are an error; with
// ignore-parse-errors the missing ones are NULL, and a record of too many is skipped.
// An empty record is skipped, unless the table has one column only.
//
// The encoder quotes where Flink's does: texts longer than 24 characters, and those
// with a character up to the greater of delimiter and quote, blanks among them.
package csv

import (
	"fmt"
	"strings"

	"github.com/millrace/millrace/internal/format"
	"github.com/millrace/millrace/internal/types"
)

// The names of the options.
const (
	optDelimiter   = "field-delimiter"
	optNoQuote     = "disable-quote-character"
	optQuote       = "quote-character"
	optComments    = "allow-comments"
	optIgnore      = "ignore-parse-errors"
	optArray       = "array-element-delimiter"
	optEscape      = "escape-character"
	optNull        = "null-literal"
	optScientific  = "write-bigdecimal-in-scientific-notation"
	optTrim        = "trim-spaces"
	optEmptyNull   = "empty-string-as-null"
	optIgnoreFirst = "ignore-first-line"
	optHeader      = "header"
)

// Factory is the format's specification.
var Factory = &format.Factory{
	Name:          "csv",
	Summary:       "Fields by place, separated by commas.",
	ChangelogMode: types.AppendOnly,
	Options: []format.Option{
		{Name: optDelimiter, Type: "string", Default: ",", Doc: `The character between two fields; \t is a tab.`},
		{Name: optNoQuote, Type: "bool", Default: "false", Doc: "Take no character for a quote; quote-character must not be set."},
		{Name: optQuote, Type: "string", Default: `"`, Doc: "The character around fields that hold delimiters or line ends."},
		{Name: optComments, Type: "bool", Default: "false", Doc: "Skip lines that begin with #."},
		{Name: optIgnore, Type: "bool", Default: "false", Doc: "Take NULL for fields that cannot be read, and skip records that cannot, instead of failing."},
		{Name: optArray, Type: "string", Default: ";", Doc: "What stands between the elements of an array and the fields of a row."},
		{Name: optEscape, Type: "string", Doc: "The character that takes the next one's meaning away; there is none by default."},
		{Name: optNull, Type: "string", Doc: "The text that stands for NULL; there is none by default, and NULL is written as an empty field."},
		{Name: optScientific, Type: "bool", Default: "true", Doc: "Write small DECIMALs with an exponent: 2.7E-8, not 0.000000027."},
		{Name: optTrim, Type: "bool", Default: "false", Doc: "Take the blanks around unquoted fields away when reading."},
		{Name: optEmptyNull, Type: "bool", Default: "false", Doc: "Take an empty field for NULL when reading."},
		{Name: optIgnoreFirst, Type: "bool", Default: "false", Doc: "Skip the first record of every file."},
		{Name: optHeader, Type: "bool", Default: "false", Doc: "The first record of every file names the columns: it is skipped after a look whether there are as many as the table has. This option is millrace's own; Flink has ignore-first-line."},
	},
}

func init() {
	Factory.NewDecoder, Factory.NewEncoder = newDecoder, newEncoder
	format.Register(Factory)
}

// dialect is what decoder and encoder agree on. quote and escape are 0 if there is
// none.
type dialect struct {
	delim, quote, escape byte
	array                []byte
	null                 []byte
	hasNull              bool
}

func newDialect(options map[string]string) (d dialect, set format.Settings, err error) {
	if set, err = Factory.Settings(options); err != nil {
		return d, set, err
	}
	if d.delim, err = character(set, optDelimiter); err != nil {
		return d, set, err
	}
	if set.Bool(optNoQuote) {
		if _, given := options[optQuote]; given {
			return d, set, fmt.Errorf("options 'csv.%s' and 'csv.%s' cannot both be set", optNoQuote, optQuote)
		}
	} else if d.quote, err = character(set, optQuote); err != nil {
		return d, set, err
	}
	if _, given := set.Lookup(optEscape); given {
		if d.escape, err = character(set, optEscape); err != nil {
			return d, set, err
		}
	}
	if d.delim == d.quote || d.delim == d.escape {
		return d, set, fmt.Errorf("option 'csv.%s': '%c' is the quote or escape character, too", optDelimiter, d.delim)
	}
	d.array = []byte(set.String(optArray))
	if len(d.array) == 0 {
		return d, set, fmt.Errorf("option 'csv.%s' is empty", optArray)
	}
	null, given := set.Lookup(optNull)
	d.null, d.hasNull = []byte(null), given
	return d, set, nil
}

// character is an option that is one ASCII character.
func character(set format.Settings, name string) (byte, error) {
	v := strings.NewReplacer(`\t`, "\t", `\\`, `\`).Replace(set.String(name))
	if len(v) != 1 || v[0] >= 0x80 || v[0] == '\n' || v[0] == '\r' || v[0] == 0 {
		return 0, fmt.Errorf("option 'csv.%s': '%s' is not a character of ASCII", name, set.String(name))
	}
	return v[0], nil
}
