package metadata

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/millrace/millrace/internal/commitlog"
	"github.com/millrace/millrace/internal/vfs"
)

// Identity is what a data directory is: it is written once, into meta.properties, and nothing is touched in a directory that has
// another's, or files that are not ours. In one that is ours and whose file is damaged or gone it is written anew, from the copy that
// the metadata log has.
//
//	# millrace data directory
//	version=1
//	millrace.format=1
//	cluster.id=…
//	directory.id=…
//	node.id=1
//	checksum=…           CRC-32C of the lines before it
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
	checksumKey  = "checksum"
)

// errEmpty says that a directory can be formatted, errLost that it is ours and does not say whose.
var (
	errEmpty = errors.New("directory is empty")
	errLost  = errors.New("identity is lost")
)

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
	if errors.Is(err, errDamaged) && isOurs(fs, dir) {
		return id, errLost
	}
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
			if isOurs(fs, dir) {
				return errLost
			}
			return fmt.Errorf("data directory %s is refused: it has no %s and is not empty (it contains %s); name an empty directory, or the right one",
				dir, identityName, name)
		}
	}
	return errEmpty
}

// isOurs says whether a directory has a partition in it that only we can have written.
func isOurs(fs vfs.FS, dir string) bool {
	names, err := fs.List(dir)
	if err != nil {
		return false
	}
	for _, name := range names {
		if _, _, ok := parsePartitionName(name); ok && commitlog.IsLog(fs, filepath.Join(dir, name)) {
			return true
		}
	}
	return false
}

// errDamaged is a mark of an identity that cannot be read, and may be anybody's.
var errDamaged = errors.New("is damaged")

func parseIdentity(text []byte) (Identity, error) {
	values := map[string]string{}
	body, sum, summed := bytes.Cut(text, []byte(checksumKey+"="))
	for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			return Identity{}, fmt.Errorf("%w: line %q", errDamaged, line)
		}
		values[key] = value
	}
	if summed && strings.TrimSpace(string(sum)) != checksum(body) {
		return Identity{}, fmt.Errorf("%w: its checksum is wrong", errDamaged)
	}
	switch values[formatKey] {
	case formatNow:
	case "":
		if values["cluster.id"] != "" {
			return Identity{}, fmt.Errorf("is not millrace's: it belongs to Apache Kafka cluster %s", values["cluster.id"])
		}
		return Identity{}, fmt.Errorf("%w: it has no %s", errDamaged, formatKey)
	default:
		return Identity{}, fmt.Errorf("has %s %s, and this millrace understands %s", formatKey, values[formatKey], formatNow)
	}
	id := Identity{ClusterID: values["cluster.id"], DirectoryID: values["directory.id"]}
	node, err := strconv.ParseInt(values["node.id"], 10, 32)
	if err != nil || id.ClusterID == "" || id.DirectoryID == "" {
		return id, fmt.Errorf("%w: cluster.id, directory.id or node.id is missing", errDamaged)
	}
	id.NodeID = int32(node)
	return id, nil
}

func checksum(text []byte) string {
	return fmt.Sprintf("%08x", crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli)))
}

func (id Identity) write(fs vfs.FS, dir string) error {
	text := fmt.Sprintf("# millrace data directory\nversion=1\n%s=%s\ncluster.id=%s\ndirectory.id=%s\nnode.id=%d\n",
		formatKey, formatNow, id.ClusterID, id.DirectoryID, id.NodeID)
	text += checksumKey + "=" + checksum([]byte(text)) + "\n"
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

// openDirectory locks a directory and gives its identity, formatting it if it is empty. An identity that is lost is zero.
func openDirectory(opt Options) (lock io.Closer, id Identity, fresh bool, err error) {
	fs, dir := opt.FS, opt.Dir
	if _, err := readIdentity(fs, dir); err != nil && err != errEmpty && err != errLost {
		return nil, id, false, err // before the lock file is made: a foreign directory stays as it is
	}
	if err := fs.MkdirAll(dir); err != nil {
		return nil, id, false, err
	}
	if lock, err = lockDirectory(fs, dir); err != nil {
		return nil, id, false, err
	}
	switch id, err = readIdentity(fs, dir); err {
	case errEmpty:
		fresh = true
		id, err = format(opt)
	case errLost:
		return lock, Identity{}, false, nil
	}
	if err == nil {
		err = opt.matches(id)
	}
	if err != nil {
		lock.Close()
		return nil, id, false, err
	}
	return lock, id, fresh, nil
}

func (opt Options) matches(id Identity) error {
	if opt.ClusterID != "" && opt.ClusterID != id.ClusterID {
		return fmt.Errorf("data directory %s belongs to cluster %s, not %s", opt.Dir, id.ClusterID, opt.ClusterID)
	}
	if opt.NodeID != 0 && opt.NodeID != id.NodeID {
		return fmt.Errorf("data directory %s belongs to node %d, not %d", opt.Dir, id.NodeID, opt.NodeID)
	}
	return nil
}

// settleIdentity writes an identity that was lost anew: as the metadata log has it, or, if that is lost too, another.
func (s *Store) settleIdentity() error {
	st := s.mu.state
	if s.identity != (Identity{}) {
		st.identity = s.identity
		return nil
	}
	name := filepath.Join(s.opt.Dir, identityName)
	what := "is missing"
	if _, err := s.opt.FS.Stat(name); err == nil {
		aside, err := vfs.SetAside(s.opt.FS, name)
		if err != nil {
			return err
		}
		what = "is damaged and set aside as " + filepath.Base(aside)
	}
	id, from := st.identity, "from the metadata log"
	if id == (Identity{}) {
		var err error
		if id, err = newIdentity(s.opt); err != nil {
			return err
		}
		from = "with new ids, for the metadata log does not have the old ones"
	}
	if err := s.opt.matches(id); err != nil {
		return err
	}
	s.identity, st.identity = id, id
	s.opt.Report(fmt.Sprintf("%s %s: written anew %s", name, what, from))
	return id.write(s.opt.FS, s.opt.Dir)
}

// newIdentity makes one up, apart from what the options say.
func newIdentity(opt Options) (Identity, error) {
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
	return id, nil
}

func format(opt Options) (Identity, error) {
	id, err := newIdentity(opt)
	if err != nil {
		return id, err
	}
	return id, id.write(opt.FS, opt.Dir)
}
