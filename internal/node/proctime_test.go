package node

import (
	"context"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/sql/session"
	"github.com/millrace/millrace/internal/vfs"
)

// TestWindowsByTheClock: windows over PROCTIME() fire when they are over, although
// nothing more comes in.
func TestWindowsByTheClock(t *testing.T) {
	n := openMemory(t, vfs.NewMem(), nil)
	defer n.Close()
	s := session.New(n, session.Options{})
	for _, text := range []string{
		`CREATE TABLE rides (k STRING, p AS PROCTIME()) WITH ('topic' = 'rides')`,
		`CREATE TABLE counts (k STRING, n BIGINT, e TIMESTAMP(3)) WITH ('topic' = 'counts')`,
		`INSERT INTO counts SELECT k, COUNT(*), window_end FROM TABLE(TUMBLE(TABLE rides, DESCRIPTOR(p), INTERVAL '1' SECOND)) GROUP BY k, window_start, window_end`,
		`INSERT INTO rides (k) VALUES ('a'), ('b'), ('a')`,
	} {
		if _, err := s.Execute(context.Background(), text); err != nil {
			t.Fatal(text, err)
		}
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		st := n.Jobs()[0].Status()
		if st.Progress.RowsOut == 2 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(st.Describe(time.Now()))
		}
	}
}
