package lower

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/engine"
	"github.com/millrace/millrace/internal/sql/catalog"
)

// TestMetamorphic runs every query of testdata in many ways, over the case's own rows and
// over longer random ones: on one worker and on several, in steps of one row and of many,
// with an epoch for each step and with commits beside the steps, with state in memory and
// with all of it on disk, with snapshots in small pieces; killed at named points around
// its commits, restored in another of these ways, killed again and restored again. There is
// one answer, that of one worker that nobody disturbed.
//
// A failure names its seed. MILLRACE_METAMORPHIC_SEED runs that seed only, and
// MILLRACE_METAMORPHIC_ROUNDS that many instead of three. A case whose answer depends on how
// the rows of two tables meet, or on whether a window has fired when what it counted is taken
// back, says "anyorder": its random rows are left out.
func TestMetamorphic(t *testing.T) {
	rounds, seed := number("MILLRACE_METAMORPHIC_ROUNDS", 3), uint64(number("MILLRACE_METAMORPHIC_SEED", 0))
	if seed == 0 {
		seed = 1 // a change that breaks nothing must not find a failure by luck; make metamorphic goes on with others
	}
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		t.Parallel()
		for n := range uint64(rounds) {
			for _, random := range []bool{false, true} {
				m := &metamorphosis{seed: seed + n}
				if random {
					m.rows = 90
				}
				var failures []string // after a failure nothing more of a file would run
				m.catalog = catalog.New([]*connector.Factory{m.factory(), memoryFactory()})
				datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
					switch {
					case d.Cmd == "ddl":
						if err := declare(m.catalog, d.Input); err != nil && !strings.Contains(d.Expected, err.Error()) {
							d.Fatalf(t, "%v", err)
						}
					case d.Cmd == "run" && !(random && d.HasArg("anyorder")):
						c := metaCase{metamorphosis: m, text: d.Input, batch: d.HasArg("batch"), drop: d.HasArg("drop")}
						if err := c.try(); err != nil {
							failures = append(failures, fmt.Sprintf("%s: MILLRACE_METAMORPHIC_SEED=%d, random rows: %v\n%s\n%v", d.Pos, m.seed, random, d.Input, err))
						}
					}
					return d.Expected
				})
				for _, f := range failures {
					t.Error(f)
				}
			}
		}
	})
}

func number(env string, def int) int {
	if n, err := strconv.Atoi(os.Getenv(env)); err == nil {
		return n
	}
	return def
}

// metamorphosis is one seed of a file.
type metamorphosis struct {
	catalog *catalog.Catalog
	seed    uint64
	rows    int // of random tables; 0: the file's rows
}

type metaCase struct {
	*metamorphosis
	text        string
	batch, drop bool
}

// way is how a job runs.
type way struct {
	engine.Config
	// lockstep has each step wait for the commit before: every step is an epoch.
	lockstep bool
}

