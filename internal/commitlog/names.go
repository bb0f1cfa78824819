package commitlog

import (
	"fmt"
	"path/filepath"
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
	names, err := fs.List(dir)
	if err != nil {
		return 0
	}
	for _, name := range names {
		if _, ok := parseName(name, logSuffix); !ok {
			continue
		}
		if info, err := fs.Stat(filepath.Join(dir, name)); err == nil {
			size += info.Size
		}
	}
	return size
}

// IsLog says whether a directory is a log that this program has written: it has the file that Kafka's do not have.
func IsLog(fs vfs.FS, dir string) bool {
	info, err := fs.Stat(filepath.Join(dir, checkpointName))
	return err == nil && !info.Dir
}
