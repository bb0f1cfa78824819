package commitlog

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/millrace/millrace/internal/vfs"
)

// Kafka's names in a partition's directory. A segment's files are named by its base offset, twenty digits; the sums and the checkpoint are ours.
const (
	logSuffix      = ".log"
	indexSuffix    = ".index"
	timeSuffix     = ".timeindex"
	txnSuffix      = ".txnindex"
	snapshotSuffix = ".snapshot"
	sumsSuffix     = ".sums"
	tmpSuffix      = ".tmp"

	epochsName     = "leader-epoch-checkpoint"
	metadataName   = "partition.metadata"
	checkpointName = "millrace-checkpoint"
)

func fileName(base int64, suffix string) string { return fmt.Sprintf("%020d%s", base, suffix) }

// parseName reads an offset out of a name with the suffix.
func parseName(name, suffix string) (base int64, ok bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	base, err := strconv.ParseInt(digits, 10, 64)
	return base, err == nil && base >= 0
}

// SizeOf is the bytes of the segments in a directory, whether it is open as a log or not; 0 if there is none.
func SizeOf(fs vfs.FS, dir string) (size int64) {
	for _, s := range segmentFiles(fs, dir) {
		size += s.size
	}
	return size
}

// segmentFile is what a directory tells of a segment.
type segmentFile struct{ base, size int64 }

// segmentFiles are the segments in a directory, in order.
func segmentFiles(fs vfs.FS, dir string) (list []segmentFile) {
	names, err := fs.List(dir)
	if err != nil {
		return nil
	}
	for _, name := range names {
		base, ok := parseName(name, logSuffix)
		if !ok {
			continue
		}
		if info, err := fs.Stat(filepath.Join(dir, name)); err == nil {
			list = append(list, segmentFile{base, info.Size})
		}
	}
	slices.SortFunc(list, func(a, b segmentFile) int { return cmp.Compare(a.base, b.base) })
	return list
}

// IsLog says whether a directory is a log that this program has written: it has the file that Kafka's do not have.
func IsLog(fs vfs.FS, dir string) bool {
	info, err := fs.Stat(filepath.Join(dir, checkpointName))
	return err == nil && !info.Dir
}
