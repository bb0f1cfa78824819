package broker

import (
	"encoding/binary"
	"errors"
	"io"
	"syscall"
	"testing"
	"time"
)

// TestShortFrames: a frame that is too short for a request costs the connection as soon as its size is there. Kafka's broker does
// the same when it cannot parse the header.
func TestShortFrames(t *testing.T) {
	tb := start(t, Config{})
	for _, size := range []int32{0, 1, minRequest - 1, -1, -1 << 31} {
		c := tb.dial(t)
		c.Write(binary.BigEndian.AppendUint32(nil, uint32(size)))
		c.SetReadDeadline(time.Now().Add(10 * time.Second)) // against hanging
		if n, err := c.Read(make([]byte, 1)); n > 0 || err != io.EOF && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("size %d: %d bytes, %v", size, n, err)
		}
	}
}
