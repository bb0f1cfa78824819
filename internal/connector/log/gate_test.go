package log

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/millrace/millrace/internal/commitlog"
	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

// openGated is a sink with one sealed epoch of one row, and its token.
func openGated(t *testing.T, w *world, ctx context.Context) (s *sink, out connector.Writer, token []byte) {
	t.Helper()
	w.make(2)
	l, err := newLayout(connector.Table{
		Path:    [3]string{"c", "d", "t"},
		Columns: []connector.Column{{Name: "id", Type: types.TInt}, {Name: "v", Type: types.TString}},
		Options: connector.Options{"key.fields": "id"},
	}, connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	if s, err = newSink(l, w); err != nil {
		t.Fatal(err)
	}
	id, err := s.Identity(ctx)
	if err == nil {
		err = s.Recover(ctx, id, nil)
	}
	if err == nil {
		out, err = s.Writer(ctx, 0, 1)
	}
	if err == nil {
		err = writeRows(out, 0, 1, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.Seal()
	if token, err = s.Prepare(ctx, 1); err != nil || token == nil {
		t.Fatal(token, err)
	}
	return s, out, token
}

// writeRows writes rows with ids from from on, of about size bytes each, and flushes.
func writeRows(w connector.Writer, from, n, size int) error {
	id, v := vec.NewBuilder(types.TInt, n), vec.NewBuilder(types.TString, n)
	for i := range n {
		id.AppendAny(from + i)
		v.AppendString(strings.Repeat("x", size))
	}
	if err := w.Write(&vec.Batch{N: n, Cols: []*vec.Vector{id.Finish(), v.Finish()}}); err != nil {
		return err
	}
	return w.Flush()
}

// records are the ids in a partition in order, "|" for a marker.
func (w *world) records(t *testing.T, log *commitlog.Log) (ids []string) {
	t.Helper()
	w.settle()
	for at := log.StartOffset(); at < log.EndOffset(); {
		chunk, err := log.Read(at, 1<<20, commitlog.End, true)
		if err != nil {
			t.Fatal(err)
		}
		buf, err := chunk.Bytes(nil)
		chunk.Release()
		for err == nil && len(buf) > 0 {
			var b wire.Batch
			if b, buf, err = wire.ParseBatch(buf); err != nil {
				break
			}
			at = b.NextOffset()
			if b.IsControl() {
				ids = append(ids, "|")
				continue
			}
			for it := wire.Records(b, nil); it.Next(); {
				ids = append(ids, strings.Trim(string(it.Record().Key), `{}id":`))
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return ids
}

// TestGateBound: what a sink keeps while an epoch is committed is bounded; a writer that
// has more waits, and goes on when the markers are in, or its job ends.
func TestGateBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, fs: vfs.NewMem(), config: commitlog.DefaultConfig()}
		defer w.close()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s, out, token := openGated(t, w, ctx)
		written, done := 0, make(chan error)
		go func() {
			for ; written < 3*keepBytes/1000; written += 100 {
				if err := writeRows(out, 1+written, 100, 1000); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		synctest.Wait()
		s.mu.Lock()
		kept := s.mu.gate.bytes
		s.mu.Unlock()
		if kept < keepBytes || kept > keepBytes+2*flushBytes || written >= 2*keepBytes/1000 {
			t.Fatalf("%d bytes kept, %d rows written", kept, written)
		}
		if err := s.Commit(ctx, token); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		rows := 0
		for n, l := range w.logs {
			last, markers := -1, 0
			for i, r := range w.records(t, l) {
				if r == "|" {
					if markers++; i != 1 {
						t.Fatalf("partition %d: a marker at place %d", n, i)
					}
					continue
				}
				var id int
				if fmt.Sscan(r, &id); id <= last {
					t.Fatalf("partition %d: %d after %d", n, id, last)
				}
				last, rows = id, rows+1
			}
		}
		if rows != 1+written {
			t.Fatalf("%d rows, %d were written", rows, 1+written)
		}

		s.Seal()
		if token, _ = s.Prepare(ctx, 2); token == nil {
			t.Fatal("no token")
		}
		go func() { done <- writeRows(out, 1e6, 2*keepBytes/1000, 1000) }()
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if err := s.Commit(context.Background(), token); err != nil {
			t.Fatal(err)
		}
		if err := s.Abort(context.Background()); err != nil {
			t.Fatal(err)
		}
		for n, l := range w.logs {
			w.settle()
			if l.LastStableOffset() != l.EndOffset() {
				t.Fatalf("partition %d is left with an open transaction", n)
			}
		}
	})
}

// full is a partition that takes markers only, once it is full.
type full struct {
	Partition
	err error
}

func (f *full) Append(b []byte) (int64, error) {
	if f.err != nil {
		return 0, f.err
	}
	return f.Partition.Append(b)
}

// TestGateFails: what was kept cannot be appended. The epoch before it is committed all
// the same; the next write says why, and the next Prepare, should there be none.
func TestGateFails(t *testing.T) {
	ctx := context.Background()
	w := &world{t: t, fs: vfs.NewMem(), config: commitlog.DefaultConfig()}
	defer w.close()
	s, out, token := openGated(t, w, ctx)
	broken := errors.New("broken")
	for i, p := range s.mu.topic.Partitions {
		s.mu.topic.Partitions[i] = &full{p, broken}
	}
	if err := writeRows(out, 1, 10, 10); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(ctx, token); err != nil {
		t.Fatal(err)
	}
	if err := writeRows(out, 11, 10, 10); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	s.Seal()
	if _, err := s.Prepare(ctx, 2); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if err := s.Abort(ctx); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(w.records(t, w.logs[0]), "") + strings.Join(w.records(t, w.logs[1]), ""); got != "0|" {
		t.Fatal(got)
	}
}

// lazyFS is a file system one of whose partitions syncs late.
type lazyFS struct {
	vfs.FS
	part  string
	until chan struct{} // nil: at once
}

type lazyFile struct {
	vfs.File
	fs *lazyFS
}

func (f *lazyFS) OpenReadWrite(name string) (vfs.File, error) {
	file, err := f.FS.OpenReadWrite(name)
	return f.wrap(name, file), err
}

func (f *lazyFS) Create(name string) (vfs.File, error) {
	file, err := f.FS.Create(name)
	return f.wrap(name, file), err
}

func (f *lazyFS) wrap(name string, file vfs.File) vfs.File {
	if file != nil && strings.Contains(name, f.part) && strings.HasSuffix(name, ".log") {
		return lazyFile{file, f}
	}
	return file
}

func (f lazyFile) Sync() error {
	if f.fs.until != nil {
		<-f.fs.until
	}
	return f.File.Sync()
}

// TestMarkersLast: the power fails when an epoch's markers are in, durable in one
// partition and not in another, and the next epoch wrote to the first only. If that is
// decided, so is the epoch before it, in both.
func TestMarkersLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		mem := vfs.NewMem()
		if err := errors.Join(mem.MkdirAll("data"), mem.SyncDir(".")); err != nil {
			t.Fatal(err)
		}
		first, other := PartitionOf([]byte(`{"id":0}`), 2), 1
		for PartitionOf(fmt.Appendf(nil, `{"id":%d}`, other), 2) == first {
			other++
		}
		lazy := &lazyFS{FS: mem, part: fmt.Sprintf("-%d/", first)}
		w := &world{t: t, fs: mem, files: lazy, config: commitlog.DefaultConfig()}
		s, out, token := openGated(t, w, ctx)
		id := s.mu.producerID
		lazy.until = make(chan struct{})
		if err := s.Commit(ctx, token); err != nil {
			t.Fatal(err)
		}
		if err := writeRows(out, other, 1, 1); err != nil {
			t.Fatal(err)
		}
		s.Seal()
		type prepared struct {
			token []byte
			err   error
		}
		done := make(chan prepared)
		go func() {
			token, err := s.Prepare(ctx, 2)
			done <- prepared{token, err}
		}()
		synctest.Wait()
		early := false
		select {
		case p := <-done:
			early, token = true, p.token // and the journal has it
		default:
		}
		after := &world{t: t, fs: mem.CrashClone(vfs.CrashOptions{}), id: w.id, next: w.next, config: w.config}
		close(lazy.until)
		if !early {
			<-done
		}
		w.close()
		after.grow(2)
		defer after.close()
		again, err := newSink(s.layout, after)
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Recover(ctx, binary.BigEndian.AppendUint64(nil, uint64(id)), token); err != nil {
			t.Fatal(err)
		}
		if got := after.records(t, after.logs[first]); strings.Join(got, "") != "0|" {
			t.Fatalf("partition %d holds %v", first, got)
		}
		if aborted, err := after.logs[first].AbortedTxns(0, 100); err != nil || len(aborted) > 0 {
			t.Fatalf("the committed epoch is aborted: %v, %v", aborted, err)
		}
	})
}
