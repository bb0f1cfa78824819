package commitlog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/millrace/millrace/internal/wire"
)

// Commands about compaction, for TestLog:
//
//	open … compact [delete-retention=MS] [min-lag=MS] [max-lag=MS] [segment-ms=MS] [jitter=MS] [before-max=MS]
//	       [compression=CODEC] [max-message=BYTES]
//	put [ts=N] [pid=N epoch=N seq=N] [txn] [codec=NAME] [origin=coordinator] KEY=VALUE …     - is null
//	roll                                       close the active segment
//	clean [map=BYTES]                          from where the last one ended
//	cleanable
//	dump                                       the batches of each segment
//	hold offset=N | held                       read, and look at what was read later
func (h *history) cleanCommands(commands map[string]func() string) {
	commands["put"] = h.put
	commands["roll"] = func() string {
		h.log.mu.Lock()
		err := h.log.rollLocked()
		h.log.finishAppend(h.log.config.Load(), err != nil)
		syncNow(h.log)
		return outcome(err)
	}
	commands["clean"] = h.clean
	commands["cleanable"] = func() string {
		c, err := h.log.Cleanable(h.dirty, h.clock.now())
		return fmt.Sprintf("%d to %d, clean %d, dirty %d, overdue %v, %s", c.FirstDirty, c.FirstUncleanable, c.CleanBytes, c.DirtyBytes,
			c.Overdue, outcome(err))
	}
	commands["dump"] = func() string {
		var out strings.Builder
		for _, s := range *h.log.segments.Load() {
			fmt.Fprintf(&out, "segment %d\n", s.base)
			b, err := readFile(h.mem, s.logPath())
			if err != nil {
				return outcome(err)
			}
			out.WriteString(dumpBatches(b, h.clock.ms))
		}
		return out.String()
	}
	commands["hold"] = func() string {
		c, err := h.log.Read(h.num("offset", 0), 1<<20, HighWatermark, true)
		h.held = c
		return outcome(err)
	}
	commands["held"] = func() string {
		b, err := h.held.Bytes(nil)
		h.held.Release()
		return dumpBatches(b, h.clock.ms) + outcome(err)
	}
}

func (h *history) cleanConfig(c *Config) {
	c.Compact = h.d.HasArg("compact")
	ms := func(key string, into *time.Duration) {
		if h.d.HasArg(key) {
			*into = time.Duration(h.num(key, 0)) * time.Millisecond
		}
	}
	ms("delete-retention", &c.DeleteRetention)
	ms("min-lag", &c.MinCompactionLag)
	ms("max-lag", &c.MaxCompactionLag)
	ms("segment-ms", &c.SegmentAge)
	ms("jitter", &c.SegmentJitter)
	ms("before-max", &c.TimestampBeforeMax)
	ms("after-max", &c.TimestampAfterMax)
	c.MaxMessageBytes = int(h.num("max-message", int64(c.MaxMessageBytes)))
	if h.d.HasArg("compression") {
		c.Compression, _ = wire.ParseCodec(h.text("compression", ""))
	}
}

func (h *history) put() string {
	b := wire.NewBuilder(nil)
	if pid := h.num("pid", 0); pid > 0 {
		b.SetProducer(pid, int16(h.num("epoch", 0)), int32(h.num("seq", 0)))
	}
	b.SetTransactional(h.d.HasArg("txn"))
	codec, _ := wire.ParseCodec(h.text("codec", "none"))
	b.SetCodec(codec)
	ts := h.num("ts", h.clock.ms)
	for _, kv := range strings.Fields(h.d.Input) {
		k, v, _ := strings.Cut(kv, "=")
		b.Append(ts, nullable(k), nullable(v), nil)
		ts++
	}
	origin := FromClient
	if h.d.HasArg("origin") {
		origin = FromCoordinator
	}
	info, err := h.log.Append(b.Bytes(), origin, 0)
	if err != nil {
		out := outcome(err)
		var e *RecordsError
		if errors.As(err, &e) {
			for _, r := range e.Records {
				out += fmt.Sprintf("record %d: %s\n", r.Index, r.Message)
			}
		}
		return out
	}
	syncNow(h.log)
	return fmt.Sprintf("offsets %d to %d\n", info.FirstOffset, info.LastOffset)
}

func nullable(s string) []byte {
	if s == "-" {
		return nil
	}
	return []byte(s)
}

func (h *history) clean() string {
	stats, err := h.log.Clean(context.Background(), CleanOptions{FirstDirty: h.dirty, MapBytes: h.num("map", 1<<20), MapLoad: 0.9})
	if err == nil {
		h.dirty = stats.End
	}
	return fmt.Sprintf("dirty from %d, %d keys, records %d of %d, rewritten %d of %d, bytes %d of %d, %s", stats.End, stats.Keys,
		stats.RecordsKept, stats.RecordsRead, stats.Rewritten, stats.Segments, stats.SizeAfterwards, stats.SizeBefore, outcome(err))
}

// dumpBatches prints batches, a line each, and below it their records.
func dumpBatches(b []byte, now int64) string {
	var out strings.Builder
	var d wire.Decompressor
	for len(b) > 0 {
		batch, rest, err := wire.ParseBatch(b)
		if err == nil {
			err = batch.CheckCRC()
		}
		if err != nil {
			return out.String() + outcome(err)
		}
		fmt.Fprintf(&out, "%d to %d %s", batch.BaseOffset(), batch.LastOffset(), batch.Codec())
		if batch.ProducerID() >= 0 {
			fmt.Fprintf(&out, " producer %d/%d from %d", batch.ProducerID(), batch.ProducerEpoch(), batch.BaseSequence())
		}
		if batch.IsTransactional() {
			out.WriteString(" transactional")
		}
		if h, ok := batch.DeleteHorizon(); ok {
			fmt.Fprintf(&out, " horizon %+d", h-now)
		}
		if m, err := wire.ParseMarker(batch); err == nil {
			fmt.Fprintf(&out, " marker commit=%v", m.Commit)
		} else if batch.IsControl() {
			out.WriteString(" empty marker")
		}
		out.WriteString(":")
		it := wire.Records(batch, &d)
		for it.Next() {
			if r := it.Record(); !batch.IsControl() {
				fmt.Fprintf(&out, " %d %s=%s", r.Offset, orNull(r.Key), orNull(r.Value))
			}
		}
		if it.Err() != nil {
			out.WriteString(" " + it.Err().Error())
		}
		out.WriteString("\n")
		b = rest
	}
	return out.String()
}

func orNull(b []byte) string {
	if b == nil {
		return "-"
	}
	return string(b)
}
