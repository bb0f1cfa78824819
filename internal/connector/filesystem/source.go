package filesystem

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/types"
)

type source struct{ base }

func (s *source) ChangelogMode() types.KindSet { return types.AppendOnly }
func (s *source) Bounded() bool                { return true }

// Splits are the files there are, each a split.
func (s *source) Splits(context.Context) ([]connector.Split, error) {
	files, err := s.files(s.path)
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", s.table.Path[2], err)
	}
	splits := make([]connector.Split, len(files))
	for i, f := range files {
		splits[i] = connector.Split{ID: f, Start: place{}.encode()}
	}
	return splits, nil
}

func (s *source) files(path string) ([]string, error) {
	info, err := s.fs.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read '%s': %w", path, cause(err))
	}
	if !info.Dir {
		return []string{path}, nil
	}
	names, err := s.fs.List(path)
	if err != nil {
		return nil, fmt.Errorf("cannot list '%s': %w", path, cause(err))
	}
	slices.Sort(names)
	var out []string
	for _, n := range names {
		if strings.HasPrefix(n, ".") || strings.HasPrefix(n, "_") {
			continue
		}
		below, err := s.files(filepath.Join(path, n))
		if err != nil {
			return nil, err
		}
		out = append(out, below...)
	}
	return out, nil
}

// place is a position in a file: bytes and lines before it, uncompressed.
type place struct{ offset, line int64 }

func (p place) encode() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(p.offset)), uint64(p.line))
}

func decodePlace(b []byte) (place, error) {
	if len(b) != 16 {
		return place{}, fmt.Errorf("a position in a file has 16 bytes, this has %d", len(b))
	}
	return place{int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint64(b[8:]))}, nil
}

// Open opens a file and passes over what was read before. A compressed file is
// decompressed again up to there.
func (s *source) Open(_ context.Context, split connector.Split, columns []int, _ func()) (connector.Reader, error) {
	at, err := decodePlace(split.Start)
	if err != nil {
		return nil, fmt.Errorf("split %s: %w", split.ID, err)
	}
	in, err := open(s.fs, split.ID)
	if err != nil {
		return nil, fmt.Errorf("table %s: cannot read '%s': %w", s.table.Path[2], split.ID, cause(err))
	}
	r, err := newReader(s, in, split.ID, columns)
	if err != nil {
		in.Close()
		return nil, err
	}
	if err := r.seek(at); err != nil {
		in.Close()
		return nil, fmt.Errorf("table %s: '%s' is shorter than when the job began to read it: %w", s.table.Path[2], split.ID, err)
	}
	return r, nil
}

// CheckColumns says whether the format can give these columns.
func (s *source) CheckColumns(columns []int) error {
	_, err := newReader(s, nil, "", columns)
	return err
}

// UseFields: formats leave out what nobody wants of a ROW.
func (s *source) UseFields(column int, used []int) { s.used[column] = used }
