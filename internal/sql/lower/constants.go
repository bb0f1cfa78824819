package lower

import (
	"context"
	"errors"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// constants is the source of VALUES: one split that is read once.
type constants struct {
	id    string // of the rows: other constants are another split
	batch *vec.Batch
}

func (c *constants) ChangelogMode() types.KindSet { return types.AppendOnly }
func (c *constants) Bounded() bool                { return true }

func (c *constants) Splits(context.Context) ([]connector.Split, error) {
	return []connector.Split{{ID: "values-" + c.id, Start: []byte{0}}}, nil
}

func (c *constants) Open(_ context.Context, s connector.Split, columns []int, _ func()) (connector.Reader, error) {
	if len(s.Start) != 1 {
		return nil, errors.New("a position in VALUES has one byte")
	}
	r := &constantReader{done: s.Start[0] != 0 || c.batch.N == 0, batch: &vec.Batch{N: c.batch.N}}
	for _, i := range columns {
		r.batch.Cols = append(r.batch.Cols, c.batch.Cols[i])
	}
	return r, nil
}

type constantReader struct {
	batch *vec.Batch
	done  bool
}

func (r *constantReader) Poll(int) (*vec.Batch, error) {
	if r.done {
		return nil, nil
	}
	r.done = true
	return r.batch, nil
}

func (r *constantReader) Position() []byte {
	if r.done {
		return []byte{1}
	}
	return []byte{0}
}

func (r *constantReader) Status() connector.Status {
	return connector.Status{Done: r.done, Drained: r.done}
}

func (r *constantReader) Where(int) string { return "VALUES" }
func (r *constantReader) Close() error     { return nil }
