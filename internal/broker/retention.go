package broker

import (
	"errors"
	"fmt"
	"time"

	"github.com/millrace/millrace/internal/commitlog"
)

// retain deletes old segments, as often as log.retention.check.interval.ms says, until the broker stops. A partition that nobody has
// used since the start is opened for it: its records grow old all the same.
func (b *Broker) retain() {
	every := time.NewTicker(time.Duration(b.meta.SettingInt("log.retention.check.interval.ms")) * time.Millisecond)
	defer every.Stop()
	for {
		select {
		case <-b.stopping:
			return
		case <-every.C:
			b.retainOnce()
		}
	}
}

// retainOnce looks after every partition that has files. A partition that nobody uses is opened for that, but only where something may
// have become old since it was last looked at: the next time that can be is remembered.
func (b *Broker) retainOnce() {
	for _, t := range b.meta.Topics() {
		for i := range t.Partitions {
			select {
			case <-b.stopping:
				return
			default:
			}
			err := b.meta.VisitDue(t, i, func(log *commitlog.Log) (time.Time, error) {
				if _, err := log.Retain(b.config.Now()); err != nil {
					return time.Time{}, err
				}
				return log.RetainNext(), nil
			})
			if err != nil && !errors.Is(err, commitlog.ErrClosed) {
				b.config.Report(fmt.Sprintf("retention of %s-%d: %v", t.Name, i, err))
			}
		}
	}
}
