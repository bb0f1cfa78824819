package parser

import "strings"

// Padded is a statement's text behind as many lines and columns as stand before it
// in its script, so that positions in errors are the script's wherever it is parsed.
func Padded(stmt Stmt) string {
	p := stmt.Pos()
	return strings.Repeat("\n", p.Line-1) + strings.Repeat(" ", p.Col-1) + stmt.Text()
}
