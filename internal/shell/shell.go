// Package shell is what a person sees of SQL: it runs scripts and statements
// against a session, here or behind a gateway, and prints results and progress.
package shell

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// Executor runs statements one after the other; a session in this process is one,
// a gateway's client another.
type Executor interface {
	// Execute runs one statement, given as text without the ';' at its end. It
	// returns once the statement is accepted; rows arrive through the Result.
	Execute(ctx context.Context, statement string) (Result, error)
}

// Result is what a statement gives.
type Result interface {
	// Columns is nil where there is nothing to show (DDL).
	Columns() []types.Field
	// Next waits for rows; io.EOF after the last.
	Next(ctx context.Context) (*vec.Batch, error)
	// JobID is the job that the statement started, or empty.
	JobID() string
	// Streaming says that rows are a changelog that may go on and on, so that
	// each carries its row kind.
	Streaming() bool
	// Close ends a query that is still running. An INSERT's job goes on.
	Close() error
}

// Format is how rows are printed.
type Format string

// The output formats of `millrace sql --output`.
const (
	Table Format = "table"
	JSON  Format = "json"
	CSV   Format = "csv"
)

// ParseFormat is the format of a name.
func ParseFormat(name string) (Format, error) {
	switch f := Format(name); f {
	case Table, JSON, CSV:
		return f, nil
	case "":
		return Table, nil
	}
	return "", fmt.Errorf("unknown output format '%s', there are table, json and csv", name)
}
