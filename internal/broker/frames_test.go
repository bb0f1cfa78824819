package broker

import (
	"bytes"
	"io"
	"testing"
)

// TestFrames reads frames of all sizes around the classes' edges, twice, so that the second comes from the pool.
func TestFrames(t *testing.T) {
	var p framePool
	for class := range frameClasses - 3 { // the last are 32 MiB and more
		for _, n := range []int{smallestFrame<<class - 1, smallestFrame << class, smallestFrame<<class + 1} {
			for range 2 {
				want := bytes.Repeat([]byte{byte(n)}, n)
				got, err := p.read(bytes.NewReader(want), n)
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("a frame of %d bytes: %d bytes, %v", n, len(got), err)
				}
				p.put(got)
			}
		}
	}
	if _, err := p.read(bytes.NewReader(nil), 1); err != io.EOF {
		t.Errorf("a frame without bytes: %v", err)
	}
	if frameClass(largestFrame) != frameClasses-1 || frameClass(1) != 0 {
		t.Errorf("classes from %d to %d", frameClass(1), frameClass(largestFrame))
	}
}

// An announced frame costs memory as its bytes come, not before.
func TestFrameAnnounced(t *testing.T) {
	var p framePool
	var sizes []int
	r := readerFunc(func(b []byte) (int, error) {
		sizes = append(sizes, len(b))
		return 0, io.ErrUnexpectedEOF
	})
	if _, err := p.read(r, 100<<20); err == nil || len(sizes) != 1 || sizes[0] > trustBytes {
		t.Errorf("reads of %v, %v", sizes, err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }
