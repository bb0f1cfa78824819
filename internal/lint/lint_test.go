package lint

import (
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
	"testing"
)

// TestFormatted holds gofmt.
func TestFormatted(t *testing.T) {
	eachFile(t, func(path string, src []byte) {
		if !strings.HasSuffix(path, ".go") {
			return
		}
		out, err := format.Source(src)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		} else if string(out) != string(src) {
			t.Errorf("%s is not formatted: run gofmt -w %s", path, path)
		}
	})
}

// openEnds are words of unfinished work, put together here so that this file does
// not find itself.
var openEnds = regexp.MustCompile(`//.*\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)

// TestNoOpenEnds: what is left out stands in docs/gaps.md, not in a comment.
func TestNoOpenEnds(t *testing.T) {
	eachFile(t, func(path string, src []byte) {
		if !strings.HasSuffix(path, ".go") {
			return
		}
		for i, line := range strings.Split(string(src), "\n") {
			if openEnds.MatchString(line) {
				t.Errorf("%s:%d: %s: do it, or name the gap in docs/gaps.md", path, i+1, strings.TrimSpace(line))
			}
		}
	})
}

// TestNoPlace: nothing of the machine that it was made on stands in the tree.
func TestNoPlace(t *testing.T) {
	place := regexp.MustCompile(`(^|[^A-Za-z0-9.])/(work|root|farm)/[a-z]`)
	eachFile(t, func(path string, src []byte) {
		for i, line := range strings.Split(string(src), "\n") {
			if place.MatchString(line) {
				t.Errorf("%s:%d names a path of one machine: %s", path, i+1, strings.TrimSpace(line))
			}
		}
	})
}

// TestPackagesSaySomething: every package opens with what it is for.
func TestPackagesSaySomething(t *testing.T) {
	said := map[string]bool{}
	eachFile(t, func(path string, src []byte) {
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return
		}
		dir := path[:max(0, strings.LastIndexByte(path, '/'))]
		f, err := parser.ParseFile(token.NewFileSet(), path, src, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
		said[dir] = said[dir] || f.Doc != nil
	})
	for dir, ok := range said {
		if !ok {
			t.Errorf("no file of %s has a package comment: say in it what the package is for and which invariant it keeps", dir)
		}
	}
}

// TestExportedAreDocumented: an exported function, type or method of an exported
// type carries a comment. A method that satisfies an interface and does nothing to
// be told may go without when it fits on one line.
func TestExportedAreDocumented(t *testing.T) {
	eachFile(t, func(path string, src []byte) {
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, path, src, parser.ParseComments)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.IsExported() && d.Doc == nil {
					t.Errorf("%s: func %s is exported and has no comment", fset.Position(d.Pos()), d.Name.Name)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					ts, ok := s.(*ast.TypeSpec)
					if ok && ts.Name.IsExported() && d.Doc == nil && ts.Doc == nil && ts.Comment == nil {
						t.Errorf("%s: type %s is exported and has no comment", fset.Position(ts.Pos()), ts.Name.Name)
					}
				}
			}
		}
	})
}
