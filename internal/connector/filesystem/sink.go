package filesystem

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
	"github.com/millrace/millrace/internal/vfs"
)

// sink writes files that get their names when the epoch that finishes them is
// committed; those of a partitioned table lie in the partition's folder:
//
//	.part-ID-WORKER-EPOCH.inprogress ── Seal ── Prepare: synced ── [journal] ── Commit: renamed to part-ID-WORKER-EPOCH
//
// Without a rolling policy each epoch finishes its files, and the next one has files
// of its own. With one a file goes on over many epochs; what is behind the bytes that
// the last token tells of is cut off when the job goes on after a crash. A rename that
// was done already is no error, so Commit may run again.
type sink struct {
	base
	partitions *partitions
	trigger    trigger
	rolling    rolling
	now        func() time.Time

	mu struct {
		sync.Mutex
		id      string
		epoch   int64 // of the files that are begun now
		writers []*writer
		waiting map[string]time.Time // partitions that are not complete, with their begin
		sealed  *sealed              // not yet prepared
		last    []byte               // the token of the last commit
		failure error                // of Seal, which cannot say so itself
	}
}

// sealed is what Seal leaves to Prepare.
type sealed struct {
	token  token
	finish []vfs.File // synced and closed
	keep   []vfs.File // synced
}

func newSink(b base) (*sink, error) {
	s := &sink{base: b, partitions: newPartitions(b.table), now: b.env.Now}
	if s.now == nil {
		s.now = time.Now
	}
	s.mu.waiting = map[string]time.Time{}
	var err error
	if s.trigger, err = newTrigger(b.table); err != nil {
		return nil, err
	}
	if s.trigger.on && len(b.table.PartitionedBy) == 0 {
		return nil, connector.OptionErrorf(optPolicy, "table '%s' is not partitioned", b.table.Path[2])
	}
	if s.rolling, err = newRolling(b.table); err != nil {
		return nil, err
	}
	_, err = s.format.NewEncoder(s.inFiles())
	return s, err
}

func (s *sink) ChangelogMode(types.KindSet) types.KindSet { return types.AppendOnly }
func (s *sink) Transactional() bool                       { return true }

// Identity is part of the name of every file that the job writes.
func (s *sink) Identity(context.Context) ([]byte, error) {
	id := make([]byte, 8)
	_, err := rand.Read(id)
	return []byte(hex.EncodeToString(id)), err
}

// Recover does what the token says, finishes the files that were kept, and removes the
// job's others.
func (s *sink) Recover(_ context.Context, identity, last []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.id = string(identity)
	if err := s.makeFolder(s.path); err != nil {
		return fmt.Errorf("table %s: cannot make the folder '%s': %w", s.table.Path[2], s.path, cause(err))
	}
	t, err := decodeToken(last)
	if err != nil {
		return fmt.Errorf("table %s: %w", s.table.Path[2], err)
	}
	s.mu.waiting, s.mu.last = t.wait, last
	return s.settle()
}

// settle leaves of the job's files what the last token commits.
func (s *sink) settle() error {
	t, err := decodeToken(s.mu.last)
	if err != nil {
		return err
	}
	for _, f := range t.keep {
		if err := s.cut(f); err != nil {
			return fmt.Errorf("table %s: %w", s.table.Path[2], err)
		}
	}
	if err := s.publish(slices.Concat(t.finish, t.keep), t.mark); err != nil {
		return err
	}
	return s.clean(s.path)
}

// cut drops from a file what is not committed.
func (s *sink) cut(f fileMark) error {
	file, err := s.fs.OpenReadWrite(filepath.Join(s.path, f.folder, hidden(f.name)))
	if vfs.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(file.Truncate(f.bytes), file.Sync(), file.Close())
}

