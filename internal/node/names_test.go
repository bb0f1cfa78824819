package node

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/broker/metadata"
	"github.com/millrace/millrace/internal/connector"
	logconn "github.com/millrace/millrace/internal/connector/log"
	"github.com/millrace/millrace/internal/types"
)

// TestTopicNames: a table takes the names of topics that the log takes, and no others.
func TestTopicNames(t *testing.T) {
	f := logconn.Factory(nil)
	for _, name := range []string{
		"a", "a.b_c-D9", "..a", "...", strings.Repeat("x", 249), "__millrace",
		".", "..", "a b", "a/b", "ä", "a\x00", "a;b", "bad topic!", strings.Repeat("x", 250), metadata.MetadataTopic,
	} {
		table := connector.Table{Path: [3]string{"c", "d", name}, Columns: []connector.Column{{Name: "a", Type: types.TInt}}}
		if got, want := f.Check(table), metadata.CheckName(name); (got == nil) != (want == nil) {
			t.Errorf("topic %.20q: the table says %v, the log %v", name, got, want)
		}
	}
}
