package log

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/types"
)

type source struct {
	*layout
	broker Reading
}

func newSource(l *layout, b Reading) (*source, error) {
	return &source{layout: l, broker: b}, checkModes(l.table)
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

// Splits are the partitions of the topics, each with its start and its bound as they
// are now.
func (s *source) Splits(ctx context.Context) ([]connector.Split, error) {
	names, err := s.topics(ctx)
	if err != nil {
		return nil, err
	}
	var splits []connector.Split
	for _, name := range names {
		topic, err := s.broker.OpenTopic(ctx, name)
		if err != nil {
			return nil, err
		}
		for n, p := range topic.Partitions {
			split, err := s.split(ctx, topic, p, n)
			if err != nil {
				return nil, err
			}
			splits = append(splits, split)
		}
	}
	return splits, nil
}

// topics are the names that the options give.
func (s *source) topics(ctx context.Context) ([]string, error) {
	value := s.table.Options["topic-pattern"]
	if value == "" {
		return strings.Split(s.topic, ";"), nil
	}
	re, err := pattern(value)
	if err != nil {
		return nil, err
	}
	all, err := s.broker.Topics(ctx)
	if err != nil {
		return nil, err
	}
	names := slices.DeleteFunc(all, func(name string) bool { return !re.MatchString(name) })
	if len(names) == 0 {
		return nil, fmt.Errorf("table %s: no topic matches 'topic-pattern' = '%s'; topics are looked for when the job starts", s.table.Path[2], value)
	}
	return names, nil
}

func (s *source) split(ctx context.Context, topic ReadTopic, p ReadPartition, n int) (connector.Split, error) {
	out := connector.Split{ID: fmt.Sprintf("%s-%d", topic.Name, n)}
	start, err := s.start(ctx, topic.Name, p, n)
	if err != nil {
		return out, err
	}
	out.Start = encodePosition(topic.ID, start)
	end, bounded, err := s.bound(ctx, topic.Name, p, n)
	if bounded {
		out.End = encodePosition(topic.ID, end)
	}
	return out, err
}

// Open opens a partition. A position of another topic id, below the log's start
// or past its end fails the job: it is never reset silently.
func (s *source) Open(ctx context.Context, split connector.Split, columns []int, wake func()) (connector.Reader, error) {
	name, number := cutLast(split.ID)
	topic, err := s.broker.OpenTopic(ctx, name)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(number)
	if err != nil || n >= len(topic.Partitions) {
		return nil, fmt.Errorf("topic %s has no partition for split %s", name, split.ID)
	}
	id, offset, err := decodePosition(split.Start)
	if err != nil {
		return nil, fmt.Errorf("split %s: %w", split.ID, err)
	}
	if id != topic.ID {
		return nil, fmt.Errorf("topic %s was deleted and made again since this job began to read it; cancel the job and start it anew", name)
	}
	p := topic.Partitions[n]
	if first := p.StartOffset(); offset < first {
		return nil, fmt.Errorf("topic %s, partition %d: the job is at offset %d, and the log begins at %d: records were deleted before they were read", name, n, offset, first)
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
	r.partition, r.topic, r.id, r.number, r.next, r.end = p, name, id, n, offset, end
	r.cancel = p.Watch(wake)
	return r, nil
}

// UseFields: formats leave out what nobody wants of a ROW.
func (s *source) UseFields(column int, used []int) { s.used[column] = used }

// cutLast cuts the name of a partition, "departures-0".
func cutLast(id string) (topic, number string) {
	i := strings.LastIndexByte(id, '-')
	return id[:max(i, 0)], id[i+1:]
}

// CheckColumns says whether the formats can give these columns.
func (s *source) CheckColumns(columns []int) error {
	_, err := newReader(s.layout, columns)
	return err
}
