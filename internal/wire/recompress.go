package wire

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Recompress appends a batch with another codec, its records and header otherwise as they were. The level is in the codec's own
// terms, as Kafka's compression.CODEC.level has it; 0 stands for the default.
func Recompress(dst []byte, b Batch, c Codec, level int, scratch *Decompressor) ([]byte, error) {
	records, err := scratch.Decompress(b.Codec(), b.RecordData())
	if err != nil {
		return dst, err
	}
	at := len(dst)
	dst, err = CompressLevel(append(dst, b[:HeaderSize]...), c, level, records)
	if err != nil {
		return dst[:at], err
	}
	out := Batch(dst[at:])
	out.setHeader(b.Attributes()&^attrCodec|int16(c), b.FirstTimestamp(), b.MaxTimestamp(), b.RecordCount())
	return dst, nil
}

// The defaults of Kafka's levels: gzip leaves it to the library, lz4's is the fast compressor, and zstd's is its own.
const (
	gzipDefault = -1
	lz4Default  = 9
	zstdDefault = 3
)

// leveled are compressors of codecs at levels that somebody asked for, by codec and level.
var leveled sync.Map

type codecLevel struct {
	codec Codec
	level int
}

// resetWriter is a compressor that can be used again.
type resetWriter interface {
	io.WriteCloser
	Reset(io.Writer)
}

// CompressLevel is Compress at a level.
func CompressLevel(dst []byte, c Codec, level int, src []byte) ([]byte, error) {
	plain := level == 0
	switch c {
	case Gzip:
		plain = plain || level == gzipDefault
	case LZ4:
		plain = plain || level == lz4Default
	case Zstd:
		plain = plain || level == zstdDefault
	default:
		plain = true
	}
	if plain {
		return Compress(dst, c, src)
	}
	key := codecLevel{c, level}
	pool, ok := leveled.Load(key)
	if !ok {
		pool, _ = leveled.LoadOrStore(key, &sync.Pool{})
	}
	w, err := levelWriter(pool.(*sync.Pool), key)
	if err != nil {
		return dst, err
	}
	defer pool.(*sync.Pool).Put(w)
	out := bytes.NewBuffer(dst)
	w.Reset(out)
	return finish(w, out, src)
}

func levelWriter(pool *sync.Pool, key codecLevel) (resetWriter, error) {
	if w, ok := pool.Get().(resetWriter); ok {
		return w, nil
	}
	switch key.codec {
	case Gzip:
		return gzip.NewWriterLevel(nil, key.level)
	case LZ4:
		w := lz4.NewWriter(nil)
		level := lz4.CompressionLevel(1 << (8 + min(max(key.level, 1), 9))) // its levels are powers of two, up to 9
		return w, w.Apply(lz4.BlockSizeOption(lz4.Block64Kb), lz4.ChecksumOption(false), lz4.CompressionLevelOption(level))
	case Zstd:
		return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(key.level)))
	}
	return nil, fmt.Errorf("%v has no levels", key.codec)
}
