package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/test/harness"
)

// TestQuietMonitor: every thread of a node sleeps inexactly, the runtime's monitor among them.
func TestQuietMonitor(t *testing.T) {
	s := harness.Serve(t, t.TempDir())
	threads, err := os.ReadDir(filepath.Join("/proc", fmt.Sprint(s.PID()), "task"))
	if err != nil {
		t.Skip(err)
	}
	read := 0
	for _, th := range threads {
		slack, err := os.ReadFile(filepath.Join("/proc", th.Name(), "timerslack_ns"))
		if os.IsPermission(err) {
			t.Skip("another process's timer slack may not be read")
		}
		if err != nil {
			continue // the thread has ended
		}
		read++
		if want := fmt.Sprint(timerSlack.Nanoseconds()); strings.TrimSpace(string(slack)) != want {
			t.Errorf("thread %s: a timer slack of %sns, want %s", th.Name(), slack, want)
		}
	}
	if read == 0 {
		t.Error("no thread could be looked at")
	}
}
