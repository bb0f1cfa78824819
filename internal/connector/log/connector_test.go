package log

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/millrace/millrace/internal/commitlog"
	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

// TestConnector drives a source and a sink of the table id INT, v STRING, h (headers), over
// commit logs on a file system in memory, the way that a job does, with crashes:
//
//	topic partitions=N [segment=BYTES] [compact]   make the topic, or make it anew
//	grow partitions=N
//	produce p=N [pid=N epoch=N seq=N] [txn]        records of another producer: key | value | header=value …
//	end p=N pid=N epoch=N commit=BOOL              its marker
//	delete-before p=N offset=N     clean p=N
//	group NAME partition=offset …
//
//	sink [upsert] [OPTION=…]       the sink of a job, recovered with what its journal has
//	write [worker=N]               rows, +I id v; encoded, and appended when a batch is full
//	flush [worker=N]
//	seal | prepare [sealed] | journal | commit | abort | close     the phases of an epoch's commit; prepare seals first
//	crash [power]                  the process ends, or all that was not synced is lost; the journal stays
//	forget                         the job's journal is gone
//	log                            the batches of each partition
//
//	source [upsert] [OPTION=…]     a new job: its splits
//	restore                        the job again, from the positions that it had
//	read [max=N]                   what its readers give until there is no more now
func TestConnector(t *testing.T) {
	for _, path := range []string{"testdata/sink.txt", "testdata/source.txt"} {
		t.Run(path, func(t *testing.T) {
			x := &driver{world: world{t: t, fs: vfs.NewMem(), config: commitlog.DefaultConfig()}}
			defer x.close()
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				x.t, x.d = t, d
				out, err := x.run()
				if err != nil {
					out += "error: " + err.Error() + "\n"
				}
				if out == "" {
					out = "ok\n"
				}
				return out
			})
		})
	}
}

type driver struct {
	world
	d *datadriven.TestData

	sink     *sink
	writers  map[int]connector.Writer
	identity []byte // the journal's
	token    []byte
	prepared []byte

	source  *source
	splits  []connector.Split
	readers []*reader
}

func (x *driver) num(name string, def int64) int64 {
	if x.d.HasArg(name) {
		x.d.ScanArgs(x.t, name, &def)
	}
	return def
}

func (x *driver) run() (string, error) {
	ctx := context.Background()
	switch x.d.Cmd {
	case "topic":
		x.config = commitlog.DefaultConfig()
		x.config.Compact = x.d.HasArg("compact")
		x.config.MinCompactionLag = 0
		x.config.SegmentBytes = x.num("segment", x.config.SegmentBytes)
		x.make(int(x.num("partitions", 1)))
	case "grow":
		x.grow(int(x.num("partitions", 1)))
	case "produce":
		return "", x.produce()
	case "end":
		_, err := x.partition().AppendMarker(x.num("pid", 0), int16(x.num("epoch", 0)), x.d.CmdArgs[3].Vals[0] == "true", 0)
		return "", err
	case "delete-before":
		x.settle()
		_, err := x.partition().DeleteBefore(x.num("offset", 0))
		return "", err
	case "clean":
		x.settle()
		_, err := x.partition().Clean(ctx, commitlog.CleanOptions{FirstDirty: -1, MapBytes: 1 << 20, MapLoad: 0.9})
		return "", err
	case "group":
		x.groups = map[string]int64{}
		for _, a := range x.d.CmdArgs[1:] {
			var offset int64
			fmt.Sscan(a.Vals[0], &offset)
			x.groups[x.d.CmdArgs[0].Key+"-"+a.Key] = offset
		}
	case "crash":
		x.crash(x.d.HasArg("power"))
		x.sink, x.writers, x.prepared, x.readers = nil, nil, nil, nil
	case "forget":
		x.identity, x.token = nil, nil
	case "log":
		return x.dump(), nil
	case "source":
		return x.newJob(ctx)
	case "restore":
		return "", x.openReaders(ctx)
	case "read":
		return x.read()
	default:
		return x.runSink(ctx)
	}
	return "", nil
}

func (x *driver) partition() *commitlog.Log { return x.logs[x.num("p", 0)] }

