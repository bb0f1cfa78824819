package metadata

import (
	"github.com/millrace/millrace/internal/commitlog"
	"github.com/millrace/millrace/internal/metrics"
)

// Opened is the log of a partition, nil if it is not open. It opens nothing.
func (s *Store) Opened(t *Topic, i int32) *commitlog.Log {
	if p := s.place(t, i); p != nil {
		return p.log.Load()
	}
	return nil
}

// SyncTimes are how long the disk took to make records durable.
func (s *Store) SyncTimes() *metrics.Histogram { return &s.syncer.Times }
