// Package lint holds what a reader may rely on all over the tree, as tests whose
// messages name the remedy.
package lint

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/millrace/millrace"

// lattice says which rooms a room may import, directly; an entry that ends in "/*"
// stands for all rooms below. A room that is not listed fails the test: decide
// where it belongs before it is made.
var lattice = map[string][]string{
	"internal/vfs":       {},
	"internal/wire":      {},
	"internal/types":     {},
	"internal/lint":      {},
	"internal/metrics":   {},
	"internal/trace":     {},
	"internal/commitlog": {"internal/vfs", "internal/wire", "internal/metrics"},

	"internal/broker/auth":      {},
	"internal/broker/metadata":  {"internal/vfs", "internal/wire", "internal/metrics", "internal/commitlog", "internal/broker/auth"},
	"internal/broker/share":     {},
	"internal/broker/group":     {"internal/wire", "internal/broker/share"},
	"internal/broker/quota":     {"internal/broker/metadata"},
	"internal/broker/telemetry": {"internal/wire"},
	"internal/broker/txn":       {"internal/wire"},
	"internal/broker":           {"internal/vfs", "internal/wire", "internal/metrics", "internal/commitlog", "internal/broker/*"},

	"internal/vec":       {"internal/types"},
	"internal/function":  {"internal/types", "internal/vec"},
	"internal/format":    {"internal/types", "internal/vec", "internal/format/*"},
	"internal/format/*":  {"internal/types", "internal/vec", "internal/format", "internal/format/*"},
	"internal/connector": {"internal/types", "internal/vec", "internal/format"},

	"internal/connector/log":        {"internal/types", "internal/vec", "internal/format", "internal/connector", "internal/wire"},
	"internal/client":               {"internal/broker/auth"},
	"internal/connector/kafka":      {"internal/types", "internal/vec", "internal/format", "internal/connector", "internal/connector/log", "internal/client", "internal/wire"},
	"internal/connector/filesystem": {"internal/types", "internal/vec", "internal/format", "internal/connector", "internal/vfs"},
	"internal/connector/*":          {"internal/types", "internal/vec", "internal/format", "internal/connector"},

	"internal/engine/state":     {"internal/types", "internal/vec"},
	"internal/engine/operator":  {"internal/types", "internal/vec", "internal/engine/state"},
	"internal/engine/journal":   {"internal/types", "internal/vec", "internal/wire"},
	"internal/engine/savepoint": {"internal/vfs", "internal/wire", "internal/engine/journal"},
	"internal/engine":           {"internal/types", "internal/vec", "internal/connector", "internal/trace", "internal/engine/*"},

	"internal/sql/parser":   {},
	"internal/sql/plan/rex": {"internal/types", "internal/vec", "internal/function", "internal/sql/parser"},
	"internal/sql/catalog":  {"internal/types", "internal/vec", "internal/format", "internal/connector", "internal/function", "internal/sql/parser", "internal/sql/plan/rex"},
	"internal/sql/plan":     {"internal/types", "internal/vec", "internal/connector", "internal/function", "internal/sql/parser", "internal/sql/catalog", "internal/sql/plan/rex"},
	"internal/sql/bind": {"internal/types", "internal/vec", "internal/connector", "internal/format", "internal/function", "internal/sql/parser", "internal/sql/catalog",
		"internal/sql/plan", "internal/sql/plan/rex"},
	"internal/sql/optimize": {"internal/types", "internal/vec", "internal/connector", "internal/function", "internal/sql/parser", "internal/sql/catalog", "internal/sql/bind",
		"internal/sql/plan", "internal/sql/plan/rex"},
	"internal/sql/lower": {"internal/types", "internal/vec", "internal/connector", "internal/function", "internal/sql/catalog", "internal/sql/plan", "internal/sql/plan/rex",
		"internal/engine", "internal/engine/*"},
	"internal/sql/session": {"internal/types", "internal/vec", "internal/connector", "internal/format", "internal/function", "internal/engine", "internal/engine/*",
		"internal/sql/*"},

	"internal/shell":   {"internal/types", "internal/vec", "internal/format", "internal/sql/parser"},
	"internal/gateway": {"internal/types", "internal/vec", "internal/format", "internal/sql/parser", "internal/sql/session", "internal/shell"},
	"internal/node":    {"internal/*"},
	".":                {"internal/*"},
	"cmd/*":            {"internal/*", ".", "bench/nexmark"},
	"test/*":           {"internal/*", ".", "bench/nexmark"},
	"bench/*":          {"internal/*", "."},
	"bench":            {"internal/*", "."},
	"test":             {"internal/*", "."},
}

func TestLattice(t *testing.T) {
	eachFile(t, func(path string, src []byte) {
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return
		}
		room := filepath.Dir(path)
		allowed, ok := rule(room)
		if !ok {
			t.Errorf("%s: the room %s is not in the lattice; decide which rooms it may see and add it to internal/lint/lattice_test.go and ARCHITECTURE.md", path, room)
			return
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, src, parser.ImportsOnly)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
		for _, imp := range f.Imports {
			p, _ := strconv.Unquote(imp.Path.Value)
			if p == "C" {
				t.Errorf("%s imports C; the binary is pure Go", path)
			}
			if p != module && !strings.HasPrefix(p, module+"/") {
				continue
			}
			target := strings.TrimPrefix(strings.TrimPrefix(p, module), "/")
			if target == "" {
				target = "."
			}
			if !slices.ContainsFunc(allowed, func(a string) bool { return covers(a, target) }) {
				t.Errorf("%s imports %s, against the lattice: declare the few calls that %s needs as an interface there, and let internal/node hand the real thing in", path, target, room)
			}
		}
	})
}

// rule finds the lattice's entry of a room: its own, or that of the nearest folder
// above it that covers all rooms below.
func rule(room string) ([]string, bool) {
	if a, ok := lattice[room]; ok {
		return a, true
	}
	for dir := filepath.Dir(room); ; dir = filepath.Dir(dir) {
		if a, ok := lattice[dir+"/*"]; ok {
			return a, true
		}
		if dir == "." {
			return nil, false
		}
	}
}

func covers(allowed, target string) bool {
	if dir, ok := strings.CutSuffix(allowed, "/*"); ok {
		return strings.HasPrefix(target, dir+"/")
	}
	return allowed == target
}

// eachFile calls fn with every file of the project that is text a person wrote.
func eachFile(t *testing.T, fn func(path string, src []byte)) {
	t.Helper()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		if d.IsDir() {
			if rel != "." && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".ci" || d.Name() == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		switch filepath.Ext(path) {
		case ".go", ".md", ".sql", ".mod", "":
			src, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fn(rel, src)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
