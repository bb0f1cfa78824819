package json

import (
	"testing"

	"github.com/millrace/millrace/internal/format"
	"github.com/millrace/millrace/internal/types"
)

// TestEntries: a MAP or MULTISET whose keys are no strings is an array of entries where it
// is shown, and comes back from it; a table cannot have one, as in Flink.
func TestEntries(t *testing.T) {
	row := types.TRow(types.Field{Name: "a", Type: types.TInt})
	cfg := format.Config{Entries: true, Columns: []format.Column{
		column("m", types.TMap(types.TInt, types.TString)), column("s", types.Type{Root: types.Multiset, Elem: &types.TDate}),
		column("n", types.TMap(row, types.TMap(types.TBigInt, types.TArray(types.TInt)))), column("k", types.TMap(types.TString, types.TInt)),
	}}
	for _, text := range []string{
		`{"m":[{"key":1,"value":"a"},{"key":2,"value":null},{"key":null,"value":"c"}],"s":[{"key":"2026-01-31","value":2}],"n":[{"key":{"a":1},"value":[{"key":5,"value":[1,2]},{"key":6,"value":[]}]}],"k":{"x":1}}`,
		`{"m":[],"s":null,"n":[{"key":{"a":null},"value":null}],"k":null}`,
	} {
		d, err := newDecoder(cfg)
		if err != nil {
			t.Fatal(err)
		}
		e, err := newEncoder(cfg)
		if err != nil {
			t.Fatal(err)
		}
		d.Reset(1)
		if _, err := d.Decode([]byte(text)); err != nil {
			t.Fatal(err)
		}
		cols, _ := d.Finish()
		if got, err := e.Encode(nil, cols, 0); err != nil || string(got) != text {
			t.Errorf("got  %s, %v\nwant %s", got, err, text)
		}
	}
	d, _ := newDecoder(cfg)
	for text, want := range map[string]string{
		`{"m":[1]}`:           "'1]}' is not JSON (byte 6: an entry of a map expected)",
		`{"m":{"1":"a"}}`:     `column m: '{"1":"a"}' is not a MAP<INT, STRING>`,
		`{"m":[{"key":"x"}]}`: "column m.key: 'x' is not an INT",
	} {
		if got := decodeText(t, d, text); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
	cfg.Entries = false
	const refused = "column m: format json wants strings for the keys of a map, not INT"
	if _, err := newDecoder(cfg); err == nil || err.Error() != refused {
		t.Error(err)
	}
	if _, err := newEncoder(cfg); err == nil || err.Error() != refused {
		t.Error(err)
	}
}
