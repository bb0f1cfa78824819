package lower

import (
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/sql/catalog"
)

// TestMatchFlink runs MATCH_RECOGNIZE as TestRun runs queries and compares with what
// Apache Flink 2.3.0 answered to the same statements over the same rows: the answers
// of "flink" are recorded, and not to be rewritten from what millrace says. What Flink
// refuses is "refused", with what millrace says; "differs" is what millrace refuses.
func TestMatchFlink(t *testing.T) {
	c := catalog.New([]*connector.Factory{rowsFactory(), memoryFactory()})
	datadriven.RunTest(t, "testdata_flink/match.txt", func(t *testing.T, d *datadriven.TestData) string {
		if d.Cmd == "ddl" {
			if err := declare(c, d.Input); err != nil {
				t.Fatal(err)
			}
			return ""
		}
		out, err := runEverywhere(c, d.Input, false, false)
		if err != nil {
			return "error: " + err.Error() + "\n"
		}
		if d.Cmd != "flink" {
			t.Errorf("%s: this should be refused", d.Pos)
		}
		_, table, _ := strings.Cut(out, "= table\n")
		return table
	})
}
