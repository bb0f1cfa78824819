package vfs

import (
	"math/rand"
	"slices"
)

// CrashOptions say what a power failure leaves.
type CrashOptions struct {
	// Seed makes the choices repeatable.
	Seed int64
	// UnsyncedDataPercent is the chance of each sector, length and directory operation that was not synced to be there anyway. With
	// 100 all is there, as after the end of a process.
	UnsyncedDataPercent int
}

// CrashClone returns what a disk would hold if the power failed now. All that was synced is there. Of the rest each sector made it
// or not by itself, so a write may be torn and a later one may survive an earlier one; a length is the synced one, the present
// one or one between; the directory operations since the last SyncDir survive up to a random one, in order, as in a journal.
func (m *Mem) CrashClone(o CrashOptions) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &crash{rng: rand.New(rand.NewSource(o.Seed)), percent: o.UnsyncedDataPercent, done: map[*memNode]*memNode{}}
	clone := NewMem()
	clone.mu.root = c.node(m.mu.root)
	return clone
}

type crash struct {
	rng     *rand.Rand
	percent int
	done    map[*memNode]*memNode
}

func (c *crash) survives() bool { return c.rng.Intn(100) < c.percent }

func (c *crash) node(n *memNode) *memNode {
	if out := c.done[n]; out != nil {
		return out
	}
	var out *memNode
	if n.isDir() {
		out = c.dir(n)
	} else {
		out = c.file(n)
	}
	c.done[n] = out
	return out
}

func (c *crash) dir(n *memNode) *memNode {
	names := make(map[string]*memNode, len(n.names))
	for name, child := range n.syncedNames {
		names[name] = child
	}
	for _, op := range n.ops {
		if !c.survives() {
			break
		}
		n.apply(names, op)
	}
	out := newMemDir()
	for _, name := range sortedKeys(names) {
		child := c.node(names[name])
		out.names[name] = child
		out.syncedNames[name] = child
	}
	return out
}

func (c *crash) file(n *memNode) *memNode {
	size := n.syncedSize
	if now := int64(len(n.data)); now != size && c.survives() {
		if size = now; c.percent < 100 && c.rng.Intn(2) == 0 {
			lo, hi := min(now, n.syncedSize), max(now, n.syncedSize)
			size = lo + c.rng.Int63n(hi-lo+1)
		}
	}
	out := &memNode{modTime: n.modTime, data: make([]byte, size), syncedSize: size}
	copy(out.data, n.data)
	for _, s := range sortedKeys(n.undo) {
		lo := s * sectorSize
		if lo >= size {
			continue
		}
		sector := out.data[lo:min(lo+sectorSize, size)]
		if keep := int64(len(n.data)) - lo; c.survives() {
			// What a lost truncation cut off is there as it was.
			if keep = max(keep, 0); keep < int64(len(n.undo[s])) && keep < int64(len(sector)) {
				copy(sector[keep:], n.undo[s][keep:])
			}
			continue
		}
		clear(sector[copy(sector, n.undo[s]):])
	}
	return out
}

func sortedKeys[K int64 | string, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
