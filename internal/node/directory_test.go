package node

import (
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
)

// TestUnusable: what a directory cannot do is said with what to do about it.
func TestUnusable(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	at := func(op, path string, err error) error { return &fs.PathError{Op: op, Path: path, Err: err} }
	for want, err := range map[string]error{
		`^data directory .*data is on a file system that is read-only: name another directory with --data DIR$`:                                 at("mkdir", dir, syscall.EROFS),
		`^data directory .*data cannot be made: permission denied in .*; name another directory with --data DIR$`:                               at("mkdir", dir, syscall.EACCES),
		`^data directory .*data is not to be used by user .*: open .*/.lock: permission denied; let it belong to that user, or name another .*`: at("open", dir+"/.lock", syscall.EACCES),
		`^other$`: errors.New("other"),
	} {
		if got := unusable(dir, err); !regexp.MustCompile(want).MatchString(got.Error()) {
			t.Errorf("%v: %v", err, got)
		}
	}
}
