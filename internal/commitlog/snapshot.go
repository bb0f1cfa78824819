package commitlog

import (
	"encoding/binary"
	"hash/crc32"
	"sort"
)

// A producer snapshot is the producer state before the offset that names its file, in Kafka's format and with a part of ours after
// it. Kafka's reader takes its array, and counts all bytes of the file into the checksum, so that it accepts the file; it keeps only
// a producer's last batch, and would answer a batch sent again with an error after a restart.
//
//	+-----------+-------+---------+--- for each producer ----------------------------------------------------+
//	| version 2 | crc 4 | count 4 | id 8, epoch 2, last sequence 4, last offset 8, last delta 4, timestamp 8,|
//	|           |       |         | coordinator epoch 4, first offset of the open transaction 8              |
//	+-----------+-------+---------+--------------------------------------------------------------------------+
//	| magic 4 | for each producer, as above: batches 1, for each but the last: sequence 4, offset 8, delta 4, timestamp 8 |
//	+---------+-------------------------------------------------------------------------------------------------------+
const (
	snapshotVersion   = 1
	snapshotBody      = 6
	snapshotEntrySize = 46
	snapshotMagic     = 0x6d727333 // "mrs3"
	keptBatchSize     = 24
)

func (ps *producers) snapshot() []byte {
	list := ps.sorted()
	b := make([]byte, snapshotBody, snapshotBody+8+len(list)*(snapshotEntrySize+1))
	binary.BigEndian.PutUint16(b, snapshotVersion)
	b = binary.BigEndian.AppendUint32(b, uint32(len(list)))
	for _, p := range list {
		last := batchMeta{lastSeq: -1, lastOffset: -1}
		if m := p.last(); m != nil {
			last = *m
		}
		b = binary.BigEndian.AppendUint64(b, uint64(p.id))
		b = binary.BigEndian.AppendUint16(b, uint16(p.epoch))
		b = binary.BigEndian.AppendUint32(b, uint32(last.lastSeq))
		b = binary.BigEndian.AppendUint64(b, uint64(last.lastOffset))
		b = binary.BigEndian.AppendUint32(b, uint32(last.delta))
		b = binary.BigEndian.AppendUint64(b, uint64(p.seen))
		b = binary.BigEndian.AppendUint32(b, uint32(p.coord))
		b = binary.BigEndian.AppendUint64(b, uint64(p.txnFirst))
	}
	b = binary.BigEndian.AppendUint32(b, snapshotMagic)
	for _, p := range list {
		earlier := p.batches[:max(p.n-1, 0)]
		b = append(b, byte(len(earlier)))
		for _, m := range earlier {
			b = binary.BigEndian.AppendUint32(b, uint32(m.lastSeq))
			b = binary.BigEndian.AppendUint64(b, uint64(m.lastOffset))
			b = binary.BigEndian.AppendUint32(b, uint32(m.delta))
			b = binary.BigEndian.AppendUint64(b, uint64(m.time))
		}
	}
	binary.BigEndian.PutUint32(b[2:], crc32.Checksum(b[snapshotBody:], castagnoli))
	return b
}

// parseSnapshot reads a snapshot of ours or Kafka's.
func parseSnapshot(b []byte) (*producers, bool) {
	if len(b) < snapshotBody+4 || binary.BigEndian.Uint16(b) != snapshotVersion ||
		binary.BigEndian.Uint32(b[2:]) != crc32.Checksum(b[snapshotBody:], castagnoli) {
		return nil, false
	}
	n := int(binary.BigEndian.Uint32(b[snapshotBody:]))
	b = b[snapshotBody+4:]
	if n > len(b)/snapshotEntrySize {
		return nil, false
	}
	ps := newProducers()
	list := make([]*producer, 0, n)
	for range n {
		p := parseSnapshotEntry(b[:snapshotEntrySize])
		ps.byID[p.id] = p
		list = append(list, p)
		if p.txnFirst >= 0 {
			ps.open = append(ps.open, txn{pid: p.id, first: p.txnFirst, marker: -1})
		}
		b = b[snapshotEntrySize:]
	}
	sort.Slice(ps.open, func(i, j int) bool { return ps.open[i].first < ps.open[j].first })
	if len(b) >= 4 && binary.BigEndian.Uint32(b) == snapshotMagic {
		parseKeptBatches(b[4:], list)
	}
	return ps, true
}

func parseSnapshotEntry(b []byte) *producer {
	p := &producer{
		id:       int64(binary.BigEndian.Uint64(b)),
		epoch:    int16(binary.BigEndian.Uint16(b[8:])),
		seen:     int64(binary.BigEndian.Uint64(b[26:])),
		coord:    int32(binary.BigEndian.Uint32(b[34:])),
		txnFirst: int64(binary.BigEndian.Uint64(b[38:])),
	}
	m := batchMeta{
		lastSeq:    int32(binary.BigEndian.Uint32(b[10:])),
		lastOffset: int64(binary.BigEndian.Uint64(b[14:])),
		delta:      int32(binary.BigEndian.Uint32(b[22:])),
		time:       p.seen,
	}
	if m.lastOffset >= 0 {
		p.push(m)
	}
	return p
}

func parseKeptBatches(b []byte, list []*producer) {
	for _, p := range list {
		if len(b) < 1 || int(b[0]) >= keptBatches || len(b) < 1+int(b[0])*keptBatchSize || p.n == 0 && b[0] > 0 {
			return
		}
		n := int(b[0])
		b = b[1:]
		last := p.batches[0]
		if n > 0 {
			p.n = 0
		}
		for range n {
			p.push(batchMeta{
				lastSeq:    int32(binary.BigEndian.Uint32(b)),
				lastOffset: int64(binary.BigEndian.Uint64(b[4:])),
				delta:      int32(binary.BigEndian.Uint32(b[12:])),
				time:       int64(binary.BigEndian.Uint64(b[16:])),
			})
			b = b[keptBatchSize:]
		}
		if n > 0 {
			p.push(last)
		}
	}
}
