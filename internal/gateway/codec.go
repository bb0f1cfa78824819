package gateway

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/millrace/millrace/internal/format"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// Values travel as Flink's gateway writes them with rowFormat=JSON: by its json format
// with ISO-8601 timestamps, arrays and maps as JSON's, bytes in base64; a MAP whose keys
// are no strings, which Flink's cannot write, as an array of {"key":…,"value":…}. A value
// of a type that this format does not have travels as its SQL text.

// codecConfig is the format's view of columns of these types; text says which of them
// travel as text. Names are numbers, because those of a query need not differ.
func codecConfig(ts []types.Type) (cfg format.Config, text []bool, err error) {
	factory, ok := format.Lookup("json")
	if !ok {
		return cfg, nil, fmt.Errorf("internal error: the gateway needs the format json")
	}
	cfg.Options = map[string]string{"timestamp-format.standard": "ISO-8601", "map-null-key.mode": "LITERAL"}
	cfg.Entries = true
	text = make([]bool, len(ts))
	for i, t := range ts {
		one := format.Column{Name: strconv.Itoa(i), Type: t.Plain()}
		if _, err := factory.NewEncoder(format.Config{Columns: []format.Column{one}, Options: cfg.Options, Entries: true}); err != nil {
			text[i], one.Type = true, types.TString
		}
		cfg.Columns = append(cfg.Columns, one)
	}
	return cfg, text, nil
}

// encoder writes the values of a result's rows.
type encoder struct {
	encoders []format.Encoder // by column; nil: as text
	buf      []byte
}

func newEncoder(columns []types.Field) (*encoder, error) {
	ts := make([]types.Type, len(columns))
	for i, c := range columns {
		ts[i] = c.Type
	}
	cfg, text, err := codecConfig(ts)
	if err != nil {
		return nil, err
	}
	e := &encoder{encoders: make([]format.Encoder, len(columns))}
	factory, _ := format.Lookup("json")
	for i, c := range cfg.Columns {
		if text[i] {
			continue
		}
		c.Name = "v"
		one := format.Config{Columns: []format.Column{c}, Options: cfg.Options, Entries: true}
		if e.encoders[i], err = factory.NewEncoder(one); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// fields are the values of a row, each as JSON.
func (e *encoder) fields(cols []*vec.Vector, r int) ([]json.RawMessage, error) {
	out := make([]json.RawMessage, len(cols))
	for c, v := range cols {
		switch {
		case v.IsNull(r):
			out[c] = json.RawMessage("null")
			continue
		case e.encoders[c] == nil:
			text, err := json.Marshal(string(vec.AppendText(nil, v, r)))
			if err != nil {
				return nil, err
			}
			out[c] = text
			continue
		}
		var err error
		if e.buf, err = e.encoders[c].Encode(e.buf[:0], cols[c:c+1], r); err != nil {
			return nil, err
		}
		out[c] = append(json.RawMessage(nil), e.buf[len(`{"v":`):len(e.buf)-1]...)
	}
	return out, nil
}

// decodeRows makes columns of rows that came over the wire.
func decodeRows(columns []types.Field, rows [][]json.RawMessage) ([]*vec.Vector, error) {
	ts := make([]types.Type, len(columns))
	for i, c := range columns {
		ts[i] = c.Type
	}
	cfg, _, err := codecConfig(ts)
	if err != nil {
		return nil, err
	}
	factory, _ := format.Lookup("json")
	dec, err := factory.NewDecoder(cfg)
	if err != nil {
		return nil, err
	}
	dec.Reset(len(rows))
	var buf []byte
	for _, row := range rows {
		if len(row) != len(columns) {
			return nil, fmt.Errorf("the node's answer has a row of %d fields for %d columns", len(row), len(columns))
		}
		buf = append(buf[:0], '{')
		for i, f := range row {
			if i > 0 {
				buf = append(buf, ',')
			}
			buf = strconv.AppendQuote(buf, cfg.Columns[i].Name)
			buf = append(append(buf, ':'), f...)
		}
		if _, err := dec.Decode(append(buf, '}')); err != nil {
			return nil, fmt.Errorf("the node's answer cannot be read: %w", err)
		}
	}
	cols, _ := dec.Finish()
	return cols, nil
}
