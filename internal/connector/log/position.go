package log

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A split's position and bound are the topic's id (16 bytes) and an offset (8
// bytes, big-endian): an offset means nothing in a topic that was made anew.
func encodePosition(id TopicID, offset int64) []byte {
	return binary.BigEndian.AppendUint64(append([]byte(nil), id[:]...), uint64(offset))
}

func decodePosition(b []byte) (id TopicID, offset int64, err error) {
	if len(b) != 24 {
		return id, 0, errors.New("a position in a topic has 24 bytes")
	}
	copy(id[:], b)
	return id, int64(binary.BigEndian.Uint64(b[16:])), nil
}

// start is where a new job begins in a partition.
func (s *source) start(ctx context.Context, topic string, p ReadPartition, n int) (int64, error) {
	mode := s.table.Options["scan.startup.mode"]
	switch mode {
	case "latest-offset":
		return p.LastStableOffset(), nil
	case "":
		return p.StartOffset(), nil
	}
	return s.place(ctx, topic, p, n, "scan.startup.", mode, p.StartOffset())
}

// bound is where a job ends in a partition; ok is false if it does not.
func (s *source) bound(ctx context.Context, topic string, p ReadPartition, n int) (offset int64, ok bool, err error) {
	mode := s.table.Options["scan.bounded.mode"]
	switch mode {
	case "", "unbounded":
		return 0, false, nil
	case "latest-offset":
		return p.LastStableOffset(), true, nil
	}
	offset, err = s.place(ctx, topic, p, n, "scan.bounded.", mode, p.LastStableOffset())
	return min(offset, p.LastStableOffset()), true, err
}

// place finds the offset of the modes that start and bound have in common; def is
// what holds where the mode names none for this partition.
func (s *source) place(ctx context.Context, topic string, p ReadPartition, n int, prefix, mode string, def int64) (int64, error) {
	o := s.table.Options
	switch mode {
	case "timestamp":
		ts, err := strconv.ParseInt(o[prefix+"timestamp-millis"], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("table %s: option '%stimestamp-millis': %w", s.table.Path[2], prefix, err)
		}
		off, found, err := p.OffsetForTime(ts)
		if err != nil || found {
			return off, err
		}
		return p.LastStableOffset(), nil
	case "group-offsets":
		group := o["properties.group.id"]
		if off, found, err := s.broker.GroupOffset(ctx, group, topic, n); found || err != nil {
			return off, err
		}
		if prefix == "scan.startup." && o["properties.auto.offset.reset"] == "" {
			return 0, fmt.Errorf("table %s: group %s has no offset for %s-%d; set 'properties.auto.offset.reset' or another 'scan.startup.mode'", s.table.Path[2], group, topic, n)
		}
		if o["properties.auto.offset.reset"] == "latest" {
			return p.LastStableOffset(), nil
		}
		return def, nil
	case "specific-offsets":
		offsets, err := parseOffsets(o[prefix+"specific-offsets"])
		if err != nil {
			return 0, fmt.Errorf("table %s: option '%sspecific-offsets': %w", s.table.Path[2], prefix, err)
		}
		if off, found := offsets[n]; found {
			return off, nil
		}
	}
	return def, nil
}

// parseOffsets reads Flink's 'partition:0,offset:42;partition:1,offset:300'.
func parseOffsets(s string) (map[int]int64, error) {
	out := map[int]int64{}
	for _, item := range strings.Split(strings.TrimSuffix(s, ";"), ";") {
		var partition int
		var offset int64
		text := strings.ReplaceAll(item, " ", "")
		if _, err := fmt.Sscanf(text, "partition:%d,offset:%d", &partition, &offset); err != nil || partition < 0 || offset < 0 || text != fmt.Sprintf("partition:%d,offset:%d", partition, offset) {
			return nil, fmt.Errorf("'%s' is not of the form partition:0,offset:42", item)
		}
		out[partition] = offset
	}
	return out, nil
}
