package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/peterh/liner"

	"github.com/millrace/millrace/internal/sql/parser"
)

const help = `Statements end with ';'.
  SHOW TABLES;  DESCRIBE t;  SHOW CREATE TABLE t;  SHOW JOBS;  SHOW FUNCTIONS;
  EXPLAIN SELECT …;  SET;  SET 'key' = 'value';  SOURCE 'file';
Ctrl-C ends a running query, QUIT or Ctrl-D the shell.
`

// Interactive reads statements from a terminal until QUIT or the end of input.
func Interactive(ctx context.Context, x Executor, f Format, out io.Writer) error {
	line := liner.NewLiner()
	defer line.Close()
	line.SetCtrlCAborts(true)
	line.SetMultiLineMode(true)
	history := historyFile()
	if h, err := os.Open(history); err == nil {
		line.ReadHistory(h)
		h.Close()
	}
	defer saveHistory(line, history)
	for {
		text, err := readStatement(line)
		if errors.Is(err, liner.ErrPromptAborted) {
			continue
		}
		if err != nil {
			fmt.Fprintln(out)
			return nil
		}
		line.AppendHistory(strings.Join(strings.Fields(text), " "))
		if quit := runInteractive(ctx, x, f, out, text); quit {
			return nil
		}
	}
}

func readStatement(line *liner.State) (string, error) {
	text := ""
	prompt := "millrace> "
	for {
		l, err := line.Prompt(prompt)
		if err != nil {
			return "", err
		}
		text += l + "\n"
		if parser.Complete(text) {
			return text, nil
		}
		if word := strings.ToUpper(strings.TrimSpace(text)); word == "QUIT" || word == "EXIT" || word == "HELP" {
			return word + ";", nil
		}
		prompt = "        > "
	}
}

// runInteractive runs what was typed; Ctrl-C ends it and keeps the shell.
func runInteractive(ctx context.Context, x Executor, f Format, out io.Writer, text string) (quit bool) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	stmts, err := parser.ParseScript(text)
	if err != nil {
		fmt.Fprintln(out, "error:", err)
		return false
	}
	for _, stmt := range stmts {
		if c, ok := stmt.(*parser.ClientCommand); ok {
			if clientCommand(ctx, x, f, out, c) {
				return true
			}
			continue
		}
		s := Script{Out: out, Format: f, After: func(_ int, job string) error { return sayDone(out, job) }}
		if err := s.Run(ctx, []parser.Stmt{stmt}, x); err != nil {
			if ctx.Err() == nil {
				fmt.Fprintln(out, "error:", err)
			}
			return false
		}
	}
	return false
}

func sayDone(out io.Writer, job string) error {
	if job == "" {
		return nil
	}
	_, err := fmt.Fprintf(out, "Job ID: %s\n", job)
	return err
}

func clientCommand(ctx context.Context, x Executor, f Format, out io.Writer, c *parser.ClientCommand) (quit bool) {
	switch c.Name {
	case "QUIT", "EXIT":
		return true
	case "HELP":
		fmt.Fprint(out, help)
	case "CLEAR":
		fmt.Fprint(out, "\x1b[H\x1b[2J")
	case "SOURCE":
		src, err := os.ReadFile(c.Arg)
		if err == nil {
			s := Script{Name: c.Arg, Text: string(src), Format: f, Out: out}
			var stmts []parser.Stmt
			if stmts, err = s.Parse(); err == nil {
				err = s.Run(ctx, stmts, x)
			}
		}
		if err != nil {
			fmt.Fprintln(out, "error:", err)
		}
	}
	return false
}

func historyFile() string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "millrace", "history")
}

func saveHistory(line *liner.State, path string) {
	if path == "" || os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return
	}
	if h, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600); err == nil {
		line.WriteHistory(h)
		h.Close()
	}
}
