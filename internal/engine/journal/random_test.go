package journal

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
)

// history writes a journal at random: each epoch sets some keys, snapshots go on
// beside it in pieces, and the writer crashes at times.
type history struct {
	r     *rand.Rand
	log   *memLog
	w     *Writer
	state map[string]string
	after []map[string]string // by epoch
	todo  []string            // keys that the snapshot lacks
}

func (h *history) set(t *testing.T) {
	for range h.r.IntN(3) {
		k := fmt.Sprintf("k%d", h.r.IntN(6))
		v := fmt.Sprint(h.r.IntN(1000))
		if h.r.IntN(4) == 0 {
			v = "" // deleted
		}
		if h.state[k] = v; v == "" {
			delete(h.state, k)
		}
		if err := h.w.State(1, 0, []byte(k+"="+v)); err != nil {
			t.Fatal(err)
		}
	}
}

func (h *history) pieces(t *testing.T, n int) {
	for ; n > 0 && len(h.todo) > 0; n-- {
		k := h.todo[0]
		h.todo = h.todo[1:]
		if v, ok := h.state[k]; ok {
			if err := h.w.Piece(1, 0, []byte(k+"="+v)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(h.todo) == 0 {
		h.w.Complete()
	}
}

func (h *history) run(t *testing.T) {
	epoch := int64(len(h.after))
	full := h.w.Empty()
	h.w.Open(epoch, full, epoch)
	h.set(t)
	begin := full || !h.w.Snapshotting() && h.r.IntN(5) == 0
	if begin {
		h.w.Begin(testBegin)
		h.todo = h.todo[:0]
		for k := range 6 {
			h.todo = append(h.todo, fmt.Sprintf("k%d", k))
		}
	}
	if full {
		h.pieces(t, len(h.todo))
	} else if begin || h.w.Snapshotting() {
		h.pieces(t, h.r.IntN(4))
	}
	if h.r.IntN(10) == 0 { // a crash; what was written of the run may be there
		if h.r.IntN(2) == 0 {
			h.w.flush(&h.w.mu.pieces)
			h.w.flush(&h.w.mu.main)
		}
		h.state = map[string]string{}
		if epoch > 0 {
			h.state = maps.Clone(h.after[epoch-1])
		}
		rec, err := Open(h.log)
		if err != nil {
			t.Fatal(err)
		}
		h.w = NewWriter(h.log, rec)
		return
	}
	if err := h.w.Commit(context.Background(), &Commit{}); err != nil {
		t.Fatal(err)
	}
	h.after = append(h.after, maps.Clone(h.state))
	if h.w.Full() && h.r.IntN(3) > 0 {
		if err := h.w.Trim(); err != nil {
			t.Fatal(err)
		}
	}
}

func stateOf(t *testing.T, rec *Recovered) map[string]string {
	got := map[string]string{}
	if err := rec.State(func(_, _ int, delta []byte) error {
		k, v, _ := strings.Cut(string(delta), "=")
		if got[k] = v; v == "" {
			delete(got, k)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return got
}

// TestRandomDamage: whatever is damaged, a journal gives the state after the epoch
// last committed, or it is refused.
func TestRandomDamage(t *testing.T) {
	refused, harmless := 0, 0
	for seed := range uint64(400) {
		h := &history{r: rand.New(rand.NewPCG(seed, 7)), log: &memLog{}, state: map[string]string{}}
		h.w = NewWriter(h.log, nil)
		for range 40 {
			h.run(t)
			rec, err := Open(h.log)
			if err != nil || rec == nil != (len(h.after) == 0) {
				t.Fatalf("seed %d: %v, %v", seed, rec, err)
			}
			if rec == nil {
				continue
			}
			if got := stateOf(t, rec); rec.Epoch != int64(len(h.after)-1) || !maps.Equal(got, h.after[rec.Epoch]) {
				t.Fatalf("seed %d: after epoch %d of %d: %v, want %v", seed, rec.Epoch, len(h.after)-1, got, h.after[rec.Epoch])
			}
		}
		for range 20 {
			torn := h.log.clone()
			hit := map[int]bool{}
			for range 1 + h.r.IntN(2) {
				i := h.r.IntN(len(torn.batches))
				b := torn.batches[i]
				if !hit[i] {
					b[len(b)-1] ^= 1
				}
				hit[i] = true
			}
			rec, err := Open(torn)
			switch {
			case err != nil:
				refused++
			case rec == nil:
				t.Fatalf("seed %d: empty with damage at %v", seed, hit)
			default:
				if len(rec.Damage) > 0 {
					harmless++
				}
				if got := stateOf(t, rec); !maps.Equal(got, h.after[rec.Epoch]) {
					t.Fatalf("seed %d: damage at %v: epoch %d: %v, want %v", seed, hit, rec.Epoch, got, h.after[rec.Epoch])
				}
				if rec.Epoch != int64(len(h.after)-1) {
					t.Fatalf("seed %d: damage at %v: epoch %d of %d", seed, hit, rec.Epoch, len(h.after)-1)
				}
			}
		}
	}
	if refused == 0 || harmless == 0 {
		t.Fatalf("%d refused, %d harmless", refused, harmless)
	}
}
