package node

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// The tables and jobs of the simulation, each with what it should give.

const simTables = `
CREATE TABLE src (id INT, k INT, v INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH
  ('topic' = 'src', 'format' = 'json', 'topic.partitions' = '2');
CREATE TABLE dims (id INT, k INT, v INT) WITH ('topic' = 'dims', 'format' = 'json', 'topic.partitions' = '1');
CREATE TABLE dst (id INT, k INT, v INT) WITH ('topic' = 'dst', 'format' = 'json', 'topic.partitions' = '2');
CREATE TABLE pairs (id INT, who STRING) WITH ('topic' = 'pairs', 'format' = 'json', 'topic.partitions' = '1');
CREATE TABLE wins (k INT, s TIMESTAMP(3), n BIGINT, total BIGINT) WITH ('topic' = 'wins', 'format' = 'json', 'topic.partitions' = '2');
CREATE TABLE joined (id INT, dim INT) WITH ('topic' = 'joined', 'format' = 'json', 'topic.partitions' = '3');
CREATE TABLE looped (id INT, n INT) WITH ('topic' = 'looped', 'format' = 'json', 'topic.partitions' = '1');
CREATE TABLE sums (k INT, n BIGINT, total BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH
  ('connector' = 'upsert-kafka', 'topic' = 'sums', 'key.format' = 'json', 'value.format' = 'json', 'topic.partitions' = '2');
CREATE TABLE sizes (n BIGINT, keys BIGINT, PRIMARY KEY (n) NOT ENFORCED) WITH
  ('connector' = 'upsert-kafka', 'topic' = 'sizes', 'key.format' = 'json', 'value.format' = 'json', 'topic.partitions' = '1');
CREATE TABLE counts (k INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH
  ('connector' = 'upsert-kafka', 'topic' = 'counts', 'key.format' = 'json', 'value.format' = 'json', 'topic.partitions' = '2');
CREATE TABLE resized (n BIGINT, keys BIGINT, PRIMARY KEY (n) NOT ENFORCED) WITH
  ('connector' = 'upsert-kafka', 'topic' = 'resized', 'key.format' = 'json', 'value.format' = 'json', 'topic.partitions' = '1');
CREATE TABLE chained (k INT, n BIGINT, total BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH
  ('connector' = 'upsert-kafka', 'topic' = 'chained', 'key.format' = 'json', 'value.format' = 'json', 'topic.partitions' = '2');
CREATE TABLE top (k INT, rn BIGINT, id INT, v INT, PRIMARY KEY (k, rn) NOT ENFORCED) WITH
  ('connector' = 'upsert-kafka', 'topic' = 'top', 'key.format' = 'json', 'value.format' = 'json', 'topic.partitions' = '2');
`

// simKeys is the number of keys; simEarly and simFar are times before and after all
// others.
const (
	simKeys  = 6
	simEarly = "2025-01-01 00:00:00"
	simFar   = "2030-01-01 00:00:00"
	simTime  = "2006-01-02 15:04:05"
)

type srcRow struct {
	ID int    `json:"id"`
	K  int    `json:"k"`
	V  int    `json:"v"`
	TS string `json:"ts"`
}

func srcRecord(row srcRow) *Record {
	value, err := json.Marshal(row)
	if err != nil {
		panic(err)
	}
	return &Record{Key: []byte(strconv.Itoa(row.K)), Value: value}
}

// simRow is a row of one of the inputs.
func simRow(r *rand.Rand, topic string, id int) *Record {
	switch topic {
	case "looped":
		return &Record{Value: fmt.Appendf(nil, `{"id":%d,"n":0}`, id)}
	case "dims":
		return &Record{Value: fmt.Appendf(nil, `{"id":%d,"k":%d,"v":0}`, id, r.IntN(3*simKeys))}
	}
	at := time.Date(2026, 1, 1, 0, 0, id, 0, time.UTC).Add(-time.Duration(r.IntN(12)) * time.Second)
	return srcRecord(srcRow{ID: id, K: r.IntN(simKeys), V: r.IntN(50), TS: at.Format(simTime)})
}

