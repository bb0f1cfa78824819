package engine

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/trace"
)

// TestTrace: an epoch is a trace of its steps and the stages of its commit, in order; all
// rows are in some epoch.
func TestTrace(t *testing.T) {
	type attribute struct {
		Key   string
		Value struct{ StringValue, IntValue string }
	}
	type span struct {
		TraceID, SpanID, ParentSpanID, Name string
		StartTimeUnixNano, EndTimeUnixNano  string
		Attributes                          []attribute
	}
	var mu sync.Mutex
	var spans []span
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var got struct {
			ResourceSpans []struct{ ScopeSpans []struct{ Spans []span } }
		}
		body, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(body, &got); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		spans = append(spans, got.ResourceSpans[0].ScopeSpans[0].Spans...)
	}))
	defer s.Close()
	tracer := trace.New(trace.Config{URL: s.URL, Ratio: 1, Delay: time.Hour})
	w := &world{filledTopic(2, 60, 5), newMemLog(), newLedger()}
	if err := w.job(Config{Workers: 2, StepRows: 7, CommitInterval: 1, Tracer: tracer}).Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	tracer.Close()
	attributeOf := func(sp span, key string) string {
		i := slices.IndexFunc(sp.Attributes, func(a attribute) bool { return a.Key == key })
		if i < 0 {
			return ""
		}
		return sp.Attributes[i].Value.IntValue + sp.Attributes[i].Value.StringValue
	}
	epochs, steps := 0, 0
	for i, sp := range spans {
		if sp.Name != "epoch" {
			continue
		}
		epochs++
		var names []string
		last := sp.StartTimeUnixNano
		for _, child := range spans[i+1:] {
			if child.ParentSpanID != sp.SpanID {
				break
			}
			if child.TraceID != sp.TraceID || child.StartTimeUnixNano < last || child.EndTimeUnixNano < child.StartTimeUnixNano || child.EndTimeUnixNano > sp.EndTimeUnixNano {
				t.Errorf("%+v in %+v", child, sp)
			}
			last = child.StartTimeUnixNano
			if child.Name == "step" {
				steps++
				continue
			}
			names = append(names, child.Name)
		}
		if !slices.Equal(names, []string{"cut", "prepare", "journal", "commit"}) || attributeOf(sp, "job.name") != "count" || attributeOf(sp, "epoch") == "" {
			t.Errorf("%v, %+v", names, sp)
		}
	}
	if epochs < 1 || steps < epochs || tracer.Dropped() > 0 {
		t.Fatalf("%d epochs, %d steps, %d dropped", epochs, steps, tracer.Dropped())
	}
}
