package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
)

// isNew says that there is no data directory yet: nothing that a script could build
// on, and nothing that should be there after a script that cannot run. A file in its
// place is an error.
func isNew(dir string) (bool, error) {
	if dir == "" {
		return true, nil
	}
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case err != nil:
		return false, unusable(dir, err)
	case !info.IsDir():
		return false, fmt.Errorf("data directory %s is refused: it is a file", dir)
	}
	return false, nil
}

// unusable says of an error of the file system what it means for the data directory: it
// cannot be made, or not be written. Other errors stay as they are.
func unusable(dir string, err error) error {
	var at *fs.PathError
	if dir == "" || !errors.As(err, &at) {
		return err
	}
	const name = "name another directory with --data DIR"
	switch {
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("data directory %s is on a file system that is read-only: %s", dir, name)
	case at.Op == "stat", at.Op == "mkdir":
		if parent := fileAbove(dir); parent != "" {
			return fmt.Errorf("data directory %s cannot be made: %s is a file; %s", dir, parent, name)
		}
		return fmt.Errorf("data directory %s cannot be made: %s in %s; %s", dir, text(at.Err), filepath.Dir(at.Path), name)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("data directory %s is not to be used by %s: %s %s: %s; let it belong to that user, or %s", dir, userName(), at.Op, at.Path, text(at.Err), name)
	}
	return err
}

// text is what the operating system says; that a directory is not there means, of one that
// is being made, that none can be made there.
func text(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "no directory can be made"
	}
	return err.Error()
}

// fileAbove is the file that stands where a folder on the way to dir should be, or empty.
func fileAbove(dir string) string {
	for up := filepath.Dir(filepath.Clean(dir)); ; up = filepath.Dir(up) {
		switch info, err := os.Stat(up); {
		case err == nil && !info.IsDir():
			return up
		case err == nil || up == "." || up == string(filepath.Separator):
			return ""
		}
	}
}

func userName() string {
	if u, err := user.Current(); err == nil {
		return "user " + strings.TrimSpace(u.Username)
	}
	return fmt.Sprintf("user %d", os.Getuid())
}
