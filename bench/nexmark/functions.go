package nexmark

import (
	"strings"

	"github.com/millrace/millrace/internal/function"
)

// q14 calls a function of its user: how often a character is in a text.
func init() {
	count := func(text, character string) int64 { return int64(strings.Count(text, character)) }
	if err := function.Define("count_char", count); err != nil {
		panic(err)
	}
}
