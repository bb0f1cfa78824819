package print

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func rows() *vec.Batch {
	n, s := vec.NewBuilder(types.TInt, 3), vec.NewBuilder(types.TString, 3)
	for i, text := range []any{"a", nil, "c"} {
		n.AppendAny(int64(i + 1))
		s.AppendAny(text)
	}
	return &vec.Batch{N: 3, Cols: []*vec.Vector{n.Finish(), s.Finish()}, Kinds: []types.RowKind{types.Insert, types.UpdateAfter, types.Delete}}
}

// TestLines holds Flink's form: PrintSinkOutputWriter's prefix and Row's text.
func TestLines(t *testing.T) {
	for _, c := range []struct {
		id, toErr       string
		worker, workers int
		want            string
	}{
		{"", "", 0, 1, "+I[1, a]\n+U[2, null]\n-D[3, c]\n"},
		{"", "", 1, 2, "2> +I[1, a]\n2> +U[2, null]\n2> -D[3, c]\n"},
		{"id", "", 0, 1, "id> +I[1, a]\nid> +U[2, null]\nid> -D[3, c]\n"},
		{"id", "true", 0, 4, "id:1> +I[1, a]\nid:1> +U[2, null]\nid:1> -D[3, c]\n"},
	} {
		var out, err bytes.Buffer
		w := open(t, Factory(&out, &err), map[string]string{"print-identifier": c.id, "standard-error": c.toErr}, c.worker, c.workers)
		if werr := w.Write(rows()); werr != nil {
			t.Fatal(werr)
		}
		got, other := &out, &err
		if c.toErr == "true" {
			got, other = other, got
		}
		if got.String() != c.want || other.Len() > 0 {
			t.Errorf("%+v: got %q, and %q on the other output", c, got, other)
		}
	}
}

// TestSelection: only the selected rows are written.
func TestSelection(t *testing.T) {
	var out bytes.Buffer
	b := rows()
	b.Sel = []int32{2}
	if err := open(t, Factory(&out, nil), nil, 0, 1).Write(b); err != nil || out.String() != "-D[3, c]\n" {
		t.Errorf("%q, %v", &out, err)
	}
}

// TestWorkersDoNotMix: lines of several workers stand whole.
func TestWorkersDoNotMix(t *testing.T) {
	var out bytes.Buffer
	f := Factory(&out, nil)
	var all sync.WaitGroup
	for worker := range 4 {
		w := open(t, f, nil, worker, 4)
		all.Go(func() {
			for range 50 {
				if err := w.Write(rows()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	count := map[string]int{}
	for line := range strings.Lines(out.String()) {
		count[line]++
	}
	if len(count) != 12 || count["3> +U[2, null]\n"] != 50 {
		t.Errorf("%d different lines: %v", len(count), count)
	}
}

func open(t *testing.T, f *connector.Factory, options map[string]string, worker, workers int) connector.Writer {
	t.Helper()
	s, err := f.NewSink(connector.Table{Options: options}, connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.Writer(context.Background(), worker, workers)
	if err != nil {
		t.Fatal(err)
	}
	return w
}
