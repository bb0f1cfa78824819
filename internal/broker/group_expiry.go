package broker

import (
	"fmt"
	"slices"
	"time"

	"github.com/millrace/millrace/internal/broker/group"
)

// expireOffsets forgets offsets that nobody has read for offsets.retention.minutes, from time to time until the broker stops.
func (gc *groups) expireOffsets() {
	every := time.NewTicker(time.Duration(gc.b.meta.SettingInt("offsets.retention.check.interval.ms")) * time.Millisecond)
	defer every.Stop()
	for {
		select {
		case <-gc.b.stopping:
			return
		case <-every.C:
			if err := gc.expireOnce(); err != nil {
				gc.b.config.Report(fmt.Sprintf("expiry of group offsets: %v", err))
			}
		}
	}
}

func (gc *groups) expireOnce() error {
	if gc.b.meta.Topic(offsetsTopic) == nil {
		return nil
	}
	gc.mu.Lock()
	defer gc.mu.Unlock()
	if err := gc.load(); err != nil {
		return err
	}
	now := gc.b.config.Now()
	retention := time.Duration(gc.b.meta.SettingInt("offsets.retention.minutes")) * time.Minute
	for _, g := range gc.state.all {
		gone, all := g.Expired(now, retention)
		if len(gone) == 0 && !all {
			continue
		}
		if _, err := gc.drop(g, now, func(p group.Partition) bool { return slices.Contains(gone, p) }, all); err != nil {
			gc.giveUp(err)
			return err
		}
	}
	return nil
}
