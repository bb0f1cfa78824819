package broker

import (
	"errors"
	"io"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/millrace/millrace/internal/commitlog"
)

// A fetch response is all small fields but for the records, which are ranges of files:
//
//	header | throttle … topic … partition, error, offsets, aborted … length | records | tags, partition … length | records | tags …
//	         '------------------------- fields ----------------------------'           '------- fields --------'
//
// The fields are built first, with a cut where each range goes, because the size of the whole comes before everything.

// cut is where a partition's records go into the fields.
type cut struct {
	at    int
	chunk *commitlog.Chunk
}

// copyBelow is how large a range must be to be worth a sendfile of its own, and a packet for what comes before it.
const copyBelow = 32 << 10

// copyPiece is how much of a range that cannot be sent by sendfile goes through memory at a time.
const copyPiece = 128 << 10

func (f *fetchRequest) write(c *conn, at int) error {
	w := &writer{b: c.fields[:0], flexible: f.version >= 12}
	cuts := f.fields(w)
	c.fields = w.b
	return c.sendCut(w.b, cuts, at)
}

// sendCut sends fields with the ranges that go into them.
func (c *conn) sendCut(fields []byte, cuts []cut, at int) error {
	records := 0
	for _, p := range cuts {
		records += p.chunk.Len()
	}
	c.setSize(at, len(fields)+records)
	from := 0
	for _, p := range cuts {
		c.out = append(c.out, fields[from:p.at]...)
		if from = p.at; p.chunk.Len() == 0 {
			continue
		}
		if err := c.sendRange(p.chunk.Range); err != nil {
			return err
		}
	}
	c.out = append(c.out, fields[from:]...)
	return nil
}

// size is about what the answer takes on the wire.
func (f *fetchRequest) size() (n int) {
	n = 32
	f.partitions(func(_ *fetchTopic, p *fetchPartition) bool {
		n += 48 + p.chunk.Len()
		return true
	})
	return n
}

func (f *fetchRequest) fields(w *writer) (cuts []cut) {
	w.int32(f.throttleMS)
	if f.version >= 7 {
		w.int16(codeOf(f.err))
		w.int32(f.sessionID)
	}
	topics := 0
	for i := range f.topics {
		if f.topics[i].told() > 0 {
			topics++
		}
	}
	w.length(topics)
	for i := range f.topics {
		t := &f.topics[i]
		told := t.told()
		if told == 0 {
			continue
		}
		if f.version >= 13 {
			w.uuid(t.id)
		} else {
			w.string(t.name)
		}
		w.length(told)
		for j := range t.parts {
			p := &t.parts[j]
			if p.omit {
				continue
			}
			p.fields(w, f)
			if p.log != nil {
				p.log.Sent(p.chunk.Len())
			}
			cuts = append(cuts, cut{len(w.b), &p.chunk})
			p.tags(w, f)
		}
		w.tags()
	}
	w.tags()
	return cuts
}

// told is how many partitions are in the answer; a topic that was named without any is.
func (t *fetchTopic) told() (n int) {
	for i := range t.parts {
		if !t.parts[i].omit {
			n++
		}
	}
	return n
}

// Tags of a partition.
const (
	divergingEpochTag = 0
	currentLeaderTag  = 1
)

// tags writes a partition behind its records.
func (p *fetchPartition) tags(w *writer, f *fetchRequest) {
	switch {
	case f.version >= 12 && p.diverges && p.err == nil:
		w.uvarint(1)
		w.uvarint(divergingEpochTag)
		w.uvarint(4 + 8 + 1)
		w.int32(p.endEpoch)
		w.int64(p.endOffset)
		w.tags()
	case f.version >= 16 && errors.Is(p.err, kerr.NotLeaderForPartition) && p.log != nil:
		w.uvarint(1)
		w.uvarint(currentLeaderTag)
		w.uvarint(4 + 4 + 1)
		w.int32(f.node)
		w.int32(leaderEpoch)
		w.tags()
	default:
		w.tags()
	}
}

// fields writes a partition up to the length of its records.
func (p *fetchPartition) fields(w *writer, f *fetchRequest) {
	hw, lso, start := p.hw, p.lso, p.start
	if p.err != nil {
		hw, lso, start = -1, -1, -1
		p.chunk.Release()
	}
	w.int32(p.index)
	w.int16(storageCode(p.err, f.version >= 6))
	w.int64(hw)
	w.int64(lso)
	if f.version >= 5 {
		w.int64(start)
	}
	if f.committed && p.err == nil {
		w.length(len(p.aborted))
		for _, a := range p.aborted {
			w.int64(a.ProducerID)
			w.int64(a.FirstOffset)
			w.tags()
		}
	} else {
		w.length(-1)
	}
	if f.version >= 11 {
		w.int32(-1) // preferred replica
	}
	w.length(p.chunk.Len())
}

// sendRange sends a range of a file behind what has been written.
func (c *conn) sendRange(r commitlog.FileRange) error {
	if r.Len >= copyBelow && c.canSendfile(r.File) {
		if err := c.flush(); err != nil {
			return err
		}
		return c.sendfile(r.File, r.Off, r.Len)
	}
	if r.Len >= copyBelow {
		return c.copyRange(r)
	}
	at := len(c.out)
	c.out = append(c.out, make([]byte, r.Len)...)
	got, err := r.File.ReadAt(c.out[at:], r.Off)
	switch {
	case got == r.Len && len(c.out) >= copyPiece:
		return c.flush()
	case got == r.Len:
		return nil
	case err == io.EOF:
		return io.ErrUnexpectedEOF
	}
	return err
}

// pieces are the buffers of copyRange: as many as connections that are sending, not as many as there are.
var pieces = sync.Pool{New: func() any { return new([copyPiece]byte) }}

// copyRange sends a range through memory, where sendfile cannot: over TLS, and from files that are not the system's.
func (c *conn) copyRange(r commitlog.FileRange) error {
	if err := c.flush(); err != nil {
		return err
	}
	piece := pieces.Get().(*[copyPiece]byte)
	defer pieces.Put(piece)
	for r.Len > 0 {
		n := min(r.Len, copyPiece)
		if got, err := r.File.ReadAt(piece[:n], r.Off); got < n {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		c.limitWrite()
		if _, err := c.nc.Write(piece[:n]); err != nil {
			return err
		}
		r.Off, r.Len = r.Off+int64(n), r.Len-n
	}
	return nil
}

// leaderEpoch is that of every partition: there is one node, so nobody else ever leads.
const leaderEpoch = 0

// checkEpoch compares the epoch a client believes in with ours (KIP-320); -1 is a client that believes nothing.
func checkEpoch(epoch int32) error {
	switch {
	case epoch > leaderEpoch:
		return kerr.UnknownLeaderEpoch
	case epoch >= 0 && epoch < leaderEpoch:
		return kerr.FencedLeaderEpoch
	}
	return nil
}
