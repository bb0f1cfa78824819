package log

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/types"
)

type source struct {
	*layout
	broker Broker
}

// ChangelogMode is append-only, or that of an upsert topic, which never says what
// a row was before.
func (s *source) ChangelogMode() types.KindSet {
	if s.upsert {
		return types.Upsert.Without(types.Insert)
	}
	return types.AppendOnly
}

func (s *source) Bounded() bool {
	mode := s.table.Options["scan.bounded.mode"]
	return mode != "" && mode != "unbounded"
}

// Splits are the topic's partitions, each with its start and its bound as they
// are now.
func (s *source) Splits(context.Context) ([]connector.Split, error) {
	topic, err := s.ensure(s.broker)
	if err != nil {
		return nil, err
	}
	splits := make([]connector.Split, len(topic.Partitions))
	for n, p := range topic.Partitions {
		start, err := s.start(s.broker, p, n)
		if err != nil {
			return nil, err
		}
		end, bounded, err := s.bound(s.broker, p, n)
		if err != nil {
			return nil, err
		}
		splits[n] = connector.Split{ID: fmt.Sprintf("%s-%d", topic.Name, n), Start: encodePosition(topic.ID, start)}
		if bounded {
			splits[n].End = encodePosition(topic.ID, end)
		}
	}
	return splits, nil
}

// Open opens a partition. A position of another topic id, below the log's start
// or past its end fails the job: it is never reset silently.
func (s *source) Open(_ context.Context, split connector.Split, columns []int, wake func()) (connector.Reader, error) {
	topic, err := s.ensure(s.broker)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(split.ID[strings.LastIndexByte(split.ID, '-')+1:])
	if err != nil || n >= len(topic.Partitions) {
		return nil, fmt.Errorf("topic %s has no partition for split %s", s.topic, split.ID)
	}
	id, offset, err := decodePosition(split.Start)
	if err != nil {
		return nil, fmt.Errorf("split %s: %w", split.ID, err)
	}
	if id != topic.ID {
		return nil, fmt.Errorf("topic %s was deleted and made again since this job began to read it; cancel the job and start it anew", s.topic)
	}
	p := topic.Partitions[n]
	if first := p.StartOffset(); offset < first {
		return nil, fmt.Errorf("topic %s, partition %d: the job is at offset %d, and the log begins at %d: records were deleted before they were read", s.topic, n, offset, first)
	}
	end := int64(-1)
	if split.End != nil {
		if _, end, err = decodePosition(split.End); err != nil {
			return nil, fmt.Errorf("split %s: %w", split.ID, err)
		}
	}
	r, err := newReader(s.layout, columns)
	if err != nil {
		return nil, err
	}
	r.partition, r.id, r.number, r.next, r.end = p, id, n, offset, end
	r.cancel = p.Watch(wake)
	return r, nil
}

// UseFields: formats leave out what nobody wants of a ROW.
func (s *source) UseFields(column int, used []int) { s.used[column] = used }

// CheckColumns says whether the formats can give these columns.
func (s *source) CheckColumns(columns []int) error {
	_, err := newReader(s.layout, columns)
	return err
}
