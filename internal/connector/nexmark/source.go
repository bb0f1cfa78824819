package nexmark

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/types"
)

// source hands out the events in turns of a whole round of persons, auctions and
// bids: with S splits, split s has the rounds s, s+S, s+2S …
type source struct {
	config
	table connector.Table
	now   func() time.Time
	used  map[int][]int // fields of a column, where not all are wanted
}

func newSource(t connector.Table, env connector.Env) (*source, error) {
	c, err := newConfig(t, env)
	if err != nil {
		return nil, err
	}
	for _, col := range t.Columns {
		if err := checkColumn(col); err != nil {
			return nil, fmt.Errorf("table '%s': %w", t.Path[2], err)
		}
	}
	s := &source{config: c, table: t, now: env.Now, used: map[int][]int{}}
	if s.now == nil {
		s.now = time.Now
	}
	return s, nil
}

const eventType = "event_type"

var rows = map[string]kind{"person": person, "auction": auction, "bid": bid}

// checkColumn says why the connector has no such column.
func checkColumn(c connector.Column) error {
	if c.Name == eventType {
		if c.Type.Root != types.Integer {
			return fmt.Errorf("column %s is of type %s: it must be an INT", c.Name, c.Type)
		}
		return nil
	}
	k, ok := rows[c.Name]
	if !ok {
		return fmt.Errorf("connector nexmark has no column '%s': there are event_type, person, auction and bid", c.Name)
	}
	if c.Type.Root != types.Row || c.Type.NotNull {
		return fmt.Errorf("column %s is of type %s: it must be a ROW that can be NULL", c.Name, c.Type)
	}
	for _, f := range c.Type.Fields {
		spec, ok := fields[k][f.Name]
		want := types.BigInt
		switch {
		case !ok:
			return fmt.Errorf("a %s of connector nexmark has no field '%s'", c.Name, f.Name)
		case spec.time:
			if !f.Type.IsTimestamp() {
				return fmt.Errorf("field %s of %s is of type %s: it must be a TIMESTAMP(3)", f.Name, c.Name, f.Type)
			}
			continue
		case spec.text != nil:
			want = types.Varchar
		}
		if f.Type.Root != want {
			return fmt.Errorf("field %s of %s is of type %s: it must be %s", f.Name, c.Name, f.Type, map[types.Root]string{types.BigInt: "a BIGINT", types.Varchar: "a STRING"}[want])
		}
	}
	return nil
}

func (s *source) ChangelogMode() types.KindSet { return types.AppendOnly }
func (s *source) Bounded() bool                { return s.events > 0 && s.stopAt < 0 && !s.keepAlive }

// UseFields: what nobody wants of a ROW is not made.
func (s *source) UseFields(column int, used []int) { s.used[column] = slices.Clone(used) }

// Splits have their number and how many there are in the name, so that a restored
// job goes on with what it began with.
func (s *source) Splits(context.Context) ([]connector.Split, error) {
	out := make([]connector.Split, s.splits)
	for i := range out {
		out[i] = connector.Split{ID: fmt.Sprintf("events-%d-of-%d", i, s.splits), Start: encode(0)}
		if s.events > 0 {
			out[i].End = encode(s.share(s.events, int64(i), s.splits))
		}
	}
	return out, nil
}

// share is how many of the first n events split i of k has.
func (s *source) share(n, i, k int64) int64 {
	round := s.ids.total
	full, rest := n/(round*k), n%(round*k)
	return full*round + min(max(rest-i*round, 0), round)
}

// Open opens a split after the events that were handed over already.
func (s *source) Open(_ context.Context, split connector.Split, columns []int, wake func()) (connector.Reader, error) {
	var i, k int64
	if _, err := fmt.Sscanf(split.ID, "events-%d-of-%d", &i, &k); err != nil || k < 1 || i < 0 || i >= k {
		return nil, fmt.Errorf("'%s' is no split of connector nexmark", split.ID)
	}
	next, err := decode(split.Start)
	if err != nil {
		return nil, err
	}
	r := &reader{generator: newGenerator(s.config), now: s.now, split: i, splits: k, next: next, end: -1, wake: wake}
	if split.End != nil {
		if r.end, err = decode(split.End); err != nil {
			return nil, err
		}
	}
	r.limit = r.end
	if s.stopAt >= 0 {
		if stop := s.share(s.stopAt, i, k); r.limit < 0 || stop < r.limit {
			r.limit = stop
		}
	}
	r.opened, r.from = s.now(), s.clock.at(r.number(next))
	for _, c := range columns {
		r.outputs = append(r.outputs, s.output(c))
	}
	return r, nil
}

// A position is how many events of the split were handed over.
func encode(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

func decode(b []byte) (int64, error) {
	if len(b) != 8 || b[0] > 127 {
		return 0, fmt.Errorf("a position of connector nexmark has eight bytes, not %d", len(b))
	}
	return int64(binary.BigEndian.Uint64(b)), nil
}
