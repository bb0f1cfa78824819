package session_test

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/millrace/millrace/internal/node"
	"github.com/millrace/millrace/internal/shell"
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/sql/session"
)

// TestSession runs statements in sessions of a node in memory:
//
//	run [session=NAME] [identical]   a script; prints results as csv, below their column
//	                                 names, what is reported, and jobs that were started
//
// With identical the session accepts a CREATE of what is there in the same form.
func TestSession(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		n, err := node.Open(node.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		x := &sessions{node: n, byName: map[string]*session.Session{}}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			name := "first"
			if d.HasArg("session") {
				d.ScanArgs(t, "session", &name)
			}
			x.out.Reset()
			script := &shell.Script{Text: d.Input}
			stmts, err := script.Parse()
			if err == nil {
				s := x.get(name, d.HasArg("identical"))
				for _, stmt := range stmts {
					if err = x.run(s, parser.Padded(stmt)); err != nil {
						break
					}
				}
			}
			if err != nil {
				fmt.Fprintln(&x.out, "error:", err)
			}
			return jobID.ReplaceAllString(started.ReplaceAllString(x.out.String(), "TIME"), "JOB")
		})
	})
}

var (
	jobID   = regexp.MustCompile(`[0-9a-f]{32}`)
	started = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`)
)

type sessions struct {
	node   *node.Node
	byName map[string]*session.Session
	out    bytes.Buffer
}

func (x *sessions) get(name string, identical bool) *session.Session {
	if s := x.byName[name]; s != nil {
		return s
	}
	s := x.node.Session(session.Options{Dir: ".", AcceptIdentical: identical, Report: func(l string) { fmt.Fprintln(&x.out, "report:", l) }})
	x.byName[name] = s
	return s
}

func (x *sessions) run(s *session.Session, text string) error {
	ctx := context.Background()
	r, err := s.Execute(ctx, text)
	if err != nil {
		return err
	}
	defer r.Close()
	var names []string
	for _, c := range r.Columns() {
		names = append(names, c.Name)
	}
	if names != nil {
		fmt.Fprintf(&x.out, "[%s]\n", strings.Join(names, ", "))
	}
	if _, err := shell.Print(ctx, &x.out, shell.CSV, r); err != nil {
		return err
	}
	if r.JobID() != "" {
		fmt.Fprintln(&x.out, "job:", r.JobID())
		return x.wait(r.JobID())
	}
	return nil
}

// wait waits for the end of a job, so that what is asked next does not depend on when
// it ends.
func (x *sessions) wait(id string) error {
	for _, j := range x.node.Jobs() {
		if j.ID() == id {
			return j.Wait(context.Background())
		}
	}
	return fmt.Errorf("the node does not know job %s", id)
}
