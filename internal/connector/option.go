package connector

import (
	"fmt"
	"strconv"
)

// Formats is which options of a table name a format.
type Formats uint8

// A table without records has no format, one of records without keys has one, one
// whose records have keys may have another for these.
const (
	NoFormat Formats = iota
	OneFormat
	KeyAndValue
)

// OptionError is an error of a table that one of its options is to blame for: whoever
// knows where the option was written says so.
type OptionError struct {
	Option string
	Err    error
}

// OptionErrorf is an OptionError with a formatted message.
func OptionErrorf(option, msg string, args ...any) error {
	return &OptionError{Option: option, Err: fmt.Errorf(msg, args...)}
}

func (e *OptionError) Error() string { return "option '" + e.Option + "': " + e.Err.Error() }

// Unwrap is what is wrong with the option.
func (e *OptionError) Unwrap() error { return e.Err }

// Between is a Check of whole numbers.
func Between(low, high int64) func(string) error {
	return func(value string) error {
		if n, err := strconv.ParseInt(value, 10, 64); err != nil || n < low || n > high {
			return fmt.Errorf("expected a number from %d to %d, found '%s'", low, high, value)
		}
		return nil
	}
}

// AtLeast is a Check of whole numbers that have no upper bound.
func AtLeast(low int64) func(string) error {
	return func(value string) error {
		if n, err := strconv.ParseInt(value, 10, 64); err != nil || n < low {
			return fmt.Errorf("expected a number of at least %d, found '%s'", low, value)
		}
		return nil
	}
}
