package trace

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// collector is the collector's side: its own parser reads what comes.
func collector(t *testing.T, got chan<- ptrace.Traces) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("x-key") != "a b" {
			t.Error(err, r.URL, r.Header)
		}
		traces, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(body)
		if err != nil {
			t.Error(err, string(body))
		}
		got <- traces
	}))
	t.Cleanup(s.Close)
	return s
}

// TestExport: the collector's parser finds every span with its parent, times, attributes
// and error.
func TestExport(t *testing.T) {
	got := make(chan ptrace.Traces, 10)
	env := map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": collector(t, got).URL + "/", "OTEL_EXPORTER_OTLP_HEADERS": "x-key=a%20b",
		"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=test", "OTEL_BSP_SCHEDULE_DELAY": "100000",
	}
	tr, err := FromEnv(func(k string) string { return env[k] }, "1.2", nil)
	if err != nil || !tr.Sampled() {
		t.Fatal(err)
	}
	at := time.Unix(1e9, 123)
	root := Span{Name: "epoch", Start: at, End: at.Add(time.Second), Attributes: []Attribute{{"job.name", `a "j"`}, {"epoch", int64(1) << 60}}, Children: []Span{
		{Name: "step", Start: at, End: at.Add(time.Millisecond)},
		{Name: "journal", Start: at, End: at.Add(time.Minute), Err: errors.New("disk full")},
	}}
	tr.Send(root)
	tr.Send(Span{Name: "epoch", Start: at, End: at})
	tr.Close()
	tr.Send(root) // too late
	traces := <-got
	if tr.Dropped() != 1 || traces.SpanCount() != 4 {
		t.Fatalf("%d dropped, %d spans", tr.Dropped(), traces.SpanCount())
	}
	rs := traces.ResourceSpans().At(0)
	for k, want := range map[string]string{"service.name": "millrace", "service.version": "1.2", "deployment.environment": "test"} {
		if v, _ := rs.Resource().Attributes().Get(k); v.Str() != want {
			t.Errorf("%s is %q", k, v.Str())
		}
	}
	spans := rs.ScopeSpans().At(0).Spans()
	epoch, step, journal, other := spans.At(0), spans.At(1), spans.At(2), spans.At(3)
	name, _ := epoch.Attributes().Get("job.name")
	number, _ := epoch.Attributes().Get("epoch")
	switch {
	case epoch.TraceID().IsEmpty() || epoch.TraceID() == other.TraceID() || epoch.TraceID() != journal.TraceID():
		t.Error("trace ids")
	case !epoch.ParentSpanID().IsEmpty() || step.ParentSpanID() != epoch.SpanID() || journal.ParentSpanID() != epoch.SpanID() || step.SpanID() == journal.SpanID():
		t.Error("parents")
	case name.Str() != `a "j"` || number.Int() != 1<<60:
		t.Error("attributes")
	case step.StartTimestamp() != pcommon.NewTimestampFromTime(at) || step.EndTimestamp() != pcommon.NewTimestampFromTime(at.Add(time.Millisecond)):
		t.Error("times")
	case journal.Status().Code() != ptrace.StatusCodeError || journal.Status().Message() != "disk full" || step.Status().Code() != ptrace.StatusCodeUnset:
		t.Error("status")
	case step.Kind() != ptrace.SpanKindInternal:
		t.Error("kind")
	}
}

// TestUnreachable: a collector that is not there costs memory for some spans, and one line.
func TestUnreachable(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	var said []string
	tr := New(Config{URL: s.URL, Delay: time.Hour, Ratio: 1, Report: func(line string) { said = append(said, line) }})
	for range keepSpans + 5 {
		tr.Send(Span{Name: "epoch"})
	}
	tr.Close()
	if tr.Dropped() != keepSpans+5 || len(said) != 1 || !strings.HasPrefix(said[0], "traces cannot be sent to http://127.0.0.1:") {
		t.Fatal(tr.Dropped(), said)
	}
	var none *Tracer
	none.Close()
	if none.Sampled() {
		t.Fatal("no tracer takes no spans")
	}
}

// TestEnv: what asks for no tracer, and what is refused.
func TestEnv(t *testing.T) {
	const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT=http://h:4318"
	for env, want := range map[string]string{
		"":       "none",
		endpoint: "http://h:4318/v1/traces 1",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://h/x":                                        "https://h/x 1",
		endpoint + " OTEL_SDK_DISABLED=true":                                                    "none",
		endpoint + " OTEL_TRACES_EXPORTER=none":                                                 "none",
		endpoint + " OTEL_TRACES_SAMPLER=always_off":                                            "none",
		endpoint + " OTEL_TRACES_SAMPLER=parentbased_traceidratio OTEL_TRACES_SAMPLER_ARG=0.25": "http://h:4318/v1/traces 0.25",
		endpoint + " OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=2":                "OTEL_TRACES_SAMPLER_ARG: '2' is no number from 0 to 1",
		endpoint + " OTEL_TRACES_SAMPLER=jaeger_remote":                                         "OTEL_TRACES_SAMPLER: 'jaeger_remote' is none of always_on, always_off and traceidratio",
		"OTEL_EXPORTER_OTLP_ENDPOINT=h:4318":                                                    "OTEL_EXPORTER_OTLP_ENDPOINT: 'h:4318/v1/traces' is no http or https address",
		endpoint + " OTEL_EXPORTER_OTLP_HEADERS=x":                                              "OTEL_EXPORTER_OTLP_HEADERS: 'x' is not key=value",
		endpoint + " OTEL_BSP_SCHEDULE_DELAY=soon":                                              "OTEL_BSP_SCHEDULE_DELAY: 'soon' is no number of milliseconds",
	} {
		vars := map[string]string{}
		for _, v := range strings.Fields(env) {
			k, value, _ := strings.Cut(v, "=")
			vars[k] = value
		}
		tr, err := FromEnv(func(k string) string { return vars[k] }, "1", nil)
		got := "none"
		if err != nil {
			got = err.Error()
		} else if tr != nil {
			got = fmt.Sprint(tr.config.URL, " ", tr.config.Ratio)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", env, got, want)
		}
	}
}
