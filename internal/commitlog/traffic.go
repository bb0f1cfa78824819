package commitlog

import (
	"sync/atomic"
	"time"
)

// Traffic is what went through a log since it was opened.
type Traffic struct {
	// Records and BytesIn were appended, by whomever; BytesOut were sent to clients.
	Records, BytesIn, BytesOut int64
}

type traffic struct{ records, in, out atomic.Int64 }

// Traffic is safe to call at any time.
func (l *Log) Traffic() Traffic {
	return Traffic{l.traffic.records.Load(), l.traffic.in.Load(), l.traffic.out.Load()}
}

// Sent counts bytes that were sent to a client.
func (l *Log) Sent(bytes int) { l.traffic.out.Add(int64(bytes)) }

// timedSync is syncData, and notes how long the disk took; a log that is being opened may
// have no syncer yet.
func (l *Log) timedSync(r *round) error {
	began := time.Now()
	err := l.syncData(r)
	if l.syncer != nil {
		l.syncer.Times.Observe(time.Since(began))
	}
	return err
}
