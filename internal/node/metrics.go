package node

import (
	"compress/gzip"
	"io"
	"net/http"
	"runtime"
	rtmetrics "runtime/metrics"
	"strings"
	"time"

	"github.com/millrace/millrace/internal/metrics"
	"github.com/millrace/millrace/internal/sql/session"
)

var (
	buildInfo  = &metrics.Family{Name: "millrace_build_info", Kind: metrics.Gauge, Labels: []string{"version", "goversion"}, Help: "1, with the program's version."}
	startTime  = &metrics.Family{Name: "process_start_time_seconds", Kind: metrics.Gauge, Help: "When the node was started, seconds since 1970."}
	goroutines = &metrics.Family{Name: "go_goroutines", Kind: metrics.Gauge, Help: "Goroutines."}
	heapBytes  = &metrics.Family{Name: "go_memstats_heap_alloc_bytes", Kind: metrics.Gauge, Help: "Bytes of the heap that objects take."}
)

// nodeFamilies are metrics of the process.
var nodeFamilies = []*metrics.Family{buildInfo, startTime, goroutines, heapBytes}

// measured is what /metrics needs besides the node.
type measured struct {
	started time.Time
	jobs    jobMetrics
}

// withMetrics serves /metrics before a handler.
func (n *Node) withMetrics(next http.Handler) http.Handler {
	n.measured.started = n.now()
	mux := http.NewServeMux()
	mux.Handle("/", next)
	mux.HandleFunc("GET /metrics", n.serveMetrics)
	return mux
}

// serveMetrics answers a scrape: everything is read now. The page names topics, groups
// and jobs of all, so that it takes the right to DESCRIBE the cluster.
func (n *Node) serveMetrics(w http.ResponseWriter, r *http.Request) {
	if c, ok := callerOf(r); ok {
		if err := (rights{n, c}).May(session.Describe, session.Cluster, ""); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
	}
	p := metrics.NewPage()
	n.collect(p)
	w.Header().Set("Content-Type", metrics.ContentType)
	var out io.Writer = w
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		defer z.Close()
		out = z
	}
	_, _ = p.WriteTo(out) // a scraper that has gone
}

func (n *Node) collect(p *metrics.Page) {
	now := n.now()
	p.Add(buildInfo, 1, Version, runtime.Version())
	p.Add(startTime, float64(n.measured.started.UnixMilli())/1000)
	p.Add(goroutines, float64(runtime.NumGoroutine()))
	heap := []rtmetrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	rtmetrics.Read(heap) // stops nobody
	p.Add(heapBytes, float64(heap[0].Value.Uint64()))
	var jobs []jobMeasure
	for _, j := range n.Jobs() {
		m := jobMeasure{Status: j.Status()}
		if c, ok := j.(session.Controller); ok {
			m.restarts = c.Detail().Restarts
		}
		jobs = append(jobs, m)
	}
	n.measured.jobs.collect(p, jobs, now)
	n.broker.Collect(p)
}
