package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/millrace/millrace/internal/sql/parser"
)

// Script is a text of statements and where its results go.
type Script struct {
	// Name stands in front of the positions in errors; usually a file's path.
	Name string
	Text string
	// Skip is how many statements to pass over: those that a killed run reached.
	Skip int
	// Format is that of query results on Out.
	Format Format
	Out    io.Writer
	// Before is called with the index of each statement that is about to run;
	// After with a job that it started and that goes on in the background, or "".
	Before func(index int, stmt parser.Stmt) error
	After  func(index int, jobID string) error
}

// Parse gives the script's statements, or the first error with the script's name.
func (s *Script) Parse() ([]parser.Stmt, error) {
	stmts, err := parser.ParseScript(s.Text)
	if err != nil {
		return nil, s.Locate(err)
	}
	return stmts, nil
}

// Locate puts the script's name in front of an error that has a position in it.
func (s *Script) Locate(err error) error {
	var pe *parser.Error
	var job interface{ Place() string } // the error of a row, begins with its place
	if s.Name != "" && (errors.As(err, &pe) || errors.As(err, &job) && job.Place() != "" && strings.HasPrefix(err.Error(), job.Place()+":")) {
		return fmt.Errorf("%s:%w", s.Name, err)
	}
	return err
}

// Run runs the statements in order; the first that fails ends the script.
func (s *Script) Run(ctx context.Context, stmts []parser.Stmt, x Executor) error {
	for i, stmt := range stmts {
		if i < s.Skip {
			continue
		}
		if s.Before != nil {
			if err := s.Before(i, stmt); err != nil {
				return err
			}
		}
		id, err := s.statement(ctx, stmt, x)
		if err != nil {
			return s.Locate(err)
		}
		if s.After != nil {
			if err := s.After(i, id); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Script) statement(ctx context.Context, stmt parser.Stmt, x Executor) (job string, err error) {
	r, err := x.Execute(ctx, parser.Padded(stmt))
	if err != nil {
		return "", err
	}
	defer r.Close()
	_, err = Print(ctx, s.Out, s.Format, r)
	return r.JobID(), err
}
