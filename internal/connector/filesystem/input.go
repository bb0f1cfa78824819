package filesystem

import (
	"compress/bzip2"
	"errors"
	"io"
	"io/fs"
	"math"
	"path/filepath"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/millrace/millrace/internal/vfs"
)

// input is a file as a stream, decompressed if its ending says so.
type input struct {
	io.Reader
	file vfs.File
	size int64
	end  func()
}

func open(fs vfs.FS, path string) (*input, error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		f.Close()
		return nil, err
	}
	in := &input{file: f, size: size, end: func() {}}
	raw := io.NewSectionReader(f, 0, math.MaxInt64)
	if err := in.decompress(raw, filepath.Ext(path)); err != nil {
		f.Close()
		return nil, err
	}
	return in, nil
}

func (in *input) decompress(raw io.Reader, ending string) error {
	switch ending {
	case ".gz", ".gzip":
		z, err := gzip.NewReader(raw)
		in.Reader = z
		return err
	case ".bz2":
		in.Reader = bzip2.NewReader(raw)
	case ".zst":
		z, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return err
		}
		in.Reader, in.end = z, z.Close
	default:
		in.Reader = raw
	}
	return nil
}

func (in *input) Close() error {
	in.end()
	return in.file.Close()
}

// cause is the reason without the path, which the message around it names already.
func cause(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the compressed file is cut off")
	case errors.Is(err, gzip.ErrHeader):
		return errors.New("it is no gzip file, though its name ends as one's does")
	case errors.Is(err, gzip.ErrChecksum):
		return errors.New("the compressed file is damaged: its checksum is wrong")
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
