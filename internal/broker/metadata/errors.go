package metadata

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Error is a protocol error with the sentence that goes beside its code.
type Error struct {
	Code *kerr.Error
	Text string
}

func (e *Error) Error() string { return e.Code.Message + ": " + e.Text }
func (e *Error) Unwrap() error { return e.Code }

func errf(code *kerr.Error, format string, args ...any) error {
	return &Error{Code: code, Text: fmt.Sprintf(format, args...)}
}
