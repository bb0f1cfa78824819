// Package kill ends millrace with SIGKILL in the middle of its work, again and again,
// and holds what it leaves behind against an undisturbed run.
package kill

import (
	"encoding/csv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/test/harness"
)

// months is how many times the month of flights is repeated, each a month later: so
// that a run is long enough to be killed in all its phases.
const months = 12

// TestKill runs the flights script, kills it at random moments until it has come to
// its end, and finds its topics equal to those of a run that nobody disturbed.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("kills take a while")
	}
	script := longScript(t, t.TempDir())
	undisturbed := t.TempDir()
	begin := time.Now()
	if out := harness.Run(t, "run", script, "--data", undisturbed); out.Code != 0 {
		t.Fatalf("status %d: %s", out.Code, out.Stderr)
	}
	length := time.Since(begin)
	want := results(t, undisturbed)

	end := time.Now().Add(minutes())
	for round := 0; round == 0 || time.Now().Before(end); round++ {
		seed := uint64(time.Now().UnixNano())
		t.Logf("round %d: seed %d, an undisturbed run takes %v", round, seed, length)
		data := t.TempDir()
		kills := runKilled(t, script, data, length, rand.New(rand.NewPCG(seed, 1)))
		got := results(t, data)
		compare(t, "delays", got.delays, want.delays)
		compare(t, "departures", got.departures, want.departures)
		compare(t, "the last totals", got.totals, want.totals)
		if t.Failed() {
			t.Fatalf("after %d kills, seed %d", kills, seed)
		}
		t.Logf("%d kills: %d delays, %d departures, %d totals, all as undisturbed", kills, len(got.delays), len(got.departures), len(got.totals))
	}
}

// minutes is how long to go on: MILLRACE_KILL_MINUTES, or one round.
func minutes() time.Duration {
	n, _ := strconv.Atoi(os.Getenv("MILLRACE_KILL_MINUTES"))
	return time.Duration(n) * time.Minute
}

// runKilled runs the script until it ends by itself, killing it at random moments
// before. A run gets more time the more there were, so that the last one ends.
func runKilled(t *testing.T, script, data string, length time.Duration, r *rand.Rand) (kills int) {
	t.Helper()
	for {
		p := harness.Start(t, "run", script, "--data", data, "--resume")
		limit := length/6 + length*time.Duration(kills*kills)/400
		kill := time.AfterFunc(time.Duration(r.Int64N(int64(limit))), p.Kill)
		out := p.Wait(t)
		kill.Stop()
		if out.Killed {
			kills++
			continue
		}
		if out.Code != 0 {
			t.Fatalf("status %d after %d kills: %s", out.Code, kills, out.Stderr)
		}
		return kills
	}
}

type result struct{ delays, departures, totals []string }

// results reads the topics with a Kafka client, read_committed.
func results(t *testing.T, data string) result {
	t.Helper()
	s := harness.Serve(t, data)
	defer s.Stop()
	var r result
	for _, rec := range harness.Records(t, s.Kafka, "delays") {
		r.delays = append(r.delays, string(rec.Value))
	}
	for _, rec := range harness.Records(t, s.Kafka, "departures") {
		r.departures = append(r.departures, string(rec.Value))
	}
	last := map[string]string{}
	for _, rec := range harness.Records(t, s.Kafka, "airline_totals") {
		last[string(rec.Key)] = string(rec.Value)
	}
	for _, v := range last {
		r.totals = append(r.totals, v)
	}
	sort.Strings(r.delays)
	sort.Strings(r.departures)
	sort.Strings(r.totals)
	return r
}

// compare finds the first rows that are in one and not in the other.
func compare(t *testing.T, what string, got, want []string) {
	t.Helper()
	count := map[string]int{}
	for _, v := range want {
		count[v]++
	}
	for _, v := range got {
		count[v]--
	}
	shown := 0
	for v, n := range count {
		if n == 0 {
			continue
		}
		if shown++; shown <= 5 {
			t.Errorf("%s: %s: %d more in the undisturbed run", what, v, n)
		}
	}
	if shown > 0 {
		t.Errorf("%s: %d rows, %d undisturbed; %d differ", what, len(got), len(want), shown)
	}
}

// longScript writes the example's script over a longer file.
func longScript(t *testing.T, dir string) string {
	t.Helper()
	example := filepath.Join(harness.Root(), "examples", "flights")
	src, err := os.ReadFile(filepath.Join(example, "delays.sql"))
	if err != nil {
		t.Fatal(err)
	}
	airlines, err := os.ReadFile(filepath.Join(example, "airlines.csv"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "airlines.csv"), airlines)
	repeatFlights(t, filepath.Join(dir, "flights.csv"))
	script := filepath.Join(dir, "delays.sql")
	// Commits follow each other closely, so that kills hit them.
	text := "SET 'execution.checkpointing.interval' = '20 ms';\n" + strings.ReplaceAll(string(src), "flights-2013-01.csv.gz", "flights.csv")
	write(t, script, []byte(text))
	return script
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func repeatFlights(t *testing.T, to string) {
	t.Helper()
	rows := harness.Flights(t)
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.Write(rows[0])
	hour := len(rows[0]) - 1
	for m := range months {
		for _, r := range rows[1:] {
			at, err := time.Parse(time.RFC3339, r[hour])
			if err != nil {
				t.Fatal(err)
			}
			row := append([]string{}, r...)
			row[hour] = at.AddDate(0, 0, 31*m).Format(time.RFC3339)
			w.Write(row)
		}
	}
	w.Flush()
	write(t, to, []byte(b.String()))
	if err := w.Error(); err != nil {
		t.Fatal(err)
	}
}
