package trace

import (
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"time"
)

// OTLP's messages, as JSON: ids are hexadecimal, 64-bit numbers are strings.
// https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
type (
	export struct {
		ResourceSpans []resourceSpans `json:"resourceSpans"`
	}
	resourceSpans struct {
		Resource   resource     `json:"resource"`
		ScopeSpans []scopeSpans `json:"scopeSpans"`
	}
	resource struct {
		Attributes []keyValue `json:"attributes"`
	}
	scopeSpans struct {
		Scope scope  `json:"scope"`
		Spans []span `json:"spans"`
	}
	scope struct {
		Name string `json:"name"`
	}
	span struct {
		TraceID      string     `json:"traceId"`
		SpanID       string     `json:"spanId"`
		ParentSpanID string     `json:"parentSpanId,omitempty"`
		Name         string     `json:"name"`
		Kind         int        `json:"kind"`
		Start        string     `json:"startTimeUnixNano"`
		End          string     `json:"endTimeUnixNano"`
		Attributes   []keyValue `json:"attributes,omitempty"`
		Status       *status    `json:"status,omitempty"`
	}
	status struct {
		Message string `json:"message"`
		Code    int    `json:"code"`
	}
	keyValue struct {
		Key   string `json:"key"`
		Value value  `json:"value"`
	}
	value struct {
		String *string `json:"stringValue,omitempty"`
		Int    *string `json:"intValue,omitempty"`
	}
)

const (
	kindInternal = 1
	statusError  = 2
)

// encode makes one request of span trees, each a trace of its own.
func encode(c *Config, roots []Span) []byte {
	var all []span
	for i := range roots {
		all = appendSpans(all, &roots[i], randomHex(16), "")
	}
	b, err := json.Marshal(export{[]resourceSpans{{
		Resource:   resource{keyValues(c.Resource)},
		ScopeSpans: []scopeSpans{{Scope: scope{"github.com/millrace/millrace"}, Spans: all}},
	}}})
	if err != nil {
		panic(err) // there is nothing in it that JSON does not take
	}
	return b
}

func appendSpans(all []span, s *Span, trace, parent string) []span {
	out := span{
		TraceID: trace, SpanID: randomHex(8), ParentSpanID: parent, Name: s.Name, Kind: kindInternal,
		Start: nanos(s.Start), End: nanos(s.End), Attributes: keyValues(s.Attributes),
	}
	if s.Err != nil {
		out.Status = &status{s.Err.Error(), statusError}
	}
	all = append(all, out)
	for i := range s.Children {
		all = appendSpans(all, &s.Children[i], trace, out.SpanID)
	}
	return all
}

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

// randomHex is an id, which must not be zero.
func randomHex(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	b[0] |= 1
	return hex.EncodeToString(b)
}

func keyValues(list []Attribute) []keyValue {
	var out []keyValue
	for _, a := range list {
		kv := keyValue{Key: a.Key}
		switch v := a.Value.(type) {
		case string:
			kv.Value.String = &v
		case int64:
			text := strconv.FormatInt(v, 10)
			kv.Value.Int = &text
		}
		out = append(out, kv)
	}
	return out
}
