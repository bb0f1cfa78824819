package json

import (
	"testing"

	"github.com/millrace/millrace/internal/format"
	"github.com/millrace/millrace/internal/types"
)

// TestFields: fields that nobody uses are NULL, and nothing is asked of their values.
func TestFields(t *testing.T) {
	row := types.TRow(types.Field{Name: "a", Type: types.TInt}, types.Field{Name: "b", Type: types.TString}, types.Field{Name: "c", Type: types.TArray(types.TInt)})
	cfg := format.Config{
		Columns: []format.Column{column("k", types.TInt), column("r", row), column("s", row)},
		Project: []int{2, 0, 1},
		Fields:  map[int][]int{1: {1}, 2: {}},
	}
	d, err := newDecoder(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		`{"k":1,"r":{"a":1,"b":"x","c":[1]},"s":{"a":2}}`:         "((NULL, NULL, NULL), 1, (NULL, x, NULL))",
		`{"s":null,"r":{"c":"no array","b":"y","a":"no number"}}`: "(NULL, NULL, (NULL, y, NULL))",
		`{"s":{},"r":null,"k":3}`:                                 "((NULL, NULL, NULL), 3, NULL)",
		`{"s":{"a":1}, "r":{"b":"x","a":}}`:                       "'}}' is not JSON (byte 31: a value expected)",
	} {
		if got := decodeText(t, d, in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
