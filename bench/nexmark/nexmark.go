// Package nexmark is the Nexmark benchmark: its queries, its events as files and
// records, and what a query's result must be.
//
// A result is a multiset of rows: what is left when a changelog is folded. It is told
// by a Digest, which a sink keeps as rows come and go, so that every run of the
// benchmark checks its answers; the digests of Apache Flink's answers over the same
// events are recorded in test/nexmark.
package nexmark

import (
	"embed"
	"fmt"
	"maps"
	"slices"
	"strings"
)

//go:embed queries/*.sql
var texts embed.FS

// Query is one of the benchmark.
type Query struct {
	Name string
	// Compare are the result's columns that are the same in every right answer: those
	// of a row that is one of several with the same rank are not. nil: all of them.
	Compare []int
	// Total is a column whose sum is all that can be said of a result that hangs on
	// the clock; -1: there is none.
	Total int
	// Files says that the result is written as partitioned files (q10).
	Files bool
	// Side says that the query reads a file of keys and values (q13).
	Side bool
}

// Queries are all of them, in order.
func Queries() []Query {
	var out []Query
	for i := range 24 {
		q := Query{Name: fmt.Sprintf("q%d", i), Total: -1}
		switch i {
		case 9: // the auction, the price and its time
			q.Compare = []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13}
		case 10:
			q.Files = true
		case 12:
			q.Total = 1
		case 13:
			q.Side = true
		case 18: // auction, bidder, time
			q.Compare = []int{0, 1, 5}
		case 19: // auction, price, rank
			q.Compare = []int{0, 2, 7}
		}
		out = append(out, q)
	}
	for i := range 4 {
		out = append(out, Query{Name: fmt.Sprintf("cep%d", i), Total: -1})
	}
	return out
}

// Find is the query of a name.
func Find(name string) (Query, error) {
	all := Queries()
	i := slices.IndexFunc(all, func(q Query) bool { return q.Name == name })
	if i < 0 {
		return Query{}, fmt.Errorf("there is no query '%s': there are q0 to q23 and cep0 to cep3", name)
	}
	return all[i], nil
}

// Select finds queries by a list of names with commas, or "all".
func Select(names string) ([]Query, error) {
	if names == "all" {
		return Queries(), nil
	}
	var out []Query
	for name := range strings.SplitSeq(names, ",") {
		q, err := Find(strings.TrimSpace(name))
		if err != nil {
			return nil, err
		}
		out = append(out, q)
	}
	return out, nil
}

// text is a script with what stands in ${…} filled in.
func text(name string, values map[string]string) string {
	b, err := texts.ReadFile("queries/" + name + ".sql")
	if err != nil {
		panic(err) // the files are in the program
	}
	s := string(b)
	for _, k := range slices.Sorted(maps.Keys(values)) {
		s = strings.ReplaceAll(s, "${"+k+"}", values[k])
	}
	return s
}

// Prologue declares the table of all events and its views; source is one of
// "generator" (with EVENTS and SPLITS), "log" (TOPIC and SPLITS) and "kafka" (TOPIC
// and BROKERS).
func Prologue(source string, values map[string]string) string {
	return text("ddl_"+source, values) + "\n" + text("ddl_views", nil)
}

// Table declares the table of all events with other options.
func Table(with string) string {
	ddl := text("ddl_generator", nil)
	return ddl[:strings.Index(ddl, "WITH (")] + "WITH (" + with + ");\n\n" + text("ddl_views", nil)
}

// Script declares the query's result, with these options, and fills it. side is the
// file of q13.
func (q Query) Script(with, side string) string {
	return text(q.Name, map[string]string{"SINK": with, "PARTITIONED": with, "SIDE_INPUT": side})
}

// Statement is the query itself, without the INSERT.
func (q Query) Statement() string {
	_, sql, _ := strings.Cut(text(q.Name, nil), "INSERT INTO answer\n")
	return strings.TrimSuffix(strings.TrimSpace(sql), ";")
}
