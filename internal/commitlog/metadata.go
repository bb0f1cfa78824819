package commitlog

import (
	"encoding/base64"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/millrace/millrace/internal/vfs"
)

// ensureMetadata writes partition.metadata, or checks that the directory belongs to the topic: a partition of a topic that was deleted
// and made anew under the same name must not be served as the new one. A file that makes no sense, or names a topic that never was,
// is damaged: it is set aside, and the records are served.
func (l *Log) ensureMetadata(id [16]byte, other func([16]byte) bool) error {
	if id == [16]byte{} {
		return nil
	}
	name := filepath.Join(l.dir, metadataName)
	have, err := readFile(l.fs, name)
	switch {
	case vfs.IsNotExist(err):
		return l.writeMetadata(name, id)
	case err != nil:
		return err
	case strings.HasPrefix(metadataText(id), strings.TrimRight(string(have), "\x00")): // what a power failure leaves of a new directory
		if len(have) == 0 || string(have) != metadataText(id) {
			return l.writeMetadata(name, id)
		}
		return nil
	}
	is, ok := parseMetadata(string(have))
	switch {
	case ok && is == id:
		return nil
	case ok && (other == nil || other(is)):
		return fmt.Errorf("%s: belongs to another topic: it says %q, expected is %q", name, have, metadataText(id))
	}
	aside, err := vfs.SetAside(l.fs, name)
	if err != nil {
		return err
	}
	l.report(Finding{Path: name, First: -1, Next: -1, What: fmt.Sprintf("damaged: it says %q; set aside as %s and written anew", have, filepath.Base(aside))})
	return l.writeMetadata(name, id)
}

func metadataText(id [16]byte) string {
	return "version: 0\ntopic_id: " + base64.RawURLEncoding.EncodeToString(id[:])
}

// writeMetadata leaves it to the first round to make the file's name durable, and to the first mark to sync its bytes: what is lost
// before is written again.
func (l *Log) writeMetadata(name string, id [16]byte) error {
	l.mu.newDir, l.round.metadata = true, true
	return writeFile(l.fs, name, []byte(metadataText(id)), false)
}

func parseMetadata(text string) (id [16]byte, ok bool) {
	encoded, ok := strings.CutPrefix(strings.TrimSpace(text), "version: 0\ntopic_id: ")
	if !ok {
		return id, false
	}
	b, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || len(b) != len(id) {
		return id, false
	}
	return [16]byte(b), true
}

func readFile(fs vfs.FS, name string) ([]byte, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f)
}

// replaceFile puts a file in place whole and durable.
func replaceFile(fs vfs.FS, name string, b []byte) error {
	if err := writeFile(fs, name+tmpSuffix, b, true); err != nil {
		return err
	}
	if err := fs.Rename(name+tmpSuffix, name); err != nil {
		return err
	}
	return fs.SyncDir(filepath.Dir(name))
}

// writeFile writes a file under its own name; the directory is the caller's to sync.
func writeFile(fs vfs.FS, name string, b []byte, sync bool) error {
	f, err := fs.Create(name)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	if err == nil && sync {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// readFull reads all of b, or says io.ErrUnexpectedEOF.
func readFull(f vfs.File, b []byte, off int64) (int, error) {
	n, err := f.ReadAt(b, off)
	if n == len(b) {
		return n, nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// syncFile makes the bytes of a file durable.
func syncFile(fs vfs.FS, name string) error {
	f, err := fs.OpenReadWrite(name)
	if err != nil {
		return err
	}
	err = f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