// simJob is a job of the simulation.
type simJob struct {
	name, text string
	also       string // an input beside src
	check      func(*simulation)
}

var simJobs = []simJob{
	{
		name: "several sinks", text: `
BEGIN STATEMENT SET;
INSERT INTO dst SELECT id, k, v FROM src;
INSERT INTO sums SELECT k, COUNT(*), SUM(v) FROM src GROUP BY k;
INSERT INTO wins SELECT k, window_start, COUNT(*), SUM(v) FROM TABLE(TUMBLE(TABLE src, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY k, window_start, window_end;
END;`,
		check: func(s *simulation) {
			checkCopies(s)
			checkSums(s, "sums")
			checkWindows(s)
		},
	},
	{
		name: "a chain", text: `
INSERT INTO dst SELECT id, k, v FROM src;
INSERT INTO chained SELECT k, COUNT(*), SUM(v) FROM dst GROUP BY k;`,
		check: func(s *simulation) {
			checkSums(s, "chained")
		},
	},
	{
		name: "join", also: "dims", text: `
INSERT INTO joined SELECT src.id, dims.id FROM src JOIN dims ON src.k = dims.k;`,
		check: checkJoin,
	},
	{
		name: "Top-N", text: `
INSERT INTO top SELECT k, rn, id, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC, id) AS rn FROM src) WHERE rn <= 2;`,
		check: checkTop,
	},
	{
		name: "retractions", text: `
INSERT INTO sizes SELECT n, COUNT(*) FROM (SELECT k, COUNT(*) AS n FROM src GROUP BY k) GROUP BY n;`,
		check: func(s *simulation) { checkSizes(s, "sizes") },
	},
	{
		name: "a compacted topic", text: `
INSERT INTO counts SELECT k, COUNT(*) FROM src GROUP BY k;
INSERT INTO resized SELECT n, COUNT(*) FROM counts GROUP BY n;`,
		check: func(s *simulation) { checkSizes(s, "resized") },
	},
	{
		name: "its own output", also: "looped", text: `
INSERT INTO looped SELECT id, n + 1 FROM looped WHERE n < 3;`,
		check: checkLoop,
	},
	{
		name: "two on a topic", text: `
INSERT INTO pairs SELECT id, 'one' FROM src;
INSERT INTO pairs SELECT id, 'two' FROM src;`,
		check: func(s *simulation) {
			type row struct {
				ID  int    `json:"id"`
				Who string `json:"who"`
			}
			var want []row
			for _, r := range rowsOf[srcRow](s, "src") {
				want = append(want, row{r.ID, "one"}, row{r.ID, "two"})
			}
			same(s, "pairs", rowsOf[row](s, "pairs"), want)
		},
	},
}

func checkCopies(s *simulation) {
	type row struct {
		ID int `json:"id"`
		K  int `json:"k"`
		V  int `json:"v"`
	}
	var want []row
	copies := 0
	for _, j := range s.jobs { // two jobs may write it
		if j.name == "a chain" || j.name == "several sinks" {
			copies++
		}
	}
	for _, r := range rowsOf[srcRow](s, "src") {
		for range copies {
			want = append(want, row{r.ID, r.K, r.V})
		}
	}
	same(s, "dst", rowsOf[row](s, "dst"), want)
}

type sumRow struct {
	K     int `json:"k"`
	N     int `json:"n"`
	Total int `json:"total"`
}

// checkSums: what readers see of a key only grows, and ends with all of it.
func checkSums(s *simulation, topic string) {
	from := "src"
	if topic == "chained" {
		from = "dst"
	}
	want, last := map[int]sumRow{}, map[int]sumRow{}
	for _, r := range rowsOf[srcRow](s, from) {
		w := want[r.K]
		want[r.K] = sumRow{r.K, w.N + 1, w.Total + r.V}
	}
	for _, r := range rowsOf[sumRow](s, topic) {
		if r.N <= last[r.K].N {
			s.Errorf("%s: %+v comes after %+v", topic, r, last[r.K])
		}
		last[r.K] = r
	}
	same(s, topic, values(last), values(want))
}