func (w way) String() string {
	return fmt.Sprintf("%d workers, steps of %d rows, exchanges of %d, %d key groups, lockstep %v, state in %d bytes, snapshots from %d bytes in pieces of %d",
		w.Workers, w.StepRows, w.ExchangeRows, w.MaxParallelism, w.lockstep, w.State.Bytes, w.SnapshotBytes, w.SnapshotPiece)
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func (c *metaCase) way(r *rand.Rand) way {
	w := way{lockstep: r.IntN(2) == 0}
	w.Batch = c.batch
	w.Workers, w.MaxParallelism = 1+r.IntN(4), pick(r, 4, 7, 128)
	w.StepRows, w.ExchangeRows = pick(r, 1, 1, 2, 7, 1000), pick(r, 1, 10, 0)
	w.CommitInterval = 1
	w.SnapshotBytes, w.SnapshotPiece = pick[int64](r, 1, 500, 5000, 0), pick(r, 1, 40, 1<<20)
	if r.IntN(4) == 0 {
		w.State.Bytes = pick[int64](r, 1, 2000) // a store on disk takes its time to open
	}
	return w
}

// killsPerRun is how many moments of a run are gone on from.
const killsPerRun = 3

func (c *metaCase) try() error {
	h := fnv.New64()
	h.Write([]byte(c.text))
	r := rand.New(rand.NewPCG(c.seed, h.Sum64()))
	calm := newWorld()
	_, failure := c.run(calm, way{Config: engine.Config{Batch: c.batch}}, nil)
	want, err := calm.table()
	if err != nil {
		return err
	}
	first := c.way(r)
	kills, err := c.checked(newWorld(), first, r, want, failure)
	if err != nil || failure != nil {
		return err
	}
	for _, k := range kills {
		second, third := c.way(r), c.way(r)
		again, err := c.checked(k.world, second, r, want, nil)
		history := fmt.Sprintf("1: %v, killed at %s\n2: %v", first, k, second)
		if err == nil && len(again) > 0 {
			k := again[r.IntN(len(again))]
			_, err = c.checked(k.world, third, nil, want, nil)
			history += fmt.Sprintf(", killed at %s\n3: %v", k, third)
		}
		if err != nil {
			return fmt.Errorf("%s\n%w", history, err)
		}
	}
	return nil
}

// checked runs to the end and compares what there is then.
func (c *metaCase) checked(w *world, how way, r *rand.Rand, want string, failure error) ([]kill, error) {
	kills, err := c.run(w, how, r)
	switch {
	case failure != nil && err == nil:
		return nil, fmt.Errorf("%v: runs, where a calm run fails: %w", how, failure)
	case failure == nil && err != nil:
		return nil, fmt.Errorf("%v: %w", how, err)
	case failure != nil:
		return nil, nil
	}
	got, err := w.table()
	if err == nil && got != want {
		err = fmt.Errorf("%s", difference(got, want))
	}
	if err != nil {
		return nil, fmt.Errorf("%v: %w", how, err)
	}
	return kills, nil
}

// difference are the rows that only one has.
func difference(got, want string) string {
	count := map[string]int{}
	for l := range strings.Lines(got) {
		count[l]++
	}
	for l := range strings.Lines(want) {
		count[l]--
	}
	var b strings.Builder
	for l, n := range count {
		if n != 0 {
			fmt.Fprintf(&b, "%+d × %s", n, l)
		}
	}
	return b.String()
}

// kill is the world at a moment of a run.
type kill struct {
	*world
	point string
	count int // how often points had been passed
}

func (k kill) String() string { return fmt.Sprintf("%s (%d)", k.point, k.count) }

// run runs the query to its end, and gives some moments of it, if r is there to choose
// them.
func (c *metaCase) run(w *world, how way, r *rand.Rand) ([]kill, error) {
	env := Env{DropNulls: c.drop}
	if c.batch {
		env.NullRowTime = engine.Drop
	}
	g, _, err := lowered(c.catalog, c.text, env)
	if err != nil {
		return nil, err
	}
	w.write(g)
	k := &killer{world: w, random: r}
	config := how.Config
	config.Hook = k.pass
	config.Now = func() time.Time { return time.Unix(1_800_000_000, 0) }
	k.landed = sync.NewCond(&k.mu)
	k.lockstep = how.lockstep
	err = engine.NewJob(engine.JobSpec{ID: "case", Graph: g, Journal: w.journal, Config: config}).Run(context.Background())
	var assertion *engine.AssertionError
	if errors.As(err, &assertion) {
		return nil, fmt.Errorf("%v: %w", how, err)
	}
	return k.kills, err
}

// killer keeps a sample of the moments of a run.
type killer struct {
	world    *world
	lockstep bool

	mu     sync.Mutex
	random *rand.Rand
	landed *sync.Cond
	flying bool
	passed int
	kills  []kill
}

func (k *killer) pass(point string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch point {
	case "before-prepare":
		k.flying = true
	case "after-commit":
		k.flying = false
		k.landed.Broadcast()
	case "before-append":
		for k.lockstep && k.flying {
			k.landed.Wait()
		}
	}
	k.passed++
	if k.random == nil {
		return
	}
	at := kill{point: point, count: k.passed}
	if n := k.random.IntN(k.passed); len(k.kills) < killsPerRun {
		at.world = k.world.crash()
		k.kills = append(k.kills, at)
	} else if n < killsPerRun {
		at.world = k.world.crash()
		k.kills[n] = at
	}
}
