package node

import "errors"

// also joins what ended a run with what went wrong when it was cleared away. A disk that
// fails does so at both ends, and in many files: what only says the same again of another
// file is left out.
func also(err, clearing error) error {
	seen := causes(err)
	for _, c := range parts(clearing) {
		said := true
		for cause := range causes(c) {
			said = said && seen[cause]
			seen[cause] = true
		}
		if !said {
			err = errors.Join(err, c)
		}
	}
	return err
}

// parts are the errors that were joined.
func parts(err error) []error {
	switch e := err.(type) {
	case nil:
		return nil
	case interface{ Unwrap() []error }:
		// Only errors.Join's text is that of its parts and nothing else.
		if errors.Join(e.Unwrap()...).Error() == err.Error() {
			var out []error
			for _, p := range e.Unwrap() {
				out = append(out, parts(p)...)
			}
			return out
		}
	}
	return []error{err}
}

// causes are the texts of what an error goes back to.
func causes(err error) map[string]bool {
	out := map[string]bool{}
	var visit func(error)
	visit = func(err error) {
		switch e := err.(type) {
		case nil:
		case interface{ Unwrap() []error }:
			for _, p := range e.Unwrap() {
				visit(p)
			}
		default:
			if inner := errors.Unwrap(err); inner != nil {
				visit(inner)
			} else {
				out[err.Error()] = true
			}
		}
	}
	visit(err)
	return out
}
