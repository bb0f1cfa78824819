package plan

import (
	"fmt"
	"strings"

	"github.com/millrace/millrace/internal/sql/plan/rex"
)

// Explain is the text of EXPLAIN: the logical plan and the physical one, which
// is printed a second time as it is executed, with shared sub-plans once.
func Explain(logical, physical []Node, changelog bool) string {
	var b strings.Builder
	b.WriteString("== Abstract Syntax Tree ==\n")
	writeTrees(&b, logical, &treePrinter{style: rex.Logical})
	b.WriteString("\n== Optimized Physical Plan ==\n")
	writeTrees(&b, physical, &treePrinter{style: rex.Prefix, changelog: changelog})
	b.WriteString("\n== Optimized Execution Plan ==\n")
	ids := &IDs{}
	writeTrees(&b, physical, &treePrinter{style: rex.Infix, ids: ids, shared: sharedNodes(physical, ids)})
	return b.String()
}

// Tree prints one plan.
func Tree(n Node, style rex.Style, changelog bool) string {
	var b strings.Builder
	p := &treePrinter{style: style, changelog: changelog}
	p.write(&b, n, "", "")
	return b.String()
}

func writeTrees(b *strings.Builder, nodes []Node, p *treePrinter) {
	for i, n := range nodes {
		if i > 0 {
			b.WriteString("\n")
		}
		p.write(b, n, "", "")
	}
}

type treePrinter struct {
	style     rex.Style
	changelog bool
	ids       *IDs
	shared    map[string]int // node ID to reuse ID; 0: not printed yet
	next      int
}

// write prints a node with first in front of its line, and rest in front of
// those of its inputs.
func (p *treePrinter) write(b *strings.Builder, n Node, first, rest string) {
	text := n.Text(p.style)
	if p.changelog {
		if ph, ok := n.(Physical); ok {
			text = strings.TrimSuffix(text, ")") + separator(text) + "changelogMode=[" + ph.Traits().Mode.String() + "])"
		}
	}
	if p.shared != nil {
		id := p.ids.Of(n)
		if reuse, ok := p.shared[id]; ok {
			if reuse > 0 {
				fmt.Fprintf(b, "%sReused(reference_id=[%d])\n", first, reuse)
				return
			}
			p.next++
			p.shared[id] = p.next
			text += fmt.Sprintf("(reuse_id=[%d])", p.next)
		}
	}
	b.WriteString(first + text + "\n")
	in := n.Inputs()
	for i, c := range in {
		if i < len(in)-1 {
			p.write(b, c, rest+":- ", rest+":  ")
		} else {
			p.write(b, c, rest+"+- ", rest+"   ")
		}
	}
}

// separator comes between a node's own attributes and one that is added.
func separator(text string) string {
	switch {
	case !strings.HasSuffix(text, ")"):
		return "("
	case strings.HasSuffix(text, "()"):
		return ""
	}
	return ", "
}

// sharedNodes finds the sub-plans that several nodes read. Below one that is
// shared there is nothing to be looked for: it is printed once.
func sharedNodes(nodes []Node, ids *IDs) map[string]int {
	count := map[string]int{}
	var visit func(Node)
	visit = func(n Node) {
		id := ids.Of(n)
		count[id]++
		if count[id] > 1 {
			return
		}
		for _, c := range n.Inputs() {
			visit(c)
		}
	}
	for _, n := range nodes {
		visit(n)
	}
	shared := map[string]int{}
	for id, k := range count {
		if k > 1 {
			shared[id] = 0
		}
	}
	return shared
}
