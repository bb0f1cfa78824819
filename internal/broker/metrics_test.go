package broker

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/millrace/millrace/internal/broker/telemetry"
	"github.com/millrace/millrace/internal/metrics"
)

// page is what the broker tells, a line a sample.
func (tb *testBroker) page(t *testing.T) string {
	t.Helper()
	p := metrics.NewPage()
	tb.Collect(p)
	return pageText(t, p)
}

func pageText(t *testing.T, p *metrics.Page) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := p.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	if _, err := parser.TextToMetricFamilies(bytes.NewReader(b.Bytes())); err != nil {
		t.Fatalf("%v in\n%s", err, b.String())
	}
	return b.String()
}

// TestMetrics: what clients did is on the page.
func TestMetrics(t *testing.T) {
	tb := start(t, Config{})
	tb.create(t, "orders", 1, nil)
	cl := tb.client(t, kgo.DefaultProduceTopic("orders"), kgo.ConsumeTopics("orders"))
	for range 3 {
		produce(t, cl, kgo.StringRecord("a"), kgo.StringRecord("b"))
	}
	consume(t, cl, 6)
	offsets := kadm.Offsets{}
	offsets.AddOffset("orders", 0, 4, -1)
	if err := tb.admin(t).CommitAllOffsets(testContext(t), "billing", offsets); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`kafka_server_brokertopicmetrics_messagesin_total{topic="orders"} 6`,
		`kafka_log_log_logendoffset{topic="orders",partition="0"} 6`,
		`kafka_network_requestmetrics_requests_total{request="Produce"} 3`,
		`kafka_network_requestmetrics_totaltimems_count{request="Produce"} 3`,
		`kafka_consumergroup_current_offset{consumergroup="billing",topic="orders",partition="0"} 4`,
		`kafka_consumergroup_lag{consumergroup="billing",topic="orders",partition="0"} 2`,
		`kafka_cluster_partition_laststableoffsetlag{topic="orders",partition="0"} 0`,
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		got, missing := tb.page(t), ""
		for _, w := range want {
			if !strings.Contains(got, w+"\n") {
				missing = w
			}
		}
		if strings.Contains(got, `bytesout_total{topic="orders"} 0`) || strings.Contains(got, `bytesin_total{topic="orders"} 0`) {
			missing = "bytes in and out"
		}
		if missing == "" {
			return
		}
		if time.Now().After(deadline) { // an answer is counted when it has been sent
			t.Fatalf("%s is not in\n%s", missing, got)
		}
		time.Sleep(time.Millisecond)
	}
}

// TestThrottleMetrics: who was silenced is told for half a minute.
func TestThrottleMetrics(t *testing.T) {
	var th throttles
	now := time.Unix(1000, 0)
	count := func() (n int) {
		th.each(now, func(k throttleKey, d time.Duration) {
			if k != (throttleKey{fetchThrottle, "alice", "c"}) || d != 2*time.Second {
				t.Errorf("%v %v", k, d)
			}
			n++
		})
		return n
	}
	th.note(throttleKey{fetchThrottle, "alice", "c"}, time.Second, now)
	th.note(throttleKey{fetchThrottle, "alice", "c"}, 2*time.Second, now.Add(time.Second))
	if now = now.Add(30 * time.Second); count() != 1 {
		t.Error("forgotten too early")
	}
	if now = now.Add(2 * time.Second); count() != 0 {
		t.Error("told for too long")
	}
}

// TestPushedMetrics: metrics of clients keep their names, and one name is one family
// whatever labels its samples have.
func TestPushedMetrics(t *testing.T) {
	p := metrics.NewPage()
	report := func(client string, samples ...telemetry.Sample) telemetry.Report {
		return telemetry.Report{Client: telemetry.Client{Labels: map[string]string{"client_id": client, "client_software_name": "x"}}, Samples: samples}
	}
	name := "org.apache.kafka.producer.node.request.latency.avg"
	collectPushed(p, []telemetry.Report{
		report("a", telemetry.Sample{Name: name, Value: 1.5, Attributes: []telemetry.Attribute{{Key: "node.id", Value: "0"}, {Key: "client_id", Value: "liar"}}}, telemetry.Sample{Name: "9 lives", Value: 9}),
		report("b", telemetry.Sample{Name: name, Value: 2}),
	})
	got := pageText(t, p)
	for _, w := range []string{
		`org_apache_kafka_producer_node_request_latency_avg{client_id="a",client_software_name="x",node_id="0"} 1.5`,
		`org_apache_kafka_producer_node_request_latency_avg{client_id="b",client_software_name="x"} 2`,
		`_9_lives{client_id="a",client_software_name="x"} 9`,
	} {
		if !strings.Contains(got, w+"\n") {
			t.Errorf("%s is not in\n%s", w, got)
		}
	}
	if strings.Count(got, "# TYPE org_apache_kafka_producer_node") != 1 {
		t.Error(got)
	}
}
