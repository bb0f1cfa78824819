package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Codec is a compression codec, by its number in the attributes.
type Codec int8

const (
	None   Codec = 0
	Gzip   Codec = 1
	Snappy Codec = 2
	LZ4    Codec = 3
	Zstd   Codec = 4
)

var codecNames = []string{"none", "gzip", "snappy", "lz4", "zstd"}

func (c Codec) String() string {
	if c < 0 || int(c) >= len(codecNames) {
		return fmt.Sprintf("codec(%d)", int8(c))
	}
	return codecNames[c]
}

// ParseCodec reads a codec's name, as compression.type spells it.
func ParseCodec(name string) (Codec, bool) {
	if name == "uncompressed" {
		return None, true
	}
	i := slices.Index(codecNames, name)
	return Codec(max(i, 0)), i >= 0
}

// DefaultDecompressLimit is what a batch may become if the caller names no limit.
const DefaultDecompressLimit = 128 << 20

var (
	// ErrDecompress marks bytes that their codec does not understand, and codecs that do not exist.
	ErrDecompress = errors.New("cannot decompress record batch")
	// ErrTooLarge marks a batch that grows beyond the limit.
	ErrTooLarge = errors.New("record batch decompresses to more than is allowed")
)

// Decompressor is scratch for reading compressed batches, for one goroutine at a time; the zero value is ready. What it returns
// is valid until its next use.
type Decompressor struct {
	// Limit bounds what one batch may become, in bytes; 0 stands for DefaultDecompressLimit. It is set before the first use.
	Limit int

	buf  []byte
	src  bytes.Reader
	gzip *gzip.Reader
	lz4  *lz4.Reader
	zstd *zstd.Decoder
}

func (d *Decompressor) limit() int {
	if d.Limit <= 0 {
		return DefaultDecompressLimit
	}
	return d.Limit
}

// Decompress expands src. With None it returns src itself.
func (d *Decompressor) Decompress(c Codec, src []byte) ([]byte, error) {
	var err error
	switch c {
	case None:
		return src, nil
	case Gzip:
		err = d.gunzip(src)
	case Snappy:
		err = d.unsnappy(src)
	case LZ4:
		err = d.unlz4(src)
	case Zstd:
		err = d.unzstd(src)
	default:
		return nil, fmt.Errorf("%w: unknown %v", ErrDecompress, c)
	}
	if err != nil {
		if !errors.Is(err, ErrTooLarge) {
			err = fmt.Errorf("%w (%v): %v", ErrDecompress, c, err)
		}
		return nil, err
	}
	return d.buf, nil
}

func (d *Decompressor) gunzip(src []byte) error {
	d.src.Reset(src)
	var err error
	if d.gzip == nil {
		d.gzip, err = gzip.NewReader(&d.src)
	} else {
		err = d.gzip.Reset(&d.src)
	}
	if err != nil {
		return err
	}
	return d.readAll(d.gzip)
}

func (d *Decompressor) unlz4(src []byte) error {
	d.src.Reset(src)
	if d.lz4 == nil {
		d.lz4 = lz4.NewReader(&d.src)
	} else {
		d.lz4.Reset(&d.src)
	}
	return d.readAll(d.lz4)
}

// readAll reads r into the buffer, and one byte beyond the limit to know that there is more.
func (d *Decompressor) readAll(r io.Reader) error {
	limit := d.limit()
	buf := d.buf[:0]
	for {
		if len(buf) > limit {
			return ErrTooLarge
		}
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, max(4096, cap(buf)))
		}
		n, err := r.Read(buf[len(buf):min(cap(buf), limit+1)])
		buf = buf[:len(buf)+n]
		d.buf = buf
		if err == io.EOF && len(buf) <= limit {
			return nil
		}
		if err != nil && err != io.EOF {
			return err
		}
	}
}

// xerial is how snappy-java begins a stream: eight bytes of magic, two versions of four bytes, then blocks, each with its size.
var xerial = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

const (
	xerialHeader = 16
	xerialBlock  = 32 << 10
)

