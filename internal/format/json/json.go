// Package json is the format json: Flink's, a JSON object a record.
//
// Documents are decoded straight into columns by a scanner of its own, compiled for
// the schema: no tree, no reflection, no allocation per record, but for maps of more
// than 32 entries.
//
// What is taken, and what it becomes, is as in Flink: numbers and booleans for a
// STRING column give their text, objects and arrays their compact JSON; strings
// that hold a number are taken for numbers; a number with a fraction is cut for INT
// and BIGINT; a DECIMAL that has too many digits is NULL; a missing field is NULL; of
// a field given twice the last counts; names are matched exactly. A record may also
// be an array of objects, each a row; a record that is null or blank has none.
//
// As in Flink, control characters need no escape. Text that no column asks for is
// passed over by its structure: strings must end and brackets match, but what stands
// between them is not checked. After the object nothing may follow; there Flink
// looks away.
package json

import (
	"strings"

	"github.com/millrace/millrace/internal/format"
	"github.com/millrace/millrace/internal/types"
)

// The names of the options.
const (
	optFailOnMissing = "fail-on-missing-field"
	optIgnoreErrors  = "ignore-parse-errors"
	optTimestamp     = "timestamp-format.standard"
	optNullKeyMode   = "map-null-key.mode"
	optNullKeyText   = "map-null-key.literal"
	optPlainDecimal  = "encode.decimal-as-plain-number"
	optIgnoreNulls   = "encode.ignore-null-fields"
	optJSONParser    = "decode.json-parser.enabled"
)

const (
	standardSQL = "SQL"
	standardISO = "ISO-8601"
)

// Factory is the format's specification.
var Factory = &format.Factory{
	Name:          "json",
	Summary:       "A JSON object a record; fields are matched by name.",
	ChangelogMode: types.AppendOnly,
	Options: []format.Option{
		{Name: optFailOnMissing, Type: "bool", Default: "false", Doc: "Whether a field that is missing is an error; otherwise it is NULL."},
		{Name: optIgnoreErrors, Type: "bool", Default: "false", Doc: "Skip records that are not JSON, and take NULL for values that cannot be read, instead of failing."},
		{Name: optTimestamp, Type: "enum", Default: standardSQL, Values: []string{standardSQL, standardISO}, Doc: "How timestamps are read and written: 2026-01-02 03:04:05.678 (SQL) or 2026-01-02T03:04:05.678 (ISO-8601); TIMESTAMP_LTZ with a closing Z."},
		{Name: optNullKeyMode, Type: "enum", Default: "FAIL", Values: []string{"FAIL", "DROP", "LITERAL"}, Doc: "What becomes of a map's entry whose key is NULL when it is written."},
		{Name: optNullKeyText, Type: "string", Default: "null", Doc: "The key that is written for NULL with map-null-key.mode LITERAL."},
		{Name: optPlainDecimal, Type: "bool", Default: "false", Doc: "Write small DECIMALs without an exponent: 0.000000027, not 2.7E-8."},
		{Name: optIgnoreNulls, Type: "bool", Default: "false", Doc: "Leave out fields that are NULL."},
		{Name: optJSONParser, Type: "bool", Default: "true", Doc: "Flink's choice between its two parsers. It has no effect here: there is one."},
	},
}

func init() {
	Factory.NewDecoder, Factory.NewEncoder = newDecoder, newEncoder
	format.Register(Factory)
}

// fieldPath is how an error names a field of a nested column.
func fieldPath(parent, name string) string {
	if parent == "" {
		return name
	}
	return parent + "." + name
}

// plainKey says that a name stands in JSON as it is.
func plainKey(name string) bool {
	return strings.IndexFunc(name, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' }) < 0
}
