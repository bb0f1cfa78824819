package metadata

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var rewriteReference = flag.Bool("reference", false, "write docs/configs.md anew")

const referenceHead = `# Configurations

Every configuration name of Apache Kafka 4.3.1 is known to millrace: it is listed, checked and described as Kafka does it. Those in
the first table of each kind act; the others are accepted and change nothing, which is said once, on stderr, when one is set.

Broker settings are given to ` + "`millrace serve --set NAME=VALUE`" + `; those whose column says so can also be changed while it runs, with
` + "`kafka-configs`" + `, for this node or for the cluster. Names that begin with ` + "`millrace.`" + ` are not Kafka's.

This page is generated from internal/broker/metadata (` + "`go test ./internal/broker/metadata -run Reference -args -reference`" + `).
Names, defaults and documentation: Apache Kafka, Copyright The Apache Software Foundation, Apache License 2.0.
`

// TestReference holds docs/configs.md to the tables.
func TestReference(t *testing.T) {
	path := filepath.Join("..", "..", "..", "docs", "configs.md")
	want := reference()
	if *rewriteReference {
		if err := os.WriteFile(path, []byte(want), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("docs/configs.md is not what the tables say (%v): run go test ./internal/broker/metadata -run Reference -args -reference", err)
	}
}

func reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	all := allConfigs()
	for _, kind := range []struct {
		title string
		table configTable
	}{
		{"Topics", all.topic}, {"The broker", all.broker}, {"Groups", all.group}, {"Subscriptions to clients' metrics", all.clientMetrics},
	} {
		for _, acts := range []bool{true, false} {
			var rows []string
			for _, c := range kind.table.list {
				if c.Acts == acts && !c.Hidden {
					rows = append(rows, referenceRow(c))
				}
			}
			if len(rows) == 0 {
				continue
			}
			title := kind.title
			if !acts {
				title += ": without effect"
			}
			fmt.Fprintf(&b, "\n## %s\n\n| name | default | changes at run time | documentation |\n|---|---|---|---|\n%s", title, strings.Join(rows, ""))
		}
	}
	return b.String()
}

func referenceRow(c *ConfigSpec) string {
	value, scope := "`"+c.Default+"`", string(c.Scope)
	switch {
	case c.Null:
		value = "none"
	case c.Default == "":
		value = "empty"
	}
	if scope == "" {
		scope = "no"
	}
	if allConfigs().broker.byName[c.Name] != c {
		scope = "yes"
	}
	doc := c.Doc
	if c.Note != "" {
		doc += " **In millrace:** " + c.Note
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s |\n", c.Name, value, scope, plain(doc))
}

var (
	codeTag = regexp.MustCompile(`</?code>`)
	tag     = regexp.MustCompile(`<[a-zA-Z/][^>]*>`)
	spaces  = regexp.MustCompile(`\s+`)
)

// plain is documentation without HTML, on one line.
func plain(doc string) string {
	doc = tag.ReplaceAllString(codeTag.ReplaceAllString(doc, "`"), " ")
	return strings.TrimSpace(spaces.ReplaceAllString(strings.NewReplacer("|", `\|`, "&lt;", "<", "&gt;", ">", "&nbsp;", " ").Replace(doc), " "))
}
