package commitlog

import (
	"fmt"
	"strconv"
	"strings"
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
