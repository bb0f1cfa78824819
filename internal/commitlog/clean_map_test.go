package commitlog

import (
	"fmt"
	"math/rand"
	"testing"
)

// TestOffsetMap compares with a map of the language, up to the brim.
func TestOffsetMap(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for _, c := range []struct {
		budget, records int64
		load            float64
		keys            int // the least that must fit
	}{{0, 1000, 0.9, 1}, {72, 1000, 0.9, 2}, {24000, 1 << 40, 0.9, 900}, {24000, 1 << 40, 1, 999}, {1 << 30, 500, 0.5, 500}} {
		m, twin := newOffsetMap(c.budget, c.load, c.records), map[string]int64{}
		if int64(len(m.slots))*mapSlotSize > max(c.budget, 2*mapSlotSize) {
			t.Fatalf("%+v: %d slots", c, len(m.slots))
		}
		for off := int64(0); off < c.records && off < 5000; off++ {
			key := fmt.Sprint(rng.Intn(2000))
			if !m.put([]byte(key), off) {
				if len(twin) < c.keys || m.latest != off-1 {
					t.Fatalf("%+v: full with %d keys, latest %d at %d", c, len(twin), m.latest, off)
				}
				break
			}
			twin[key] = off
		}
		for i := range 2000 {
			key := fmt.Sprint(i)
			want, ok := twin[key]
			if !ok {
				want = -1
			}
			if got := m.get([]byte(key)); got != want {
				t.Fatalf("%+v: key %s is at %d, want %d", c, key, got, want)
			}
		}
		if m.n != len(twin) {
			t.Fatalf("%+v: %d keys of %d", c, m.n, len(twin))
		}
	}
	m := newOffsetMap(1<<20, 0.9, 1000)
	key := []byte("key")
	if n := testing.AllocsPerRun(100, func() { m.put(key, 7); m.get(key) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
