// Package metrics is what a node tells of itself at /metrics: families by the names that
// Flink's Prometheus reporter and Kafka's JMX exporter give them, read when somebody asks
// and not before.
//
// Prometheus' text format is three kinds of lines and is written here, for families whose
// samples are read all at once; Prometheus' own parser is the judge in the tests.
package metrics

import (
	"io"
	"strconv"
	"strings"
)

// Kind is what a value means.
type Kind string

// A counter only grows, but for restarts; a summary has quantiles, a sum and a count.
const (
	Counter Kind = "counter"
	Gauge   Kind = "gauge"
	Summary Kind = "summary"
)

// Family is a metric: what its samples have in common.
type Family struct {
	Name string
	Kind Kind
	// Labels are the names of the labels that tell its samples apart.
	Labels []string
	// Help is one sentence, and the text of the reference page.
	Help string
}

// Page collects samples. Those of a family stand together, families in the order in which
// they first came.
type Page struct {
	order []*Family
	lines map[*Family][]byte
}

// NewPage makes an empty page.
func NewPage() *Page { return &Page{lines: map[*Family][]byte{}} }

// Add adds a sample; values go with the family's labels.
func (p *Page) Add(f *Family, value float64, values ...string) {
	p.put(f, "", f.Labels, values, value)
}

// AddLabeled adds a sample that has labels of its own; those of a family must differ.
func (p *Page) AddLabeled(f *Family, value float64, labels, values []string) {
	p.put(f, "", labels, values, value)
}

// put adds a line; suffix is what a summary's parts have behind the name.
func (p *Page) put(f *Family, suffix string, labels, values []string, value float64) {
	b, known := p.lines[f]
	if !known {
		p.order = append(p.order, f)
	}
	b = append(append(b, f.Name...), suffix...)
	for i, name := range labels {
		b = append(b, "{,"[min(i, 1)])
		b = append(append(b, name...), '=')
		b = appendQuoted(b, values[i])
	}
	if len(labels) > 0 {
		b = append(b, '}')
	}
	b = append(b, ' ')
	b = strconv.AppendFloat(b, value, 'g', -1, 64)
	p.lines[f] = append(b, '\n')
}

// AddSummary adds the quantiles of the last minutes, and sum and count since the start.
func (p *Page) AddSummary(f *Family, s Distribution, values ...string) {
	labels := append(append([]string{}, f.Labels...), "quantile")
	for i, q := range Quantiles {
		p.put(f, "", labels, append(append([]string{}, values...), strconv.FormatFloat(q, 'g', -1, 64)), s.Quantiles[i])
	}
	p.put(f, "_sum", f.Labels, values, s.Sum)
	p.put(f, "_count", f.Labels, values, float64(s.Count))
}

var escapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	if strings.ContainsAny(s, "\\\n\"") {
		s = escapes.Replace(s)
	}
	return append(append(b, strings.ToValidUTF8(s, "\uFFFD")...), '"')
}

// ContentType is that of the text format.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// WriteTo writes the page in the text format.
func (p *Page) WriteTo(w io.Writer) (int64, error) {
	var b []byte
	for _, f := range p.order {
		b = append(b, "# HELP "+f.Name+" "+strings.ReplaceAll(strings.ReplaceAll(f.Help, `\`, `\\`), "\n", `\n`)+"\n"...)
		b = append(b, "# TYPE "+f.Name+" "+string(f.Kind)+"\n"...)
		b = append(b, p.lines[f]...)
	}
	n, err := w.Write(b)
	return int64(n), err
}
