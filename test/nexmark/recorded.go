// Package nexmark holds millrace's answers to the Nexmark queries against those of
// Apache Flink over the same events, which are recorded in testdata (make oracle).
package nexmark

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/millrace/millrace/bench/nexmark"
	"github.com/millrace/millrace/internal/sql/session"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// recorded is a query's answer over some number of events:
//
//	types  INT<tab>STRING …
//	digest total 0 12:8f3a… …
//	rows   all | some
//	<a row a line, sorted>
type recorded struct {
	types  []types.Type
	digest *nexmark.Digest
	// all says that rows are all of them; otherwise they are some, by which a
	// difference may be found.
	all  bool
	rows []string
}

// keepRows is how many rows a recorded answer has at the most before it has only a
// sample of sampleRows.
const (
	keepRows   = 20_000
	sampleRows = 500
)

func path(query string, events int64) string {
	return filepath.Join("testdata", fmt.Sprintf("%s-%dk.gz", query, events/1000))
}

func (r *recorded) write(file string) error {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	var names []string
	for _, t := range r.types {
		names = append(names, t.SQL())
	}
	fmt.Fprintf(z, "types\t%s\ndigest\t%s\nrows\t%s\n", strings.Join(names, "\t"), r.digest, map[bool]string{true: "all", false: "some"}[r.all])
	for _, row := range r.rows {
		fmt.Fprintln(z, row)
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(file, b.Bytes(), 0o666)
}

func read(file string) (*recorded, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	r := &recorded{}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	header := func(want string) string {
		if !lines.Scan() {
			err = errors.Join(err, fmt.Errorf("%s ends before '%s'", file, want))
		}
		name, value, _ := strings.Cut(lines.Text(), "\t")
		if name != want {
			err = errors.Join(err, fmt.Errorf("%s: '%s' where '%s' should be", file, name, want))
		}
		return value
	}
	columns, digest, rows := header("types"), header("digest"), header("rows")
	if err != nil {
		return nil, err
	}
	if r.types, err = parseTypes(columns); err != nil {
		return nil, err
	}
	if r.digest, err = nexmark.ParseDigest(digest); err != nil {
		return nil, err
	}
	r.all = rows == "all"
	for lines.Scan() {
		r.rows = append(r.rows, lines.Text())
	}
	return r, lines.Err()
}

func parseTypes(line string) ([]types.Type, error) {
	var out []types.Type
	for text := range strings.SplitSeq(line, "\t") {
		text = strings.TrimSpace(strings.NewReplacer("*ROWTIME*", "", "*PROCTIME*", "").Replace(text))
		t, err := session.ParseType(text)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// digestOf reads the rows that Flink wrote.
func digestOf(q nexmark.Query, in io.Reader) (*recorded, error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 1<<20), 1<<24)
	if !lines.Scan() {
		return nil, fmt.Errorf("no line with the types: %w", lines.Err())
	}
	r := &recorded{all: true}
	var err error
	if r.types, err = parseTypes(lines.Text()); err != nil {
		return nil, err
	}
	ledger := nexmark.NewLedger(false)
	sample := newSample()
	w := nexmark.NewWriter(q, ledger)
	for done := false; !done; {
		builders := make([]*vec.Builder, len(r.types))
		for i, t := range r.types {
			builders[i] = vec.NewBuilder(t, vec.BatchRows)
		}
		n := 0
		for ; n < vec.BatchRows; n++ {
			if !lines.Scan() {
				done = true
				break
			}
			if err := appendRow(builders, lines.Text()); err != nil {
				return nil, err
			}
		}
		b := &vec.Batch{N: n}
		for _, c := range builders {
			b.Cols = append(b.Cols, c.Finish())
		}
		if err := w.Write(b); err != nil {
			return nil, err
		}
		for i := range n {
			sample.add(w.Row(b, i))
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if err := w.Settle(); err != nil {
		return nil, err
	}
	r.digest = ledger.Result()
	r.rows, r.all = sample.rows()
	return r, nil
}

func appendRow(to []*vec.Builder, line string) error {
	values := strings.Split(line, "\t")
	if len(values) != len(to) {
		return fmt.Errorf("a row of %d values, not %d: %s", len(values), len(to), line)
	}
	for i, v := range values {
		if v == `\N` {
			to[i].AppendNull()
		} else if err := to[i].AppendParsed([]byte(v)); err != nil {
			return fmt.Errorf("%s: %w", v, err)
		}
	}
	return nil
}

// sample keeps all rows, or when there are too many those with the least hashes.
type sample struct {
	seen int
	kept map[uint64][]string
	top  []uint64
}

func newSample() *sample { return &sample{kept: map[uint64][]string{}} }

func (s *sample) add(row string) {
	s.seen++
	h := vec.HashBytes([]byte(row))
	if s.seen > keepRows && len(s.top) >= sampleRows && h > s.top[sampleRows-1] {
		return
	}
	at, _ := slices.BinarySearch(s.top, h)
	s.top = slices.Insert(s.top, at, h)
	s.kept[h] = append(s.kept[h], row)
	if s.seen > keepRows && len(s.top) > 2*sampleRows {
		for _, gone := range s.top[sampleRows:] {
			delete(s.kept, gone)
		}
		s.top = s.top[:sampleRows]
	}
}

func (s *sample) rows() (rows []string, all bool) {
	for i, h := range s.top {
		if s.seen > keepRows && i >= sampleRows {
			break
		}
		if i == 0 || h != s.top[i-1] {
			rows = append(rows, s.kept[h]...)
		}
	}
	slices.Sort(rows)
	return rows, s.seen <= keepRows
}
