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
