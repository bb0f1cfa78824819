package savepoint

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/millrace/millrace/internal/engine/journal"
	"github.com/millrace/millrace/internal/vfs"
)

// Name is a new name for a savepoint of a job, formed as Flink forms it.
func Name(jobID string) string {
	var b [6]byte
	rand.Read(b[:])
	return "savepoint-" + jobID[:min(6, len(jobID))] + "-" + hex.EncodeToString(b[:])
}

// Write makes a savepoint of what a journal was read to: dir, which must not be there. m
// says what the journal does not know; the rest is filled in. After an error nothing is
// left.
//
// The job may run meanwhile: rec is what was committed when its journal was opened, and
// the journal must not forget it until Write returns.
func Write(ctx context.Context, fs vfs.FS, dir string, rec *journal.Recovered, m *Manifest) (err error) {
	if _, err := fs.Stat(dir); err == nil {
		return fmt.Errorf("savepoint %s is there already", dir)
	} else if !vfs.IsNotExist(err) {
		return fmt.Errorf("savepoint: %w", err)
	}
	parents := missing(fs, dir)
	if err := fs.MkdirAll(dir); err != nil {
		return fmt.Errorf("savepoint: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("savepoint: %w", err), fs.RemoveAll(dir))
		}
	}()
	out := &output{fs: fs, dir: dir, limit: fileBytes}
	defer out.abandon()
	bytes, err := whole(rec).To(ctx, out, rec)
	if err != nil {
		return err
	}
	m.Epoch, m.Time, m.KeyGroups, m.Files = rec.Epoch, rec.Time, rec.Begin.MaxParallelism, out.files
	m.Operators = operators(rec, bytes, m.Operators)
	if err := m.write(fs, dir); err != nil {
		return err
	}
	for _, p := range parents {
		if err := fs.SyncDir(p); err != nil {
			return err
		}
	}
	return nil
}

// missing are the directories whose names are new when dir is made: each that does not exist
// yet has its name in the one before it.
func missing(fs vfs.FS, dir string) []string {
	parent := path.Dir(dir)
	for p := parent; ; p = path.Dir(p) {
		if _, err := fs.Stat(p); err == nil || p == path.Dir(p) {
			return append([]string{p}, between(p, parent)...)
		}
	}
}

// between are the directories below top down to bottom.
func between(top, bottom string) (out []string) {
	for p := bottom; p != top; p = path.Dir(p) {
		out = append([]string{p}, out...)
	}
	return out
}

// whole is a copy of everything but the sinks' identities and tokens: what was written
// under these is the job's that was saved, and nobody else's.
func whole(rec *journal.Recovered) *journal.Copy {
	begin := *rec.Begin
	begin.Sinks = nil
	for _, s := range rec.Begin.Sinks {
		begin.Sinks = append(begin.Sinks, journal.Sink{Node: s.Node})
	}
	commit := &journal.Commit{Time: rec.Time, Finished: rec.Finished, Nodes: rec.Nodes}
	for _, splits := range rec.Splits {
		commit.Splits = append(commit.Splits, splits...)
	}
	return &journal.Copy{Epoch: rec.Epoch, Begin: &begin, Commit: commit, Nodes: func(n int) []int { return []int{n} }}
}

// operators are those of the journal, with the names that are known.
func operators(rec *journal.Recovered, bytes []int64, named []Operator) []Operator {
	names := map[string]string{}
	for _, o := range named {
		names[o.ID] = o.Name
	}
	out := make([]Operator, len(rec.Begin.Nodes))
	for i, id := range rec.Begin.Nodes {
		out[i] = Operator{ID: id, Name: names[id], StateBytes: bytes[i]}
	}
	for s, src := range rec.Begin.Sources {
		for i, sp := range src.Splits {
			mark := rec.Splits[s][i]
			out[src.Node].Splits = append(out[src.Node].Splits, Split{ID: sp.ID, Position: mark.Position, Done: mark.Done})
		}
	}
	return out
}

// write makes the files' names durable, then the manifest, then its name.
func (m *Manifest) write(fs vfs.FS, dir string) error {
	if err := fs.SyncDir(dir); err != nil {
		return err
	}
	text, err := m.encode()
	if err != nil {
		return err
	}
	unfinished := path.Join(dir, manifestName+".inprogress")
	f, err := fs.Create(unfinished)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(text, 0)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := fs.Rename(unfinished, path.Join(dir, manifestName)); err != nil {
		return err
	}
	return fs.SyncDir(dir)
}

// Savepoint is an open savepoint, all of which was read and found whole.
type Savepoint struct {
	Dir      string
	Manifest *Manifest
	State    *journal.Recovered
	in       *input
}

// Open checks a savepoint and opens it. Close it.
func Open(fs vfs.FS, dir string) (_ *Savepoint, err error) {
	m, err := ReadManifest(fs, dir)
	if err != nil {
		return nil, err
	}
	in := &input{}
	defer func() {
		if err != nil {
			in.close()
		}
	}()
	for _, f := range m.Files {
		if err := in.openFile(fs, dir, f); err != nil {
			return nil, err
		}
	}
	rec, err := journal.Open(in)
	if err == nil && rec == nil {
		err = errors.New("it holds no epoch")
	}
	if err != nil {
		return nil, fmt.Errorf("savepoint %s: %w", dir, err)
	}
	if rec.Epoch != m.Epoch || len(rec.Begin.Nodes) != len(m.Operators) {
		return nil, fmt.Errorf("savepoint %s: its files hold epoch %d of %d operators, its %s says epoch %d of %d: they are not of one savepoint",
			dir, rec.Epoch, len(rec.Begin.Nodes), manifestName, m.Epoch, len(m.Operators))
	}
	return &Savepoint{Dir: dir, Manifest: m, State: rec, in: in}, nil
}

// Close closes the files; State is not to be read any more.
func (s *Savepoint) Close() error { return s.in.close() }

// manifestBytes is more than any manifest has.
const manifestBytes = 256 << 20

// ReadManifest reads what a savepoint holds, and checks nothing else of it.
func ReadManifest(fs vfs.FS, dir string) (*Manifest, error) {
	f, err := fs.Open(path.Join(dir, manifestName))
	if vfs.IsNotExist(err) {
		if _, derr := fs.Stat(dir); vfs.IsNotExist(derr) {
			return nil, fmt.Errorf("there is no savepoint %s", dir)
		}
		return nil, fmt.Errorf("%s is no savepoint, or one that was not completed: it has no %s", dir, manifestName)
	}
	if err != nil {
		return nil, fmt.Errorf("savepoint %s: %w", dir, err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, fmt.Errorf("savepoint %s: %w", dir, err)
	}
	if size > manifestBytes {
		return nil, fmt.Errorf("savepoint %s: its %s has %d bytes, which none has", dir, manifestName, size)
	}
	text := make([]byte, size)
	if _, err := f.ReadAt(text, 0); err != nil && err != io.EOF {
		return nil, fmt.Errorf("savepoint %s: %w", dir, err)
	}
	return decode(dir, text)
}
