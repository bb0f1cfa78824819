package state

import (
	"math/rand/v2"
	"testing"
)

// TestIndex holds the index to a map, with enough entries that segments are split
// and dir doubles, and with hashes that crowd.
func TestIndex(t *testing.T) {
	for name, hash := range map[string]func(id int32) uint32{
		"scattered": func(id int32) uint32 { return uint32(id) * 0x9E3779B1 },
		"crowded":   func(id int32) uint32 { return 0xABCD0000 + uint32(id)%1000 },
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			var x index
			want := map[int32]bool{}
			n := int32(200_000)
			if name == "crowded" {
				n = 20_000
			}
			has := func(id int32) bool {
				if x.used == 0 {
					return false
				}
				for got, pos := x.probe(hash(id), hash(id)); got >= 0; got, pos = x.probe(hash(id), pos) {
					if got == id {
						return true
					}
				}
				return false
			}
			check := func() {
				for range 2000 {
					if id := r.Int32N(n); has(id) != want[id] {
						t.Fatalf("id %d: found %v", id, !want[id])
					}
				}
				if x.used != len(want) {
					t.Fatalf("%d entries, want %d", x.used, len(want))
				}
			}
			for id := range n {
				x.insert(hash(id), id)
				want[id] = true
				if r.IntN(4) == 0 {
					if gone := r.Int32N(id + 1); want[gone] {
						x.remove(hash(gone), gone)
						delete(want, gone)
					}
				}
				if id%20_000 == 19_999 {
					check()
				}
			}
			if name == "scattered" && len(x.dir) < 8 {
				t.Fatalf("dir has %d entries", len(x.dir))
			}
			for id := range n {
				if want[id] {
					x.remove(hash(id), id)
					delete(want, id)
				}
			}
			check()
			x.insert(1, 1)
			if x.find(1) != 1 {
				t.Fatal("nothing is found after all was removed")
			}
			x.clear()
			if x.find(1) >= 0 || x.used != 0 {
				t.Fatal("something is found after clear")
			}
		})
	}
}
