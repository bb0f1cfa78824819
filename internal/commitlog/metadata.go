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
// and made anew under the same name must not be served as the new one.
func ensureMetadata(fs vfs.FS, dir string, id [16]byte) error {
	if id == [16]byte{} {
		return nil
	}
	want := fmt.Sprintf("version: 0\ntopic_id: %s", base64.RawURLEncoding.EncodeToString(id[:]))
	name := filepath.Join(dir, metadataName)
	have, err := readFile(fs, name)
	if vfs.IsNotExist(err) {
		return replaceFile(fs, name, []byte(want))
	}
	if err != nil {
		return err
	}
	if strings.TrimSpace(string(have)) != want {
		return fmt.Errorf("%s: belongs to another topic: it says %q, expected is %q", name, have, want)
	}
	return nil
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
