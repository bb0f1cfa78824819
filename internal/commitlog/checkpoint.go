package commitlog

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"path/filepath"
	"sync"

	"github.com/millrace/millrace/internal/vfs"
)

// checkpoint is what a log remembers of its own durability, in a file of two slots that are written in turn, so that one is whole
// whatever happens to the other. A slot lies in a sector of its own:
//
//	+---------+-----+------------+-----------------------------+------------------------------------------+
//	| magic 4 | crc | sequence 8 | recovery point:             | mark: offset 8, segment 8, position 8,   |
//	|         |  4  |            | offset 8, segment 8, pos. 8 | entries of index and time index, 4 each  |
//	+---------+-----+------------+-----------------------------+------------------------------------------+
//	| log start offset 8 | last append, ms 8 | entries of aborted transactions 4 | checksums of the three, 4 each |
//	+--------------------+-------------------+-----------------------------------+--------------------------------+
//	| cleaned 8 | owner 4 |
//	+-----------+---------+
//
// The owner is a checksum of the directory's name and the topic's id: another partition's file in this place would have the log cut.
//
// Below the recovery point everything has been synced: damage there is damage, and is never cut. Up to the mark the indexes and a
// producer snapshot have been synced too: recovery reads batch headers from the mark on, and checks records from the recovery point
// on. Segments that begin below cleaned have been compacted, or are about to be: in them a missing offset is no damage.
//
// The recovery point follows every sync round, but the slot is only written then (a memory copy), not synced: a second fdatasync
// would halve the rate of rounds. The file is synced after a round's waiters have gone, at most once in checkpointInterval, and
// whenever a segment is closed, the log start moves or the log closes. After kill -9 the point is therefore exact; after a power
// failure it may be too low by the rounds of an interval. Too low is safe: the records above it are intact, so that recovery finds
// them and keeps them. Only rot within that last interval, together with a power failure, would be taken for a torn tail.
type checkpoint struct {
	recovery  position
	mark      mark
	start     int64
	appended  int64
	cleaned   int64
	sequence  uint64 // of the last slot written
	rewritten bool   // since the file was last synced
}

// position is an offset and where it is: the end of the batch before it.
type position struct {
	offset int64
	base   int64 // of the segment
	pos    int64
}

type mark struct {
	position
	sums
}

const (
	checkpointMagic = 0x6d727033 // "mrp3"
	slotSize        = 512
	slotUsed        = 116
)

func (c *checkpoint) encode(b []byte, owner uint32) {
	put := func(off int, v int64) { binary.BigEndian.PutUint64(b[off:], uint64(v)) }
	binary.BigEndian.PutUint32(b, checkpointMagic)
	put(8, int64(c.sequence))
	put(16, c.recovery.offset)
	put(24, c.recovery.base)
	put(32, c.recovery.pos)
	put(40, c.mark.offset)
	put(48, c.mark.base)
	put(56, c.mark.pos)
	binary.BigEndian.PutUint32(b[64:], uint32(c.mark.index.entries))
	binary.BigEndian.PutUint32(b[68:], uint32(c.mark.times.entries))
	put(72, c.start)
	put(80, c.appended)
	binary.BigEndian.PutUint32(b[88:], uint32(c.mark.aborted.entries))
	binary.BigEndian.PutUint32(b[92:], c.mark.index.crc)
	binary.BigEndian.PutUint32(b[96:], c.mark.times.crc)
	binary.BigEndian.PutUint32(b[100:], c.mark.aborted.crc)
	put(104, c.cleaned)
	binary.BigEndian.PutUint32(b[112:], owner)
	binary.BigEndian.PutUint32(b[4:], crc32.Checksum(b[8:slotUsed], castagnoli))
}