func (d *Decompressor) unsnappy(src []byte) error {
	d.buf = d.buf[:0]
	if !bytes.HasPrefix(src, xerial) {
		return d.snappyBlock(src)
	}
	if len(src) < xerialHeader {
		return io.ErrUnexpectedEOF
	}
	for src = src[xerialHeader:]; len(src) > 0; {
		if len(src) < 4 {
			return io.ErrUnexpectedEOF
		}
		n := int64(binary.BigEndian.Uint32(src))
		if src = src[4:]; n > int64(len(src)) {
			return io.ErrUnexpectedEOF
		}
		if err := d.snappyBlock(src[:n]); err != nil {
			return err
		}
		src = src[n:]
	}
	return nil
}

func (d *Decompressor) snappyBlock(block []byte) error {
	n, err := s2.DecodedLen(block)
	if err != nil {
		return err
	}
	if n > d.limit()-len(d.buf) {
		return ErrTooLarge
	}
	// A snappy copy of 64 bytes takes 3, so a block cannot honestly announce much more than 22 times its size.
	if n > 64+22*len(block) {
		return fmt.Errorf("block of %d bytes announces %d", len(block), n)
	}
	old := len(d.buf)
	d.buf = slices.Grow(d.buf, n)[:old+n]
	_, err = s2.Decode(d.buf[old:], block)
	return err
}

func (d *Decompressor) unzstd(src []byte) error {
	if d.zstd == nil {
		dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(d.limit())))
		if err != nil {
			return err
		}
		d.zstd = dec
	}
	buf, err := d.zstd.DecodeAll(src, d.buf[:0])
	d.buf = buf
	if errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) || err == nil && len(buf) > d.limit() {
		return ErrTooLarge
	}
	return err
}

var (
	gzipWriters = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}
	lz4Writers  = sync.Pool{New: func() any {
		w := lz4.NewWriter(nil)
		// What Kafka's own client writes; 64 KiB blocks keep a reader's buffers small.
		if err := w.Apply(lz4.BlockSizeOption(lz4.Block64Kb), lz4.ChecksumOption(false)); err != nil {
			panic(err) // the options are constants
		}
		return w
	}}
	zstdEncoder = sync.OnceValues(func() (*zstd.Encoder, error) {
		return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(2))
	})
)

// Compress appends src, compressed, to dst.
func Compress(dst []byte, c Codec, src []byte) ([]byte, error) {
	switch c {
	case None:
		return append(dst, src...), nil
	case Gzip:
		w := gzipWriters.Get().(*gzip.Writer)
		defer gzipWriters.Put(w)
		out := bytes.NewBuffer(dst)
		w.Reset(out)
		return finish(w, out, src)
	case Snappy:
		return appendXerial(dst, src), nil
	case LZ4:
		w := lz4Writers.Get().(*lz4.Writer)
		defer lz4Writers.Put(w)
		out := bytes.NewBuffer(dst)
		w.Reset(out)
		return finish(w, out, src)
	case Zstd:
		enc, err := zstdEncoder()
		if err != nil {
			return nil, err
		}
		return enc.EncodeAll(src, dst), nil
	}
	return nil, fmt.Errorf("unknown %v", c)
}

func finish(w io.WriteCloser, out *bytes.Buffer, src []byte) ([]byte, error) {
	if _, err := w.Write(src); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func appendXerial(dst, src []byte) []byte {
	dst = append(dst, xerial...)
	dst = binary.BigEndian.AppendUint32(dst, 1)
	dst = binary.BigEndian.AppendUint32(dst, 1)
	for len(src) > 0 {
		n := min(len(src), xerialBlock)
		at := len(dst)
		dst = append(dst, 0, 0, 0, 0)
		dst = slices.Grow(dst, s2.MaxEncodedLen(n))
		block := s2.EncodeSnappy(dst[len(dst):cap(dst)], src[:n])
		dst = dst[:len(dst)+len(block)]
		binary.BigEndian.PutUint32(dst[at:], uint32(len(block)))
		src = src[n:]
	}
	return dst
}