func (x *driver) table(skip ...string) connector.Table {
	t := connector.Table{Path: [3]string{"c", "d", "t"}, Options: connector.Options{}, Columns: []connector.Column{
		{Name: "id", Type: types.TInt}, {Name: "v", Type: types.TString},
		{Name: "h", Type: types.TMap(types.TString, types.TBytes), Metadata: "headers"},
	}}
	for _, a := range x.d.CmdArgs {
		switch {
		case a.Key == "upsert":
			t.PrimaryKey = []int{0}
		case len(a.Vals) > 0 && !slices.Contains(skip, a.Key):
			t.Options[a.Key] = strings.Join(a.Vals, ",")
		}
	}
	if !x.d.HasArg("upsert") && t.Options["key.fields"] == "" {
		t.Options["key.fields"] = "id"
	}
	return t
}

func (x *driver) produce() error {
	b := wire.NewBuilder(nil)
	if x.d.HasArg("pid") {
		b.SetProducer(x.num("pid", 0), int16(x.num("epoch", 0)), int32(x.num("seq", 0)))
	}
	b.SetTransactional(x.d.HasArg("txn"))
	for line := range strings.Lines(x.d.Input) {
		parts := append(strings.Split(line, "|"), "", "")
		var headers []wire.Header
		for h := range strings.FieldsSeq(parts[2]) {
			k, v, ok := strings.Cut(h, "=")
			headers = append(headers, wire.Header{Key: k, Value: []byte(v)})
			if !ok {
				headers[len(headers)-1].Value = nil
			}
		}
		b.Append(testNow.UnixMilli(), orNull(parts[0]), orNull(parts[1]), headers)
	}
	_, err := x.partition().Append(b.Bytes(), commitlog.FromClient, 0)
	return err
}

func (x *driver) runSink(ctx context.Context) (string, error) {
	switch x.d.Cmd {
	case "sink":
		l, err := newLayout(x.table(), connector.Env{})
		if err != nil {
			return "", err
		}
		if x.sink, err = newSink(l, x); err != nil {
			return "", err
		}
		x.writers = map[int]connector.Writer{}
		if x.identity == nil {
			if x.identity, err = x.sink.Identity(ctx); err != nil {
				return "", err
			}
		}
		if err := x.sink.Recover(ctx, x.identity, x.token); err != nil {
			return "", err
		}
		return fmt.Sprintf("producer %d, epoch %d\n", x.sink.mu.producerID, x.sink.mu.epoch), nil
	case "write", "flush":
		return "", x.write(ctx)
	case "seal":
		x.sink.Seal()
		return "", nil
	case "prepare":
		if !x.d.HasArg("sealed") {
			x.sink.Seal()
		}
		var err error
		x.prepared, err = x.sink.Prepare(ctx, 0)
		return tokenText(x.prepared), err
	case "journal":
		x.token = x.prepared
		return "", nil
	case "commit":
		return "", x.sink.Commit(ctx, x.token)
	case "abort":
		return "", x.sink.Abort(ctx)
	case "close":
		return "", x.sink.Close()
	}
	return "", fmt.Errorf("no command %s", x.d.Cmd)
}

func (x *driver) write(ctx context.Context) error {
	n := int(x.num("worker", 0))
	w := x.writers[n]
	if w == nil {
		var err error
		if w, err = x.sink.Writer(ctx, n, 2); err != nil {
			return err
		}
		x.writers[n] = w
	}
	if x.d.Cmd == "flush" {
		return w.Flush()
	}
	id, v, h := vec.NewBuilder(types.TInt, 8), vec.NewBuilder(types.TString, 8), vec.NewBuilder(types.TMap(types.TString, types.TBytes), 8)
	b := &vec.Batch{}
	for line := range strings.Lines(x.d.Input) {
		f := append(strings.Fields(line), "")
		b.Kinds = append(b.Kinds, map[string]types.RowKind{"+I": types.Insert, "-U": types.UpdateBefore, "+U": types.UpdateAfter, "-D": types.Delete}[f[0]])
		id.AppendAny(f[1])
		v.AppendString(f[2])
		for _, e := range f[3:] {
			if key, value, ok := strings.Cut(e, "="); ok {
				h.Kid(0).AppendString(key)
				h.Kid(1).AppendString(value)
			}
		}
		h.Close()
		b.N++
	}
	b.Cols = []*vec.Vector{id.Finish(), v.Finish(), h.Finish()}
	return w.Write(b)
}

func tokenText(token []byte) string {
	if token == nil {
		return "no token\n"
	}
	out := "token"
	for b := token[16:]; len(b) > 0; {
		p, n := binary.Uvarint(b)
		end, m := binary.Uvarint(b[n:])
		out += fmt.Sprintf(" %d<%d", p, end)
		b = b[n+m:]
	}
	return out + "\n"
}

