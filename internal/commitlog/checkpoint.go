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
//	|         |  4  |            | offset 8, segment 8, pos. 8 | index entries 4, time index entries 4    |
//	+---------+-----+------------+-----------------------------+------------------------------------------+
//	| log start offset 8 | last append, ms 8 | cleaned 8 |
//	+--------------------+-------------------+-----------+
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
	index, times int // entries synced
}

const (
	checkpointMagic = 0x6d727032 // "mrp2"
	slotSize        = 512
	slotUsed        = 96
)

func (c *checkpoint) encode(b []byte) {
	put := func(off int, v int64) { binary.BigEndian.PutUint64(b[off:], uint64(v)) }
	binary.BigEndian.PutUint32(b, checkpointMagic)
	put(8, int64(c.sequence))
	put(16, c.recovery.offset)
	put(24, c.recovery.base)
	put(32, c.recovery.pos)
	put(40, c.mark.offset)
	put(48, c.mark.base)
	put(56, c.mark.pos)
	binary.BigEndian.PutUint32(b[64:], uint32(c.mark.index))
	binary.BigEndian.PutUint32(b[68:], uint32(c.mark.times))
	put(72, c.start)
	put(80, c.appended)
	put(88, c.cleaned)
	binary.BigEndian.PutUint32(b[4:], crc32.Checksum(b[8:slotUsed], castagnoli))
}

func decodeCheckpoint(b []byte) (c checkpoint, ok bool) {
	if len(b) < slotUsed || binary.BigEndian.Uint32(b) != checkpointMagic ||
		binary.BigEndian.Uint32(b[4:]) != crc32.Checksum(b[8:slotUsed], castagnoli) {
		return c, false
	}
	get := func(off int) int64 { return int64(binary.BigEndian.Uint64(b[off:])) }
	c.sequence = uint64(get(8))
	c.recovery = position{get(16), get(24), get(32)}
	c.mark.position = position{get(40), get(48), get(56)}
	c.mark.index = int(binary.BigEndian.Uint32(b[64:]))
	c.mark.times = int(binary.BigEndian.Uint32(b[68:]))
	c.start, c.appended, c.cleaned = get(72), get(80), get(88)
	return c, true
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checkpointFile is the file and the newest slot in it.
type checkpointFile struct {
	file vfs.File
	mu   struct {
		sync.Mutex
		checkpoint
		buf [slotSize]byte
	}
}

// openCheckpoint reads the newest slot; found is false if there is none, and damaged says that there should have been.
func openCheckpoint(fs vfs.FS, dir string) (c *checkpointFile, found, damaged bool, err error) {
	name := filepath.Join(dir, checkpointName)
	c = &checkpointFile{}
	c.file, err = fs.OpenReadWrite(name)
	if vfs.IsNotExist(err) {
		if c.file, err = fs.Create(name); err == nil {
			_, err = c.file.WriteAt(make([]byte, 2*slotSize), 0)
		}
		return c, false, false, err
	}
	if err != nil {
		return nil, false, false, err
	}
	b, err := readAll(c.file)
	if err != nil {
		return nil, false, false, err
	}
	for i := 0; i < 2 && len(b) >= (i+1)*slotSize; i++ {
		if slot, ok := decodeCheckpoint(b[i*slotSize : (i+1)*slotSize]); ok && (!found || slot.sequence > c.mu.sequence) {
			c.mu.checkpoint, found = slot, true
		}
	}
	// A file of zeros is one whose log crashed before its Open had finished.
	damaged = !found && len(bytes.Trim(b, "\x00")) > 0
	return c, found, damaged, nil
}

// update changes the checkpoint and writes it to the slot that does not hold the newest; with durable it is then synced.
func (c *checkpointFile) update(durable bool, change func(*checkpoint)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.mu.checkpoint)
	c.mu.sequence++
	c.mu.encode(c.mu.buf[:])
	if _, err := c.file.WriteAt(c.mu.buf[:], int64(c.mu.sequence%2)*slotSize); err != nil {
		return err
	}
	c.mu.rewritten = true
	if durable {
		return c.syncLocked()
	}
	return nil
}

func (c *checkpointFile) syncLocked() error {
	if !c.mu.rewritten {
		return nil
	}
	c.mu.rewritten = false
	return c.file.Sync()
}

func (c *checkpointFile) sync() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.syncLocked()
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
