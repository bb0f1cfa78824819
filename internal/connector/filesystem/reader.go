package filesystem

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/format"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// bufferBytes is how much of a file is read at once; maxRecord is the longest
// record, beyond which a file is taken for one of another format.
const (
	bufferBytes = 256 << 10
	maxRecord   = 64 << 20
)

// reader reads one file, record by record.
type reader struct {
	in      *input
	name    string
	dec     format.Decoder
	split   format.Splitter // nil: a record is a line
	now     func() time.Time
	outputs []int // of each column: its place in the decoder's, or in constants, counted from -1 down
	types   []types.Type
	// constants are vectors of one value: metadata, and the partition's values.
	constants []*vec.Vector

	buf   []byte
	rest  []byte // of buf, not yet decoded
	eof   bool   // nothing is left to read behind buf
	at    place
	lines []int64 // where each row of the last batch begins
	last  time.Time
}

func newReader(s *source, in *input, name string, columns []int) (*reader, error) {
	r := &reader{in: in, name: name, now: s.env.Now}
	if r.now == nil {
		r.now = time.Now
	}
	cfg := s.inFiles()
	cfg.Project = []int{}
	place := map[int]int{}
	for i, c := range s.table.Columns {
		if c.Metadata == "" && !slices.Contains(s.table.PartitionedBy, i) {
			place[i] = len(place)
		}
	}
	var values map[string]string
	if len(s.table.PartitionedBy) > 0 {
		values = newPartitions(s.table).values(name)
	}
	for _, c := range columns {
		col := s.table.Columns[c]
		r.types = append(r.types, col.Type)
		if at, ok := place[c]; ok {
			r.outputs = append(r.outputs, len(cfg.Project))
			cfg.Project = append(cfg.Project, at)
			continue
		}
		v, err := r.constant(s, col, values)
		if err != nil {
			return nil, err
		}
		r.constants = append(r.constants, v)
		r.outputs = append(r.outputs, -len(r.constants))
	}
	var err error
	if r.dec, err = s.format.NewDecoder(cfg); err != nil {
		return nil, err
	}
	r.split, _ = r.dec.(format.Splitter)
	return r, nil
}

// seek passes over what was read before, decompressing it again.
func (r *reader) seek(to place) error {
	n, err := io.CopyN(io.Discard, r.in, to.offset)
	if err != nil {
		return fmt.Errorf("it ends at byte %d, and %d were read", n, to.offset)
	}
	r.at = to
	return nil
}

// Poll decodes the next records.
func (r *reader) Poll(limit int) (*vec.Batch, error) {
	r.dec.Reset(min(limit, vec.BatchRows))
	r.lines = r.lines[:0]
	for len(r.lines) < limit {
		record, n, err := r.next()
		if err != nil {
			return nil, fmt.Errorf("%s, after line %d: %w", r.name, r.at.line, cause(err))
		}
		if n == 0 {
			break
		}
		line := r.at.line + 1
		rows, err := r.decode(record)
		if err != nil {
			return nil, fmt.Errorf("%s, line %d, %w", r.name, line, err)
		}
		for range rows {
			r.lines = append(r.lines, line)
		}
		r.at.offset += int64(n)
		r.at.line += int64(max(1, bytes.Count(r.rest[:n], []byte{'\n'})))
		r.rest = r.rest[n:]
	}
	if len(r.lines) == 0 {
		return nil, nil
	}
	r.last = r.now()
	cols, kinds := r.dec.Finish()
	return &vec.Batch{N: len(r.lines), Cols: r.columns(cols), Kinds: kinds}, nil
}

func (r *reader) decode(record []byte) (rows int, err error) {
	if r.at.offset == 0 && r.split != nil && r.split.HasHeader() {
		return 0, r.split.Header(record)
	}
	if len(bytes.TrimSpace(record)) == 0 {
		return 0, nil
	}
	return r.dec.Decode(record)
}

// next is the next record and how many bytes it takes with its end; n is 0 at the
// end of the file.
func (r *reader) next() (record []byte, n int, err error) {
	for {
		if len(r.rest) > 0 || r.eof {
			if record, n = r.cut(); n > 0 || r.eof {
				return record, n, nil
			}
		}
		if len(r.rest) > maxRecord {
			return nil, 0, fmt.Errorf("a record is longer than %d MiB: is this a file of another format, or a quote never closed?", maxRecord>>20)
		}
		if err := r.fill(); err != nil {
			return nil, 0, err
		}
	}
}

// cut finds the first record in what was read; n is 0 if its end is not there yet.
func (r *reader) cut() (record []byte, n int) {
	if r.split != nil {
		end, next := r.split.RecordEnd(r.rest, r.eof)
		return r.rest[:end], next
	}
	end := bytes.IndexByte(r.rest, '\n')
	switch {
	case end >= 0:
		return bytes.TrimSuffix(r.rest[:end], []byte{'\r'}), end + 1
	case r.eof:
		return r.rest, len(r.rest)
	}
	return nil, 0
}

// fill reads on behind what is left.
func (r *reader) fill() error {
	if cap(r.buf)-len(r.rest) < bufferBytes {
		r.buf = make([]byte, 0, 2*(len(r.rest)+bufferBytes))
	}
	r.buf = append(r.buf[:0], r.rest...)
	n, err := io.ReadAtLeast(r.in, r.buf[len(r.buf):cap(r.buf)], 1)
	r.buf = r.buf[:len(r.buf)+n]
	r.rest = r.buf
	if errors.Is(err, io.EOF) {
		r.eof = true
		return nil
	}
	return err
}

func (r *reader) columns(decoded []*vec.Vector) []*vec.Vector {
	cols := make([]*vec.Vector, len(r.outputs))
	for i, o := range r.outputs {
		if o >= 0 {
			cols[i] = decoded[o]
			continue
		}
		cols[i] = vec.Copy(r.constants[-o-1], make([]int32, len(r.lines)))
	}
	return cols
}

// constant is a column that is the same in all rows of the file.
func (r *reader) constant(s *source, c connector.Column, values map[string]string) (*vec.Vector, error) {
	switch c.Metadata {
	case "file.path":
		return vec.Const(c.Type, r.name, 1), nil
	case "file.name":
		return vec.Const(c.Type, filepath.Base(r.name), 1), nil
	case "file.size":
		size := int64(0)
		if r.in != nil {
			size = r.in.size
		}
		return vec.Const(c.Type, size, 1), nil
	}
	b := vec.NewBuilder(c.Type, 1)
	text, ok := values[c.Name]
	if !ok {
		b.AppendNull()
	} else if err := b.AppendParsed([]byte(text)); err != nil {
		return nil, fmt.Errorf("%s: partition column %s: '%s' is not a %s", r.name, c.Name, text, c.Type.SQL())
	}
	return b.Finish(), nil
}

func (r *reader) Position() []byte { return r.at.encode() }

func (r *reader) Status() connector.Status {
	done := r.eof && len(r.rest) == 0
	return connector.Status{Done: done, Drained: done, LastAppend: r.last, Behind: -1, Skipped: r.dec.Skipped()}
}

func (r *reader) Where(row int) string {
	if row < 0 || row >= len(r.lines) {
		return r.name
	}
	return fmt.Sprintf("%s, line %d", r.name, r.lines[row])
}

func (r *reader) Close() error { return r.in.Close() }