// dump is the batches of each partition, all of them.
func (x *driver) dump() string {
	x.settle()
	var out strings.Builder
	for n, l := range x.logs {
		fmt.Fprintf(&out, "partition %d, stable to %d\n", n, l.LastStableOffset())
		for at := l.StartOffset(); at < l.EndOffset(); {
			chunk, err := l.Read(at, 1, commitlog.End, true)
			if err != nil {
				return out.String() + err.Error() + "\n"
			}
			buf, err := chunk.Bytes(nil)
			chunk.Release()
			if err != nil {
				return out.String() + err.Error() + "\n"
			}
			for len(buf) > 0 {
				var b wire.Batch
				if b, buf, err = wire.ParseBatch(buf); err != nil {
					return out.String() + err.Error() + "\n"
				}
				out.WriteString("  " + batchText(b) + "\n")
				at = b.NextOffset()
			}
		}
	}
	return out.String()
}

func batchText(b wire.Batch) string {
	text := fmt.Sprintf("%d", b.BaseOffset())
	if b.IsControl() {
		m, err := wire.ParseMarker(b)
		if err != nil {
			return err.Error()
		}
		return text + fmt.Sprintf(" marker of %d/%d, commit %v", b.ProducerID(), b.ProducerEpoch(), m.Commit)
	}
	if b.ProducerID() >= 0 {
		text += fmt.Sprintf(" of %d/%d from %d", b.ProducerID(), b.ProducerEpoch(), b.BaseSequence())
	}
	for it := wire.Records(b, nil); it.Next(); {
		r := it.Record()
		text += fmt.Sprintf(" %s:%s", r.Key, r.Value)
		if r.Value == nil {
			text += "NULL"
		}
		for h := r.Headers; ; {
			k, v, ok := h.Next()
			if !ok {
				break
			}
			text += fmt.Sprintf("[%s=%s]", k, v)
		}
	}
	return text
}

func (x *driver) newJob(ctx context.Context) (string, error) {
	x.settle()
	t := x.table()
	if err := checkModes(t); err != nil {
		return "", err
	}
	l, err := newLayout(t, connector.Env{})
	if err != nil {
		return "", err
	}
	x.source, x.readers = &source{layout: l, broker: &own{l, x}}, nil
	if x.splits, err = x.source.Splits(ctx); err != nil {
		return "", err
	}
	var out strings.Builder
	for _, s := range x.splits {
		_, start, _ := decodePosition(s.Start)
		fmt.Fprintf(&out, "%s from %d", s.ID, start)
		if s.End != nil {
			_, end, _ := decodePosition(s.End)
			fmt.Fprintf(&out, " to %d", end)
		}
		out.WriteString("\n")
	}
	return out.String(), x.openReaders(ctx)
}

func (x *driver) openReaders(ctx context.Context) error {
	x.readers = nil
	for _, s := range x.splits {
		r, err := x.source.Open(ctx, s, []int{0, 1, 2}, func() {})
		if err != nil {
			return err
		}
		x.readers = append(x.readers, r.(*reader))
	}
	return nil
}

// read polls all readers; the positions that they come to are the job's.
func (x *driver) read() (string, error) {
	x.settle()
	var out strings.Builder
	for n, r := range x.readers {
		for {
			b, err := r.Poll(int(x.num("max", 100)))
			if err != nil {
				return out.String(), err
			}
			if b == nil {
				break
			}
			for i := range b.Len() {
				kind := types.Insert
				if b.Kinds != nil {
					kind = b.Kinds[i]
				}
				fmt.Fprintf(&out, "%s %v %v", kind, vec.Value(b.Cols[0], i), vec.Value(b.Cols[1], i))
				if h := vec.AppendText(nil, b.Cols[2], i); string(h) != "{}" {
					fmt.Fprintf(&out, " %s", h)
				}
				fmt.Fprintf(&out, " (%s)\n", strings.TrimPrefix(r.Where(i), "topic t, "))
			}
		}
		x.splits[n].Start = r.Position()
		_, at, _ := decodePosition(r.Position())
		s := r.Status()
		fmt.Fprintf(&out, "%s at %d, done %v, drained %v, behind %d, skipped %d\n", x.splits[n].ID, at, s.Done, s.Drained, s.Behind, s.Skipped)
	}
	return out.String(), nil
}
