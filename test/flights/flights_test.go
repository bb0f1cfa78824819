// Package flights holds the README's main job against a plain computation of the
// same file that shares nothing with the engine.
package flights

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/test/harness"
)

// departure is a flight that left.
type departure struct {
	origin, dest, carrier string
	flight, delay         int
	at                    time.Time
}

func example(name string) string {
	return filepath.Join(harness.Root(), "examples", "flights", name)
}

// readFlights reads the file with encoding/csv: the departures in the file's order,
// and how many flights were cancelled.
func readFlights(t *testing.T) (out []departure, cancelled int) {
	t.Helper()
	rows := harness.Flights(t)
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	number := func(row []string, name string) int {
		n, err := strconv.Atoi(row[column[name]])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, row := range rows[1:] {
		if row[column["dep_delay"]] == "NA" {
			cancelled++
			continue
		}
		hour, err := time.Parse(time.RFC3339, row[column["time_hour"]])
		if err != nil {
			t.Fatal(err)
		}
		delay := number(row, "dep_delay")
		out = append(out, departure{
			origin: row[column["origin"]], dest: row[column["dest"]], carrier: row[column["carrier"]],
			flight: number(row, "flight"), delay: delay,
			at: hour.Add(time.Duration(number(row, "minute")+delay) * time.Minute),
		})
	}
	return out, cancelled
}

// summary is a row of the results, by plain loops.
type summary struct{ n, delayed, sum, max int }

func (s *summary) add(delay int) {
	if s.n == 0 || delay > s.max {
		s.max = delay
	}
	s.n++
	s.sum += delay
	if delay > 15 {
		s.delayed++
	}
}

func (s summary) share() float64 { return float64(s.delayed) / float64(s.n) }
func (s summary) mean() float64  { return float64(s.sum) / float64(s.n) }

// delayKey names a row of the topic delays.
type delayKey struct {
	hours  int
	origin string
	start  string
}

const stamp = "2006-01-02 15:04:05"

// wantDelays computes the topic delays: an airport's departures by hour, and by three
// hours every hour. The watermark of a partition is the greatest time seen in it, in
// the order of the file, less lag. A row counts in the windows that it has not passed,
// and is late for a query when it has passed all of the row's windows.
func wantDelays(departures []departure, lag time.Duration, partition map[string]int32) (want map[delayKey]summary, late int) {
	want = map[delayKey]summary{}
	watermark := map[int32]time.Time{}
	for _, d := range departures {
		hour := d.at.Truncate(time.Hour)
		p := partition[d.origin]
		wm, seen := watermark[p]
		fired := func(end time.Time) bool { return seen && !wm.Before(end.Add(-time.Millisecond)) }
		for _, hours := range []int{1, 3} {
			if fired(hour.Add(time.Duration(hours) * time.Hour)) {
				late++
			}
			for i := range hours {
				start := hour.Add(-time.Duration(i) * time.Hour)
				if fired(start.Add(time.Duration(hours) * time.Hour)) {
					continue
				}
				k := delayKey{hours, d.origin, start.Format(stamp)}
				s := want[k]
				s.add(d.delay)
				want[k] = s
			}
		}
		if next := d.at.Add(-lag); !seen || next.After(wm) {
			watermark[p] = next
		}
	}
	return want, late
}

type delayRow struct {
	Hours        int     `json:"hours"`
	Origin       string  `json:"origin"`
	WindowStart  string  `json:"window_start"`
	WindowEnd    string  `json:"window_end"`
	Departures   int     `json:"departures"`
	ShareDelayed float64 `json:"share_delayed"`
	MeanDelay    float64 `json:"mean_delay"`
	MaxDelay     int     `json:"max_delay"`
}

func checkDelays(t *testing.T, kafka string, want map[delayKey]summary) {
	t.Helper()
	seen := map[delayKey]bool{}
	for _, r := range harness.Records(t, kafka, "delays") {
		var row delayRow
		if err := json.Unmarshal(r.Value, &row); err != nil {
			t.Fatalf("%s: %v", r.Value, err)
		}
		k := delayKey{row.Hours, row.Origin, row.WindowStart}
		w, ok := want[k]
		if !ok || seen[k] {
			t.Errorf("%s: a row that should not be there (twice: %v)", r.Value, seen[k])
			continue
		}
		seen[k] = true
		if row.Departures != w.n || row.MaxDelay != w.max || row.ShareDelayed != w.share() || row.MeanDelay != w.mean() {
			t.Errorf("%s: want %d departures, share %v, mean %v, max %d", r.Value, w.n, w.share(), w.mean(), w.max)
		}
		if string(r.Key) != row.Origin {
			t.Errorf("%s: the key is %q", r.Value, r.Key)
		}
		start, err := time.Parse(stamp, row.WindowStart)
		if err != nil || row.WindowEnd != start.Add(time.Duration(row.Hours)*time.Hour).Format(stamp) {
			t.Errorf("%s: the window's bounds do not fit", r.Value)
		}
	}
	for k := range want {
		if !seen[k] {
			t.Errorf("%v is missing", k)
		}
	}
}

func checkDepartures(t *testing.T, kafka string, want []departure) {
	t.Helper()
	type row struct {
		Origin    string `json:"origin"`
		Dest      string `json:"dest"`
		Carrier   string `json:"carrier"`
		Flight    int    `json:"flight"`
		DepDelay  int    `json:"dep_delay"`
		EventTime string `json:"event_time"`
	}
	var got, expected []string
	for _, r := range harness.Records(t, kafka, "departures") {
		var d row
		if err := json.Unmarshal(r.Value, &d); err != nil {
			t.Fatalf("%s: %v", r.Value, err)
		}
		got = append(got, fmt.Sprint(d))
	}
	for _, d := range want {
		expected = append(expected, fmt.Sprint(row{d.origin, d.dest, d.carrier, d.flight, d.delay, d.at.Format(stamp)}))
	}
	sort.Strings(got)
	sort.Strings(expected)
	if len(got) != len(expected) {
		t.Fatalf("%d departures, want %d", len(got), len(expected))
	}
	for i := range got {
		if got[i] != expected[i] {
			t.Fatalf("departure %d: %s, want %s", i, got[i], expected[i])
		}
	}
}

func checkTotals(t *testing.T, kafka string, departures []departure) {
	t.Helper()
	want := map[string]*summary{}
	for _, d := range departures {
		if want[d.carrier] == nil {
			want[d.carrier] = &summary{}
		}
		want[d.carrier].add(d.delay)
	}
	names := airlineNames(t)
	type row struct {
		Carrier      string  `json:"carrier"`
		Name         string  `json:"name"`
		Departures   int     `json:"departures"`
		ShareDelayed float64 `json:"share_delayed"`
		MeanDelay    float64 `json:"mean_delay"`
		MaxDelay     int     `json:"max_delay"`
	}
	last := map[string]row{}
	for _, r := range harness.Records(t, kafka, "airline_totals") {
		var row row
		if r.Value == nil {
			delete(last, string(r.Key))
			continue
		}
		if err := json.Unmarshal(r.Value, &row); err != nil {
			t.Fatalf("%s: %v", r.Value, err)
		}
		if before := last[row.Carrier]; row.Departures < before.Departures {
			t.Errorf("%s came after a total of %d", r.Value, before.Departures)
		}
		last[row.Carrier] = row
	}
	if len(last) != len(want) {
		t.Errorf("%d airlines, want %d", len(last), len(want))
	}
	for carrier, w := range want {
		g := last[carrier]
		if g.Departures != w.n || g.ShareDelayed != w.share() || g.MeanDelay != w.mean() || g.MaxDelay != w.max || g.Name != names[carrier] {
			t.Errorf("%s: %+v, want %d departures, share %v, mean %v, max %d, name %s", carrier, g, w.n, w.share(), w.mean(), w.max, names[carrier])
		}
	}
}

func airlineNames(t *testing.T) map[string]string {
	t.Helper()
	f, err := os.Open(example("airlines.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	for _, r := range rows[1:] {
		names[r[0]] = r[1]
	}
	return names
}

// TestMainJob runs the README's first command and reads its topics with a Kafka
// client.
func TestMainJob(t *testing.T) {
	departures, cancelled := readFlights(t)
	data := t.TempDir()
	out := harness.Run(t, "run", "examples/flights/delays.sql", "--data", data)
	if out.Code != 0 {
		t.Fatalf("status %d\n%s\n%s", out.Code, out.Stdout, out.Stderr)
	}
	want, late := wantDelays(departures, 24*time.Hour, nil)
	if late != 0 {
		t.Errorf("the plain computation finds %d late rows; the script says there are none", late)
	}
	checkWorst(t, out.Stdout, want)
	checkCounts(t, out.Stderr, cancelled, late)
	s := harness.Serve(t, data)
	checkDepartures(t, s.Kafka, departures)
	checkDelays(t, s.Kafka, want)
	checkTotals(t, s.Kafka, departures)
}

// TestLateRows runs the job with a watermark too tight for the file: rows are late,
// and just those that the plain computation finds.
func TestLateRows(t *testing.T) {
	departures, _ := readFlights(t)
	src, err := os.ReadFile(example("delays.sql"))
	if err != nil {
		t.Fatal(err)
	}
	script := strings.ReplaceAll(string(src), "INTERVAL '1' DAY", "INTERVAL '20' HOUR")
	script = strings.ReplaceAll(script, "'flights-2013-01.csv.gz'", "'"+example("flights-2013-01.csv.gz")+"'")
	script = strings.ReplaceAll(script, "'airlines.csv'", "'"+example("airlines.csv")+"'")
	file := filepath.Join(t.TempDir(), "late.sql")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	out := harness.Run(t, "run", file, "--data", data)
	if out.Code != 0 {
		t.Fatalf("status %d\n%s\n%s", out.Code, out.Stdout, out.Stderr)
	}
	s := harness.Serve(t, data)
	partition := map[string]int32{}
	for _, r := range harness.Records(t, s.Kafka, "departures") {
		partition[string(r.Key)] = r.Partition
	}
	want, late := wantDelays(departures, 20*time.Hour, partition)
	if late == 0 {
		t.Fatal("the plain computation finds no late rows")
	}
	checkDelays(t, s.Kafka, want)
	if m := regexp.MustCompile(`insert-into delays .* ([0-9,]+) late`).FindStringSubmatch(out.Stderr); m == nil || strings.ReplaceAll(m[1], ",", "") != strconv.Itoa(late) {
		t.Errorf("the job tells of %v late rows, want %d:\n%s", m, late, out.Stderr)
	}
}

// checkCounts finds what the progress lines say of rows without event time and late
// rows.
func checkCounts(t *testing.T, progress string, cancelled, late int) {
	t.Helper()
	if !strings.Contains(progress, fmt.Sprintf(" %d null-time", cancelled)) {
		t.Errorf("no job says that %d rows had no event time:\n%s", cancelled, progress)
	}
	for _, m := range regexp.MustCompile(`([0-9,]+) late`).FindAllStringSubmatch(progress, -1) {
		if m[1] != strconv.Itoa(late) {
			t.Errorf("a job tells of %s late rows, want %d:\n%s", m[1], late, progress)
		}
	}
}

// checkWorst holds the printed ten worst hours against the plain computation.
func checkWorst(t *testing.T, printed string, want map[delayKey]summary) {
	t.Helper()
	type hour struct {
		key delayKey
		s   summary
	}
	var hours []hour
	for k, s := range want {
		if k.hours == 1 && s.n >= 5 {
			hours = append(hours, hour{k, s})
		}
	}
	rounded := func(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }
	sort.Slice(hours, func(i, j int) bool {
		a, b := hours[i], hours[j]
		am, _ := strconv.ParseFloat(rounded(a.s.mean()), 64)
		bm, _ := strconv.ParseFloat(rounded(b.s.mean()), 64)
		if am != bm {
			return am > bm
		}
		if a.key.start != b.key.start {
			return a.key.start < b.key.start
		}
		return a.key.origin < b.key.origin
	})
	var rows []string
	for _, line := range strings.Split(printed, "\n") {
		if strings.HasPrefix(line, "| 2013") {
			rows = append(rows, line)
		}
	}
	if len(rows) != 10 {
		t.Fatalf("%d rows printed, want 10:\n%s", len(rows), printed)
	}
	for i, line := range rows {
		h := hours[i]
		for _, part := range []string{h.key.start, h.key.origin, rounded(h.s.mean()), strconv.Itoa(h.s.n), strconv.Itoa(h.s.max)} {
			if !strings.Contains(line, part) {
				t.Errorf("row %d is %s; want %s of %s: %d departures, mean %s, max %d", i+1, line, h.key.start, h.key.origin, h.s.n, rounded(h.s.mean()), h.s.max)
				break
			}
		}
	}
}
