package broker

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestHostileClients lets clients of bad will at a broker, all at once: what they cost is bounded, and an honest client beside them
// loses nothing and is not disturbed.
func TestHostileClients(t *testing.T) {
	tb := start(t, few(Config{}))
	tb.create(t, "t", 2, nil)
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)

	var hostile sync.WaitGroup
	for i := range 40 {
		for name, attack := range attacks {
			hostile.Go(func() {
				nc, err := net.Dial("tcp", tb.addr)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				t.Cleanup(func() { nc.Close() }) // until the end: what is held open is part of the attack
				nc.SetDeadline(time.Now().Add(20 * time.Second))
				attack(nc, rand.New(rand.NewPCG(uint64(i), 1)))
			})
		}
	}
	out, in := tb.client(t, kgo.DefaultProduceTopic("t")), tb.client(t, kgo.ConsumeTopics("t"))
	for i := range 200 {
		produce(t, out, kgo.StringRecord(strconv.Itoa(i)))
	}
	seen := map[string]bool{}
	for _, r := range consume(t, in, 200) {
		seen[string(r.Value)] = true
	}
	if len(seen) != 200 {
		t.Errorf("%d of 200 records were read", len(seen))
	}
	hostile.Wait()

	var after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&after)
	// An announced frame of 100 MB is given trustBytes, and what was sent of it.
	if grown, most := int64(after.HeapInuse)-int64(before.HeapInuse), int64(40*len(attacks))*(trustBytes+256<<10); grown > most {
		t.Errorf("%d MB of memory are held, at most %d MB should be", grown>>20, most>>20)
	}
	if n := tb.Stats().Panics.Load(); n != 0 {
		t.Errorf("%d panics", n)
	}
}

// attacks are what a client may do to a connection.
var attacks = map[string]func(nc net.Conn, r *rand.Rand){
	"random bytes": func(nc net.Conn, r *rand.Rand) { nc.Write(noise(r, 4096)) },
	"random bytes in a frame": func(nc net.Conn, r *rand.Rand) {
		b := noise(r, 1000)
		nc.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...))
	},
	"a request of random bytes": func(nc net.Conn, r *rand.Rand) {
		for range 50 { // each most likely costs the connection
			nc.Write(frameOf(int16(r.IntN(93)), int16(r.IntN(14)), noise(r, r.IntN(300))))
		}
	},
	"arrays of two thousand million": func(nc net.Conn, r *rand.Rand) {
		for key := range int16(93) {
			nc.Write(frameOf(key, 0, []byte{0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff}))
		}
	},
	"a length below zero":    func(nc net.Conn, _ *rand.Rand) { nc.Write([]byte{0xff, 0xff, 0xff, 0xff}) },
	"a length of nothing":    func(nc net.Conn, _ *rand.Rand) { nc.Write([]byte{0, 0, 0, 0}) },
	"a length of 2 GiB":      func(nc net.Conn, _ *rand.Rand) { nc.Write([]byte{0x7f, 0xff, 0xff, 0xff}) },
	"half open, silent":      func(net.Conn, *rand.Rand) {},
	"half a header":          func(nc net.Conn, _ *rand.Rand) { nc.Write([]byte{0, 0, 1}) },
	"half a frame of 100 MB": func(nc net.Conn, r *rand.Rand) { nc.Write(append(announce(0, 9, 100<<20), noise(r, 64<<10)...)) },
	"half a control of 8 MB": func(nc net.Conn, r *rand.Rand) { nc.Write(append(announce(3, 9, 8<<20), noise(r, 64<<10)...)) },
	"answers that nobody reads": func(nc net.Conn, _ *rand.Rand) {
		nc.SetWriteDeadline(time.Now().Add(time.Second))
		for range 2000 {
			if _, err := nc.Write(frameOf(18, 0, nil)); err != nil {
				return
			}
		}
	},
	"hang up at once": func(nc net.Conn, _ *rand.Rand) {
		nc.Write(frameOf(18, 0, nil))
		nc.(*net.TCPConn).SetLinger(0)
		nc.Close()
	},
}

func noise(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// announce is the head of a request whose size may be more than follows.
func announce(key, version int16, size int) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(size))
	b = binary.BigEndian.AppendUint16(b, uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	b = binary.BigEndian.AppendUint32(b, 1)
	return binary.BigEndian.AppendUint16(b, 0xffff) // no client id
}

func frameOf(key, version int16, body []byte) []byte {
	return append(announce(key, version, 2+2+4+2+len(body)), body...)
}
