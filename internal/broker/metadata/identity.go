package metadata

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/millrace/millrace/internal/vfs"
)

// Identity is what a data directory is: it is written once, into meta.properties, and nothing is touched in a directory that has
// another's, a damaged one, or files but none.
//
//	# millrace data directory
//	version=1
//	millrace.format=1
//	cluster.id=…
//	directory.id=…
//	node.id=1
type Identity struct {
	ClusterID   string
	DirectoryID string
	NodeID      int32
}

const (
	identityName = "meta.properties"
	lockName     = ".lock"
	formatKey    = "millrace.format"
	formatNow    = "1"
)

// errEmpty says that a directory can be formatted.
var errEmpty = errors.New("directory is empty")

// readIdentity reads a directory's identity, or says why the directory cannot be used.
func readIdentity(fs vfs.FS, dir string) (Identity, error) {
	f, err := fs.Open(filepath.Join(dir, identityName))
	if vfs.IsNotExist(err) {
		return Identity{}, checkEmpty(fs, dir)
	}
	if err != nil {
		return Identity{}, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return Identity{}, err
	}
	text := make([]byte, min(size, 64<<10))
	if n, err := f.ReadAt(text, 0); err != nil && (err != io.EOF || n < len(text)) {
		return Identity{}, err
	}
	id, err := parseIdentity(text)
	if err != nil {
		return id, fmt.Errorf("data directory %s is refused: %s %w", dir, identityName, err)
	}
	return id, nil
}

func checkEmpty(fs vfs.FS, dir string) error {
	names, err := fs.List(dir)
	if err != nil && !vfs.IsNotExist(err) {
		return err
	}
	for _, name := range names {
		if name != lockName && name != identityName+".tmp" && name != "lost+found" {
			return fmt.Errorf("data directory %s is refused: it has no %s and is not empty (it contains %s); name an empty directory, or the right one",
				dir, identityName, name)
		}
	}
	return errEmpty
}

func parseIdentity(text []byte) (Identity, error) {
	values := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			return Identity{}, fmt.Errorf("is damaged: line %q", line)
		}
		values[key] = value
	}
	switch values[formatKey] {
	case formatNow:
	case "":
		if values["cluster.id"] != "" {
			return Identity{}, fmt.Errorf("is not millrace's: it belongs to Apache Kafka cluster %s", values["cluster.id"])
		}
		return Identity{}, fmt.Errorf("is damaged: it has no %s", formatKey)
	default:
		return Identity{}, fmt.Errorf("has %s %s, and this millrace understands %s", formatKey, values[formatKey], formatNow)
	}
	id := Identity{ClusterID: values["cluster.id"], DirectoryID: values["directory.id"]}
	node, err := strconv.ParseInt(values["node.id"], 10, 32)
	if err != nil || id.ClusterID == "" || id.DirectoryID == "" {
		return id, errors.New("is damaged: cluster.id, directory.id or node.id is missing")
	}
	id.NodeID = int32(node)
	return id, nil
}

func (id Identity) write(fs vfs.FS, dir string) error {
	text := fmt.Sprintf("# millrace data directory\nversion=1\n%s=%s\ncluster.id=%s\ndirectory.id=%s\nnode.id=%d\n",
		formatKey, formatNow, id.ClusterID, id.DirectoryID, id.NodeID)
	name := filepath.Join(dir, identityName)
	f, err := fs.Create(name + ".tmp")
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(text), 0)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := fs.Rename(name+".tmp", name); err != nil {
		return err
	}
	return errors.Join(fs.SyncDir(dir), fs.SyncDir(filepath.Dir(filepath.Clean(dir))))
}

// lockDirectory takes the directory for this process.
func lockDirectory(fs vfs.FS, dir string) (io.Closer, error) {
	lock, err := fs.Lock(filepath.Join(dir, lockName))
	if errors.Is(err, vfs.ErrLocked) {
		return nil, fmt.Errorf("data directory %s is in use by another process: stop it, or name another directory", dir)
	}
	return lock, err
}

// openDirectory locks a directory and gives its identity, formatting it if it is empty.
func openDirectory(opt Options) (io.Closer, Identity, error) {
	fs, dir := opt.FS, opt.Dir
	if _, err := readIdentity(fs, dir); err != nil && err != errEmpty {
		return nil, Identity{}, err // before the lock file is made: a foreign directory stays as it is
	}
	if err := fs.MkdirAll(dir); err != nil {
		return nil, Identity{}, err
	}
	lock, err := lockDirectory(fs, dir)
	if err != nil {
		return nil, Identity{}, err
	}
	id, err := readIdentity(fs, dir)
	if err == errEmpty {
		id, err = format(opt)
	}
	if err == nil && opt.ClusterID != "" && opt.ClusterID != id.ClusterID {
		err = fmt.Errorf("data directory %s belongs to cluster %s, not %s", dir, id.ClusterID, opt.ClusterID)
	}
	if err == nil && opt.NodeID != 0 && opt.NodeID != id.NodeID {
		err = fmt.Errorf("data directory %s belongs to node %d, not %d", dir, id.NodeID, opt.NodeID)
	}
	if err != nil {
		lock.Close()
		return nil, id, err
	}
	return lock, id, nil
}

func format(opt Options) (Identity, error) {
	id := Identity{ClusterID: opt.ClusterID, NodeID: opt.NodeID}
	if id.NodeID == 0 {
		id.NodeID = 1
	}
	cluster, err := NewUUID(opt.Random)
	if err != nil {
		return id, err
	}
	if id.ClusterID == "" {
		id.ClusterID = cluster.String()
	}
	directory, err := NewUUID(opt.Random)
	if err != nil {
		return id, err
	}
	id.DirectoryID = directory.String()
	return id, id.write(opt.FS, opt.Dir)
}
