package differential

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/millrace/millrace/internal/wire"
)

// A batch in a request:
//
//	(pid=P1 epoch=0 seq=0 txn ts=5 codec=gzip crc=bad key:value value …)
//
// In an answer it begins with its offsets, and says of what is not at its default the same things: 3-4 pid=P1 epoch=0 seq=0 txn a b.

func (p *parser) batches() []byte {
	p.expect("(")
	b := wire.NewBuilder(nil)
	pid, epoch, seq, ts := int64(-1), int64(-1), int64(-1), int64(1000)
	var spoil func([]byte)
	var records []string
	for p.peek() != ")" {
		w := p.word()
		if p.peek() != "=" {
			if w == "txn" {
				b.SetTransactional(true)
			} else {
				records = append(records, w)
			}
			continue
		}
		p.next()
		v := p.word()
		n, _ := p.names.number("ProducerID", v)
		switch w {
		case "pid":
			pid = n
		case "epoch":
			epoch = n
		case "seq":
			seq = n
		case "ts":
			ts = n
		case "codec":
			c, _ := wire.ParseCodec(v)
			b.SetCodec(c)
		case "attr": // or-ed into the attributes, and signed
			spoil = func(b []byte) { b[22] |= byte(n); sign(b) }
		case "magic":
			spoil = func(b []byte) { b[16] = byte(n) }
		case "count":
			spoil = func(b []byte) { binary.BigEndian.PutUint32(b[57:], uint32(n)); sign(b) }
		case "crc":
			spoil = func(b []byte) { b[17]++ }
		default:
			panic(fmt.Errorf("a batch has no %q", w))
		}
	}
	p.expect(")")
	b.SetProducer(pid, int16(epoch), int32(seq))
	for _, r := range records {
		var key, value []byte
		if k, v, ok := strings.Cut(r, ":"); ok {
			key, value = []byte(k), []byte(v)
		} else {
			value = []byte(r)
		}
		if string(value) == "null" {
			value = nil
		}
		b.Append(ts, key, value, nil)
		ts++
	}
	out := append([]byte{}, b.Bytes()...)
	if spoil != nil {
		spoil(out)
	}
	return out
}

func sign(b []byte) {
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
}

// renderBatches prints record batches, or bytes that are none.
func (n *names) renderBatches(b []byte) string {
	var parts []string
	for len(b) > 0 {
		batch, rest, err := wire.ParseBatch(b)
		if err != nil {
			return strconv.Quote(string(b))
		}
		parts, b = append(parts, n.renderBatch(batch)), rest
	}
	return "(" + strings.Join(parts, " | ") + ")"
}

func (n *names) renderBatch(b wire.Batch) string {
	parts := []string{fmt.Sprintf("%d-%d", b.BaseOffset(), b.LastOffset())}
	if b.ProducerID() >= 0 {
		parts = append(parts, "pid="+n.nameNumber("ProducerID", b.ProducerID()), fmt.Sprintf("epoch=%d", b.ProducerEpoch()))
	}
	if b.IsControl() {
		m, err := wire.ParseMarker(b)
		if err != nil {
			return err.Error()
		}
		word := "abort"
		if m.Commit {
			word = "commit"
		}
		return strings.Join(append(parts, word), " ")
	}
	if b.BaseSequence() >= 0 {
		parts = append(parts, fmt.Sprintf("seq=%d", b.BaseSequence()))
	}
	if b.IsTransactional() {
		parts = append(parts, "txn")
	}
	if c := b.Codec(); c != wire.None {
		parts = append(parts, "codec="+c.String())
	}
	for it := wire.Records(b, &wire.Decompressor{}); it.Next(); {
		r := it.Record()
		value := "null"
		if r.Value != nil {
			value = string(r.Value)
		}
		if r.Key != nil {
			value = string(r.Key) + ":" + value
		}
		parts = append(parts, value)
	}
	return strings.Join(parts, " ")
}