// clean removes the job's files without a name below a folder, and counts its epochs.
func (s *sink) clean(dir string) error {
	names, err := s.fs.List(dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		path := filepath.Join(dir, n)
		if strings.HasPrefix(n, ".part-"+s.mu.id+"-") {
			if err := s.fs.Remove(path); err != nil {
				return err
			}
			continue
		}
		if epoch, ok := epochOf(n, s.mu.id); ok {
			s.mu.epoch = max(s.mu.epoch, epoch+1)
		} else if strings.Contains(n, "=") && len(s.partitions.names) > 0 {
			if err := s.clean(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// makeFolder makes a folder that is still there after a crash: a name is durable
// when the folder that it stands in is synced.
func (s *sink) makeFolder(path string) error {
	parent := filepath.Dir(path)
	if _, err := s.fs.Stat(path); err == nil || !vfs.IsNotExist(err) || parent == path {
		return err
	}
	if err := s.makeFolder(parent); err != nil {
		return err
	}
	if err := s.fs.MkdirAll(path); err != nil {
		return err
	}
	return s.fs.SyncDir(parent)
}

func epochOf(name, id string) (epoch int64, ok bool) {
	var worker int
	n, _ := fmt.Sscanf(name, "part-"+id+"-%d-%d", &worker, &epoch)
	return epoch, n == 2
}

// Seal decides which partitions are complete and which files are finished.
func (s *sink) Seal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, watermark := s.now(), s.watermark()
	out := &sealed{token: token{wait: map[string]time.Time{}}}
	wrote := false
	for _, w := range s.mu.writers {
		for folder, p := range w.parts {
			if _, ok := s.mu.waiting[folder]; !ok && p.fresh && s.trigger.on {
				s.mu.waiting[folder] = now
			}
			wrote = wrote || p.fresh
			p.fresh = false
		}
	}
	complete := map[string]bool{}
	for folder, created := range s.mu.waiting {
		ok, err := s.trigger.complete(s.partitions, folder, created, now, watermark)
		if err != nil {
			s.mu.failure = fmt.Errorf("table %s: %w", s.table.Path[2], err)
			return
		}
		if ok {
			complete[folder] = true
			delete(s.mu.waiting, folder)
		}
	}
	out.token.mark = slices.Sorted(maps.Keys(complete))
	for _, w := range s.mu.writers {
		for folder, p := range w.parts {
			m := fileMark{folder, p.name, p.size}
			if watermark == vec.MaxTime || complete[folder] || s.rolling.due(p, now) {
				out.token.finish = append(out.token.finish, m)
				out.finish = append(out.finish, p.file)
				delete(w.parts, folder)
				w.current = nil
			} else {
				out.token.keep = append(out.token.keep, m)
				out.keep = append(out.keep, p.file)
			}
		}
	}
	if !wrote && len(out.token.finish)+len(out.token.mark) == 0 {
		return // kept files are as the last token says
	}
	maps.Copy(out.token.wait, s.mu.waiting)
	s.mu.sealed = out
	s.mu.epoch++
}

// watermark is the least of all writers'.
func (s *sink) watermark() int64 {
	least := vec.MaxTime
	for _, w := range s.mu.writers {
		least = min(least, w.watermark)
	}
	return least
}

// Prepare syncs the sealed files, and closes those that are finished.
func (s *sink) Prepare(context.Context, int64) ([]byte, error) {
	s.mu.Lock()
	sealed, err := s.mu.sealed, s.mu.failure
	s.mu.sealed = nil
	s.mu.Unlock()
	if sealed == nil || err != nil {
		return nil, err
	}
	var errs []error
	for _, f := range sealed.finish {
		errs = append(errs, f.Sync(), f.Close())
	}
	for _, f := range sealed.keep {
		errs = append(errs, f.Sync())
	}
	for _, folder := range foldersOf(sealed.token.finish, sealed.token.keep) {
		errs = append(errs, s.fs.SyncDir(filepath.Join(s.path, folder)))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("table %s: %w", s.table.Path[2], err)
	}
	return sealed.token.encode(), nil
}

func foldersOf(lists ...[]fileMark) []string {
	var out []string
	for _, l := range lists {
		for _, f := range l {
			out = append(out, f.folder)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Commit gives the finished files their names, and marks the complete partitions.
func (s *sink) Commit(_ context.Context, b []byte) error {
	t, err := decodeToken(b)
	if err != nil {
		return fmt.Errorf("table %s: %w", s.table.Path[2], err)
	}
	if len(b) == 0 {
		return nil
	}
	s.mu.Lock()
	s.mu.last = b
	s.mu.Unlock()
	return s.publish(t.finish, t.mark)
}

func (s *sink) publish(finish []fileMark, mark []string) error {
	var errs []error
	for _, f := range finish {
		dir := filepath.Join(s.path, f.folder)
		if err := s.fs.Rename(filepath.Join(dir, hidden(f.name)), filepath.Join(dir, f.name)); err != nil && !vfs.IsNotExist(err) {
			errs = append(errs, err)
		}
	}
	for _, folder := range foldersOf(finish) {
		errs = append(errs, s.fs.SyncDir(filepath.Join(s.path, folder)))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("table %s: %w", s.table.Path[2], err)
	}
	// A success file says that the others are there.
	for _, folder := range mark {
		dir := filepath.Join(s.path, folder)
		f, err := s.fs.Create(filepath.Join(dir, s.trigger.file))
		if err == nil {
			err = errors.Join(f.Sync(), f.Close(), s.fs.SyncDir(dir))
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("table %s: %w", s.table.Path[2], err)
	}
	return nil
}

func hidden(name string) string { return "." + name + ".inprogress" }

// Abort leaves what was committed last.
func (s *sink) Abort(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, w := range s.mu.writers {
		for _, p := range w.parts {
			errs = append(errs, p.file.Close())
		}
		w.parts, w.current = map[string]*part{}, nil
	}
	if s.mu.sealed != nil {
		for _, f := range s.mu.sealed.finish {
			errs = append(errs, f.Close())
		}
		s.mu.sealed = nil
	}
	if s.mu.id != "" {
		errs = append(errs, s.settle())
	}
	return errors.Join(errs...)
}

func (s *sink) Close() error { return nil }
