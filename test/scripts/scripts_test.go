// Package scripts runs the millrace command as a person does: each file of testdata is
// a script of commands with the files that they need, and holds one promise.
//
// Besides testscript's own commands (exec, stdout, stderr, cmp, grep, …) there are:
//
//	serve NAME DIR [OPTION…]     start millrace serve on free ports and wait until it is
//	                             ready; $NAME_KAFKA and $NAME_HTTP are its addresses.
//	                             With "!" it must end by itself; stderr is its own
//	stop NAME | kill9 NAME       end it with SIGTERM and status 0, or with SIGKILL
//	start NAME COMMAND…          start millrace in the background
//	interrupt NAME STATUS        send it SIGINT and wait for its end; stdout and stderr
//	                             are its own
//	await REGEXP COMMAND…        run millrace until its standard output matches
//	await-says NAME REGEXP       wait for a line that a process in the background prints
//	fill FILE COUNT FORMAT       write COUNT lines; %d is the line's number
//	picture DIR FILE             write names, sizes and checksums of all files below DIR
//	flip FILE-PATTERN OFFSET     change one byte; below 0 it counts from the end
//	oneline                      the last command's stderr is a single line
package scripts

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/millrace/millrace/test/harness"
)

// TestScripts runs testdata/*.txtar.
func TestScripts(t *testing.T) {
	bin := filepath.Dir(harness.Binary(t))
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Deadline:            time.Now().Add(3 * time.Minute), // against hanging; nothing comes near it
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv("MILLRACE", filepath.Join(bin, "millrace"))
			e.Setenv("PATH", bin+string(os.PathListSeparator)+e.Getenv("PATH"))
			e.Values[processesKey{}] = &processes{byName: map[string]*process{}}
			e.Defer(func() { e.Values[processesKey{}].(*processes).killAll() })
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve":      serve,
			"stop":       stop,
			"kill9":      kill,
			"start":      start,
			"interrupt":  interrupt,
			"await":      await,
			"await-says": awaitSays,
			"fill":       fill,
			"picture":    picture,
			"flip":       flip,
			"oneline":    oneLine,
			"expand":     expand,
		},
	})
}

// expand replaces the environment's variables in a file.
func expand(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range args {
		path := ts.MkAbs(name)
		text, err := os.ReadFile(path)
		ts.Check(err)
		ts.Check(os.WriteFile(path, []byte(os.Expand(string(text), ts.Getenv)), 0o644))
	}
}
