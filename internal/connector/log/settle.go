package log

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
)

// Place is a partition with its name.
type Place struct {
	Topic     string
	ID        TopicID
	Number    int
	Partition Partition
}

// Settled is what became of the transactions that a sink had left open.
type Settled struct{ Committed, Aborted []string }

// Settle ends the transactions that a sink with this identity has left open in places, for
// a job that does not go on and may not be planned any more: what the token names is
// committed, all else is aborted. It returns when the markers are durable. Identities of
// other connectors' sinks have left nothing here.
func Settle(ctx context.Context, places []Place, identity, token []byte) (out Settled, err error) {
	if len(identity) != 8 {
		return out, nil
	}
	producer := int64(binary.BigEndian.Uint64(identity))
	var errs []error
	for _, p := range places {
		state, known := p.Partition.Producer(producer)
		if !known || state.TxnFirst < 0 {
			continue
		}
		ends, err := tokenEnds(token, p.ID)
		if err != nil {
			return out, err
		}
		end, named := ends[p.Number]
		commit := named && state.TxnFirst < end
		offset, err := p.Partition.AppendMarker(producer, state.Epoch, commit)
		if err == nil {
			err = p.Partition.WaitDurable(ctx, offset)
		}
		name := fmt.Sprintf("%s-%d", p.Topic, p.Number)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("topic %s, partition %d: %w", p.Topic, p.Number, err))
		case commit:
			out.Committed = append(out.Committed, name)
		default:
			out.Aborted = append(out.Aborted, name)
		}
	}
	return out, errors.Join(errs...)
}