func decodeCheckpoint(b []byte, owner uint32) (c checkpoint, ok bool) {
	if len(b) < slotUsed || binary.BigEndian.Uint32(b) != checkpointMagic ||
		binary.BigEndian.Uint32(b[4:]) != crc32.Checksum(b[8:slotUsed], castagnoli) || binary.BigEndian.Uint32(b[112:]) != owner {
		return c, false
	}
	get := func(off int) int64 { return int64(binary.BigEndian.Uint64(b[off:])) }
	c.sequence = uint64(get(8))
	c.recovery = position{get(16), get(24), get(32)}
	c.mark.position = position{get(40), get(48), get(56)}
	u32 := func(off int) uint32 { return binary.BigEndian.Uint32(b[off:]) }
	c.mark.index = sum{int(u32(64)), u32(92)}
	c.mark.times = sum{int(u32(68)), u32(96)}
	c.mark.aborted = sum{int(u32(88)), u32(100)}
	c.start, c.appended, c.cleaned = get(72), get(80), get(104)
	return c, true
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checkpointFile is the file and the newest slot in it.
type checkpointFile struct {
	handle
	owner uint32
	blank bool // it was there, and had never been written to
	mu    struct {
		sync.Mutex
		checkpoint
	}
}

// openCheckpoint reads the newest slot; found is false if there is none, and damaged says that there should have been.
func openCheckpoint(p *place, id [16]byte) (c *checkpointFile, found, damaged bool, err error) {
	c = &checkpointFile{}
	c.cache, c.disk, c.name = p.handles, p.fs, filepath.Join(p.dir, checkpointName)
	c.refs.Store(1)
	c.owner = crc32.Update(crc32.Checksum([]byte(filepath.Base(p.dir)), castagnoli), castagnoli, id[:])
	b, err := readFile(p.fs, c.name)
	if vfs.IsNotExist(err) {
		var f vfs.File
		if f, err = p.fs.Create(c.name); err == nil {
			c.adopt(f)
			_, err = f.WriteAt(make([]byte, 2*slotSize), 0)
		}
		return c, false, false, err
	}
	if err != nil {
		return c, false, false, err
	}
	for i := 0; i < 2 && len(b) >= (i+1)*slotSize; i++ {
		if slot, ok := decodeCheckpoint(b[i*slotSize:(i+1)*slotSize], c.owner); ok && (!found || slot.sequence > c.mu.sequence) {
			c.mu.checkpoint, found = slot, true
		}
	}
	// A file of zeros, or one that is short, is one that was never synced.
	c.blank = len(b) < 2*slotSize || len(bytes.Trim(b, "\x00")) == 0
	damaged = !found && !c.blank
	return c, found, damaged, nil
}

// update changes the checkpoint and writes it to the slot that does not hold the newest; with durable it is then synced.
func (c *checkpointFile) update(durable bool, change func(*checkpoint)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.mu.checkpoint)
	c.mu.sequence++
	if err := c.writeLocked(); err != nil {
		c.mu.sequence-- // the slot with the former state is not the next to be written
		return err
	}
	c.mu.rewritten = true
	if durable {
		return c.syncLocked()
	}
	return nil
}

var slots = sync.Pool{New: func() any { return new([slotSize]byte) }}

func (c *checkpointFile) writeLocked() error {
	c.acquire()
	defer c.release()
	f, err := c.open()
	if err != nil {
		return err
	}
	b := slots.Get().(*[slotSize]byte)
	defer slots.Put(b)
	c.mu.encode(b[:], c.owner)
	_, err = f.WriteAt(b[:], int64(c.mu.sequence%2)*slotSize)
	return err
}

func (c *checkpointFile) syncLocked() error {
	if !c.mu.rewritten {
		return nil
	}
	c.mu.rewritten = false
	c.acquire()
	defer c.release()
	f, err := c.open()
	if err != nil {
		return err
	}
	return f.Sync()
}

func (c *checkpointFile) get() checkpoint {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.checkpoint
}

func readAll(f vfs.File) ([]byte, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	_, err = readFull(f, b, 0)
	return b, err
}