func values[K comparable, V any](m map[K]V) (out []V) {
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

// checkWindows: a row counts unless its partition's watermark before it has passed its
// window.
func checkWindows(s *simulation) {
	type row struct {
		K     int    `json:"k"`
		S     string `json:"s"`
		N     int    `json:"n"`
		Total int    `json:"total"`
	}
	type window struct {
		k int
		s time.Time
	}
	wins := map[window]row{}
	watermark := map[int]time.Time{}
	for _, r := range s.read("src") {
		var in srcRow
		if err := json.Unmarshal(r.Value, &in); err != nil {
			s.Error(err)
		}
		at, err := time.Parse(simTime, in.TS)
		if err != nil {
			s.Error(err)
		}
		start := at.Truncate(10 * time.Second)
		if watermark[r.Partition].Before(start.Add(10*time.Second - time.Millisecond)) {
			w := wins[window{in.K, start}]
			wins[window{in.K, start}] = row{in.K, start.Format(simTime), w.N + 1, w.Total + in.V}
		}
		if wm := at.Add(-5 * time.Second); wm.After(watermark[r.Partition]) {
			watermark[r.Partition] = wm
		}
	}
	// The last windows are open. Whether what opens a partition counts is left open: one
	// that was never written to holds back nobody, so the others may have gone on.
	for w := range wins {
		if at := w.s.Format(simTime); at == simFar || at == simEarly {
			delete(wins, w)
		}
	}
	got := rowsOf[row](s, "wins")
	for i := range got {
		got[i].S = got[i].S[:len(simTime)]
	}
	got = slices.DeleteFunc(got, func(r row) bool { return r.S == simEarly })
	same(s, "wins", got, values(wins))
}

func checkJoin(s *simulation) {
	type row struct {
		ID  int `json:"id"`
		Dim int `json:"dim"`
	}
	var want []row
	dims := rowsOf[srcRow](s, "dims")
	for _, r := range rowsOf[srcRow](s, "src") {
		for _, d := range dims {
			if d.K == r.K {
				want = append(want, row{r.ID, d.ID})
			}
		}
	}
	same(s, "joined", rowsOf[row](s, "joined"), want)
}

func checkTop(s *simulation) {
	type row struct {
		K  int `json:"k"`
		RN int `json:"rn"`
		ID int `json:"id"`
		V  int `json:"v"`
	}
	type place struct{ k, rn int }
	last := map[place]row{}
	for _, r := range rowsOf[row](s, "top") {
		last[place{r.K, r.RN}] = r
	}
	rows := rowsOf[srcRow](s, "src")
	slices.SortFunc(rows, func(a, b srcRow) int { return cmp.Or(cmp.Compare(b.V, a.V), cmp.Compare(a.ID, b.ID)) })
	var want []row
	ranks := map[int]int{}
	for _, r := range rows {
		if ranks[r.K]++; ranks[r.K] <= 2 {
			want = append(want, row{r.K, ranks[r.K], r.ID, r.V})
		}
	}
	same(s, "top", values(last), want)
}

func checkSizes(s *simulation, topic string) {
	type row struct {
		N    int `json:"n"`
		Keys int `json:"keys"`
	}
	last := map[string]row{}
	for _, r := range s.read(topic) {
		if len(r.Value) == 0 {
			delete(last, string(r.Key))
			continue
		}
		var in row
		if err := json.Unmarshal(r.Value, &in); err != nil {
			s.Errorf("%s: %v", r.Value, err)
		}
		last[string(r.Key)] = in
	}
	counts, sizes := map[int]int{}, map[int]int{}
	for _, r := range rowsOf[srcRow](s, "src") {
		counts[r.K]++
	}
	for _, n := range counts {
		sizes[n]++
	}
	var want []row
	for n, keys := range sizes {
		want = append(want, row{n, keys})
	}
	same(s, topic, values(last), want)
}

func checkLoop(s *simulation) {
	type row struct {
		ID int `json:"id"`
		N  int `json:"n"`
	}
	got := rowsOf[row](s, "looped")
	var want []row
	for _, r := range got {
		if r.N == 0 {
			for n := range 4 {
				want = append(want, row{r.ID, n})
			}
		}
	}
	same(s, "looped", got, want)
}
