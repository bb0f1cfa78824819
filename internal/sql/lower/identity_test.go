package lower

import (
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/internal/engine"
	"github.com/millrace/millrace/internal/sql/catalog"
)

// identityText is what becomes of a job's operators when its statement is edited: the
// statement as it was, a line "=>", and as it is now. An operator that is kept finds its
// state in the savepoint of the old job; one that is like an old one keeps the same, and gives
// it out otherwise; what is gone is what --allow-non-restored-state
// gives up, if it has state.
func identityText(c *catalog.Catalog, src string) (string, error) {
	before, after, _ := strings.Cut(src, "\n=>\n")
	old, _, err := lowered(c, before, Env{})
	if err != nil {
		return "", err
	}
	now, _, err := lowered(c, after, Env{})
	if err != nil {
		return "", err
	}
	has := func(g *engine.Graph, same func(string) bool) bool {
		return slices.ContainsFunc(g.Nodes, func(n *engine.Node) bool { return same(n.ID) })
	}
	exactly := func(id string) func(string) bool { return func(o string) bool { return o == id } }
	alike := func(id string) func(string) bool {
		return func(o string) bool { return engine.Family(o) == engine.Family(id) }
	}
	var b strings.Builder
	for _, n := range now.Nodes {
		what := "new "
		switch {
		case has(old, exactly(n.ID)):
			what = "kept"
		case has(old, alike(n.ID)):
			what = "like"
		}
		fmt.Fprintf(&b, "%s  %s\n", what, n.Name)
	}
	for _, n := range old.Nodes {
		if !has(now, alike(n.ID)) {
			fmt.Fprintf(&b, "gone  %s\n", n.Name)
		}
	}
	return b.String(), now.Validate()
}
