package checker

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/millrace/millrace/test/harness"
)

// TestKilledNode judges a node that is killed with SIGKILL and started again, on the
// real file system: for ten seconds, or MILLRACE_KILL_MINUTES.
func TestKilledNode(t *testing.T) {
	if testing.Short() {
		t.Skip("kills take a while")
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	length := 10 * time.Second
	if n, _ := strconv.Atoi(os.Getenv("MILLRACE_KILL_MINUTES")); n > 0 {
		length = time.Duration(n) * time.Minute
	}
	r := rand.New(rand.NewPCG(seed, 0))
	data := t.TempDir()
	addr := harness.Address(t)
	s := harness.ServeWith(t, data, "--kafka", addr)
	w := startWorkload(t, s.Kafka, seed)
	ctx, stop := context.WithTimeout(context.Background(), length)
	defer stop()
	w.run(ctx)
	kills := 0
	for ; ctx.Err() == nil; kills++ {
		time.Sleep(time.Duration(50+r.IntN(500)) * time.Millisecond)
		s.Kill()
		s = harness.ServeWith(t, data, "--kafka", addr)
	}
	w.finish()
	t.Logf("%d kills", kills)
}
