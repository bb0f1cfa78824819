package metrics

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// TestPage has Prometheus' own parser read what was written, and every string come back.
func TestPage(t *testing.T) {
	counter := &Family{Name: "flink_x_numRecordsIn", Kind: Counter, Labels: []string{"job", "op"}, Help: "a \\ and a\nline"}
	gauge := &Family{Name: "plain", Kind: Gauge, Help: "no labels"}
	summary := &Family{Name: "times_ms", Kind: Summary, Labels: []string{"request"}, Help: "times"}
	p := NewPage()
	names := []string{`a"b`, `c\d`, "e\nf", "", "ü", "g,h}"}
	for i, n := range names {
		p.Add(counter, float64(i)+0.5, n, n)
		if i == 2 {
			p.Add(gauge, math.Inf(1))
		}
	}
	var h Histogram
	for i := range 1000 {
		h.Observe(time.Duration(i) * time.Millisecond)
	}
	p.AddSummary(summary, h.Read(time.Unix(1000, 0)), "Fetch")
	var b bytes.Buffer
	if _, err := p.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatalf("%v in\n%s", err, b.String())
	}
	if len(families) != 3 || families["plain"].Metric[0].Gauge.GetValue() != math.Inf(1) || families[counter.Name].GetHelp() != counter.Help {
		t.Fatalf("%v", families)
	}
	for i, m := range families[counter.Name].Metric {
		if m.Counter.GetValue() != float64(i)+0.5 || m.Label[0].GetValue() != names[i] || m.Label[1].GetValue() != names[i] {
			t.Errorf("%q: %v", names[i], m)
		}
	}
	s := families["times_ms"].Metric[0].Summary
	if s.GetSampleCount() != 1000 || s.GetSampleSum() != 499500 || len(s.Quantile) != len(Quantiles) {
		t.Fatalf("%v", s)
	}
	for _, q := range s.Quantile {
		if want := 1000 * q.GetQuantile(); q.GetValue() < want || q.GetValue() > want*1.26 {
			t.Errorf("the quantile %v is %v, want about %v", q.GetQuantile(), q.GetValue(), want)
		}
	}
	if !strings.HasPrefix(b.String(), "# HELP flink_x_numRecordsIn a \\\\ and a\\nline\n# TYPE flink_x_numRecordsIn counter\n") {
		t.Error(b.String())
	}
}

// TestHistogram: every duration is within its bucket, and quantiles forget.
func TestHistogram(t *testing.T) {
	for d := time.Duration(1); d < time.Hour && d > 0; d = d*5/4 + 1 {
		b := bucketOf(d)
		if ms := float64(d) / 1e6; ms >= bound(b) || b > 0 && ms < bound(b-1) {
			t.Fatalf("%v is in bucket %d, from %v to %v ms", d, b, bound(b-1), bound(b))
		}
	}
	for _, d := range []time.Duration{-1, 0, math.MaxInt64} {
		if b := bucketOf(d); b < 0 || b >= buckets {
			t.Fatal(d, b)
		}
	}
	var h Histogram
	now := time.Unix(1e9, 0)
	h.Observe(time.Second)
	if d := h.Read(now); d.Count != 1 || d.Quantiles[5] < 1000 {
		t.Fatalf("%+v", d)
	}
	for range 3 {
		now = now.Add(window + 1)
		h.Observe(time.Millisecond)
		h.Read(now)
	}
	if d := h.Read(now); d.Count != 4 || d.Sum != 1003 || d.Quantiles[5] > 2 {
		t.Fatalf("%+v", d)
	}
}
