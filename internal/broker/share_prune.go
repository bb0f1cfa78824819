package broker

import (
	"fmt"
	"time"

	"github.com/millrace/millrace/internal/broker/share"
)

// What no state needs of __share_group_state is deleted: all before the oldest of the last snapshots. A share partition that nobody
// writes to would keep the log behind it for ever, and so is written again when the log has grown far beyond what it holds.

const (
	pruneInterval = 5 * time.Minute
	// pruneSlack is how many records the log may have beyond pruneFactor for each state before quiet states are written again.
	pruneSlack  = 1000
	pruneFactor = 10
)

// prune runs until the broker stops.
func (sc *shares) prune() {
	every := time.NewTicker(pruneInterval)
	defer every.Stop()
	for {
		select {
		case <-sc.b.stopping:
			return
		case <-every.C:
			if err := sc.pruneOnce(); err != nil {
				sc.b.config.Report(fmt.Sprintf("deleting old share group states: %v", err))
			}
		}
	}
}

func (sc *shares) pruneOnce() error {
	t := sc.b.meta.Topic(shareTopic)
	if t == nil {
		return nil
	}
	for i := range t.Partitions {
		log, err := sc.b.meta.OpenLog(t, i)
		if err != nil {
			return err
		}
		if log == nil {
			continue
		}
		before, err := sc.needed(i, t.Partitions)
		if err != nil {
			return err
		}
		if before = min(before, log.HighWatermark()); before > log.StartOffset() {
			if _, err := log.DeleteBefore(before); err != nil {
				return err
			}
		}
	}
	return nil
}

// needed is the first offset of a partition that a state needs, after quiet ones have been written again if the log is too long.
func (sc *shares) needed(i, partitions int32) (int64, error) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if err := sc.load(); err != nil {
		return 0, err
	}
	var keys []share.Key
	for k := range sc.state.states {
		if slot(k.String(), partitions) == i {
			keys = append(keys, k)
		}
	}
	log, err := sc.b.InternalPartition(shareTopic, i)
	if err != nil {
		return 0, err
	}
	least, start, end := log.EndOffset(), log.StartOffset(), log.EndOffset()
	if end-start > pruneSlack+int64(pruneFactor*len(keys)) {
		now := sc.b.config.Now()
		for _, k := range keys {
			if sc.state.states.Snapshot(k) >= start+(end-start)/2 {
				continue
			}
			if r, ok := sc.state.states.Refresh(k, now.UnixMilli()); ok {
				if _, err := sc.append(k, r, now); err != nil {
					return 0, err
				}
			}
		}
	}
	for _, k := range keys {
		least = min(least, sc.state.states.Snapshot(k))
	}
	return least, nil
}
