package node

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/millrace/millrace/internal/broker"
	"github.com/millrace/millrace/internal/metrics"
	"github.com/millrace/millrace/internal/sql/session"
)

var rewriteMetrics = flag.Bool("metrics", false, "write docs/metrics.md anew")

const metricsIntro = `# Metrics

GET /metrics on the HTTP address answers in Prometheus' text format. Everything is read when it is asked for. Where users
log in, it takes the right to DESCRIBE the cluster.
Metrics of jobs have the names of Flink's Prometheus reporter, those of the log the names that Prometheus' JMX exporter
makes of Kafka's, those of groups kafka_exporter's; what is millrace's own says so. Counters begin with the start of the
node, those of jobs with the start of the job. What clients push (KIP-714) comes under its own names, with the clients' labels.

Traces: with OTEL_EXPORTER_OTLP_ENDPOINT set, each epoch of a job is sent to an OpenTelemetry collector as a trace, over HTTP
as JSON: its steps, then cut, prepare, journal and commit. OTEL_TRACES_SAMPLER and the other variables of OpenTelemetry's
exporter count (internal/trace/env.go lists them).

This page is written by ` + "`go test ./internal/node -run MetricsPage -args -metrics`" + `.
`

// TestMetricsPage holds docs/metrics.md to the code.
func TestMetricsPage(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(metricsIntro)
	for _, part := range []struct {
		title string
		list  []*metrics.Family
	}{{"Jobs", jobFamilies}, {"The log", broker.MetricFamilies}, {"The process", nodeFamilies}} {
		fmt.Fprintf(&b, "\n## %s\n\n| name | kind | labels | meaning |\n|---|---|---|---|\n", part.title)
		for _, f := range part.list {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.Name, f.Kind, strings.Join(f.Labels, ", "), f.Help)
		}
	}
	path := filepath.Join("..", "..", "docs", "metrics.md")
	if *rewriteMetrics {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, b.Bytes()) {
		t.Errorf("docs/metrics.md is not what the code says (%v): run go test ./internal/node -run MetricsPage -args -metrics", err)
	}
}

// TestMetrics scrapes a node while a job runs: Prometheus' parser takes the page, every
// family of it is documented, and the values are those of what happened.
func TestMetrics(t *testing.T) {
	n, err := Open(Config{HTTP: "127.0.0.1:0", Kafka: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	s := session.New(n, session.Options{Settings: map[string]string{"parallelism.default": "2", "pipeline.name": `a "job"`}})
	execute := func(text string) {
		t.Helper()
		r, err := s.Execute(context.Background(), text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Next(context.Background()); err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	}
	execute(`CREATE TABLE rides (k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('topic' = 'rides')`)
	execute(`CREATE TABLE counts (n BIGINT, e TIMESTAMP(3)) WITH ('topic' = 'counts')`)
	execute(`INSERT INTO counts SELECT COUNT(*), window_end FROM TABLE(TUMBLE(TABLE rides, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end`)
	execute(`SET 'table.dml-sync' = 'true'`)
	execute(`INSERT INTO rides VALUES ('a', TIMESTAMP '2026-01-01 12:00:30'), ('b', TIMESTAMP '2026-01-01 12:05:00'), ('c', TIMESTAMP '2026-01-01 12:00:31'), ('d', TIMESTAMP '2026-01-01 12:05:01')`)
	job := n.Jobs()[0].ID()
	mark := float64(time.Date(2026, 1, 1, 12, 5, 1, 0, time.UTC).UnixMilli())
	want := []struct {
		name   string
		labels string // "name=value", all of them needed
		value  float64
	}{
		{"flink_jobmanager_numRunningJobs", "", 1},
		{"flink_jobmanager_job_runningState", "job_id=" + job + ` job_name=a_"job"`, 1},
		{"flink_taskmanager_job_task_operator_numRecordsIn", "operator_name=Source(rides)", 4},
		{"flink_taskmanager_job_task_operator_numRecordsIn", "operator_name=Sink(counts)", 1},
		{"flink_taskmanager_job_task_operator_numLateRecordsDropped", "operator_name=WindowAggregate", 1},
		{"flink_taskmanager_job_task_operator_currentOutputWatermark", "operator_name=Source(rides) subtask_index=0", mark},
		{"flink_taskmanager_job_task_operator_currentInputWatermark", "operator_name=Sink(counts)", mark},
		{"flink_taskmanager_job_task_operator_pendingRecords", "operator_name=Source(rides)", 0},
		{"flink_jobmanager_job_lateRows", "", 1},
		{"kafka_server_brokertopicmetrics_messagesin_total", "topic=rides", 5}, // and the marker
		{"kafka_log_log_logendoffset", "topic=rides partition=0", 5},
		{"kafka_controller_kafkacontroller_activecontrollercount", "", 1},
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		families := scrape(t, n.HTTPAddr())
		missing := ""
		for _, w := range want {
			if got, found := sum(families[w.name], w.labels); !found || got != w.value {
				missing = fmt.Sprintf("%s{%s} is %v, want %v", w.name, w.labels, got, w.value)
			}
		}
		if missing == "" {
			checkFamilies(t, families)
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(missing)
		}
	}
}

func scrape(t *testing.T, addr string) map[string]*dto.MetricFamily {
	t.Helper()
	resp, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil || resp.StatusCode != 200 || resp.Header.Get("Content-Type") != metrics.ContentType {
		t.Fatal(err, resp.Status, resp.Header)
	}
	return families
}

// sum is the sum of the samples that have these labels, or what such a label begins with.
func sum(f *dto.MetricFamily, labels string) (total float64, found bool) {
	for _, m := range f.GetMetric() {
		match := true
		for _, l := range strings.Fields(labels) {
			name, value, _ := strings.Cut(l, "=")
			match = match && slices.ContainsFunc(m.Label, func(p *dto.LabelPair) bool {
				return p.GetName() == name && strings.HasPrefix(strings.ReplaceAll(p.GetValue(), " ", "_"), value)
			})
		}
		if match {
			total, found = total+m.GetCounter().GetValue()+m.GetGauge().GetValue(), true
		}
	}
	return total, found
}

// checkFamilies wants every family to be documented as it is, and those of a running job
// and of a log in use to be there.
func checkFamilies(t *testing.T, got map[string]*dto.MetricFamily) {
	t.Helper()
	known := map[string]*metrics.Family{}
	for _, f := range slices.Concat(jobFamilies, broker.MetricFamilies, nodeFamilies) {
		if known[f.Name] != nil {
			t.Errorf("%s is listed twice", f.Name)
		}
		known[f.Name] = f
		elsewhere := strings.HasSuffix(f.Name, "throttle_time") || strings.HasPrefix(f.Name, "kafka_consumergroup") || strings.HasPrefix(f.Name, "kafka_network")
		if got[f.Name] == nil && !elsewhere {
			t.Errorf("%s is not on the page", f.Name)
		}
	}
	for name, f := range got {
		k := known[name]
		if k == nil {
			t.Errorf("%s is on the page and in no list", name)
			continue
		}
		if !strings.EqualFold(f.GetType().String(), string(k.Kind)) || f.GetHelp() != k.Help {
			t.Errorf("%s is a %s (%s)", name, f.GetType(), f.GetHelp())
		}
		for _, m := range f.Metric {
			if len(m.Label) != len(k.Labels) {
				t.Errorf("%s has the labels %v, want %v", name, m.Label, k.Labels)
			}
		}
	}
}
