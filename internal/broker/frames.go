package broker

import (
	"io"
	"math/bits"
	"sync"
)

const (
	// smallestFrame and largestFrame bound what is pooled: below it costs nothing to make one, above there are few.
	smallestFrame = 16 << 10
	largestFrame  = 128 << 20
	frameClasses  = 14
)

// framePool holds the buffers of requests that have been handled, by powers of two. A connection has one only while it reads and
// handles a request, so that a thousand idle producers of large batches hold nothing, and the garbage collector takes what is not
// used. A buffer for each connection was either kept for ever or made, zeroed and grown for each request of more than some size.
type framePool [frameClasses]sync.Pool

func frameClass(n int) int {
	return max(0, bits.Len(uint(n-1))-bits.Len(uint(smallestFrame-1)))
}

// get gives a buffer of n bytes if one of that size was there before.
func (p *framePool) get(n int) []byte {
	if n > largestFrame {
		return nil
	}
	if b, ok := p[frameClass(n)].Get().(*[]byte); ok {
		return (*b)[:n]
	}
	return nil
}

// put takes a buffer whose bytes nobody uses any more.
func (p *framePool) put(b []byte) {
	if c := cap(b); p != nil && c >= smallestFrame && c <= largestFrame && c&(c-1) == 0 {
		b = b[:c]
		p[frameClass(c)].Put(&b)
	}
}

// read reads n bytes into a buffer of the pool. Without a pool the buffer is new, for messages that refer to it as long as they live.
//
// Memory that was not there before follows the bytes, so that announcing a large frame costs the announcer.
func (p *framePool) read(r io.Reader, n int) ([]byte, error) {
	if p != nil {
		if buf := p.get(n); buf != nil {
			_, err := io.ReadFull(r, buf)
			return buf, err
		}
	}
	var buf []byte
	for got := 0; got < n; got = len(buf) {
		size := min(n, max(trustBytes, 2*got))
		grown := make([]byte, size, p.capacity(size))
		copy(grown, buf)
		p.put(buf)
		buf = grown
		if _, err := io.ReadFull(r, buf[got:]); err != nil {
			return nil, err
		}
	}
	return buf, nil
}

// capacity is the size of the buffer that is made for n bytes.
func (p *framePool) capacity(n int) int {
	if p == nil || n > largestFrame {
		return n
	}
	return smallestFrame << frameClass(n)
}

// frame is a request on its way in: the part that was read last, and how much is still to come. A request of many megabytes is handled
// piece by piece, each in the same memory, while it is in the processor's cache.
type frame struct {
	in    io.Reader
	pool  *framePool
	left  int   // bytes not read yet
	err   error // of reading
	buf   []byte
	small [64]byte
}

// begin starts a frame of n bytes.
func (f *frame) begin(in io.Reader, pool *framePool, n int) {
	f.in, f.pool, f.left, f.err, f.buf = in, pool, n, nil, nil
}

// next reads the next n bytes, which are valid until it is called again; nil after an error.
func (f *frame) next(n int) []byte {
	f.end()
	if f.err != nil || n > f.left {
		return nil
	}
	f.left -= n
	b := f.small[:]
	if n <= len(b) {
		b = b[:n]
		_, f.err = io.ReadFull(f.in, b)
	} else {
		b, f.err = f.pool.read(f.in, n)
		f.buf = b
	}
	if f.err != nil {
		return nil
	}
	return b
}

// end gives back what was read last.
func (f *frame) end() {
	if f.buf != nil {
		f.pool.put(f.buf)
		f.buf = nil
	}
}
