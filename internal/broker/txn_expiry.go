package broker

import (
	"fmt"
	"time"

	"github.com/millrace/millrace/internal/commitlog"
	"github.com/millrace/millrace/internal/wire"
)

// expiryInterval is how often transactional ids are looked through, Kafka's
// transaction.remove.expired.transaction.cleanup.interval.ms.
const expiryInterval = time.Hour

// forgetIDs gives up transactional ids that nobody has used for transactional.id.expiration.ms, until the broker stops. A producer
// that comes back after that is told that the id is not its own, as in Kafka, and has to begin anew.
func (tc *transactions) forgetIDs() {
	every := time.NewTicker(expiryInterval)
	defer every.Stop()
	for {
		select {
		case <-tc.b.stopping:
			return
		case <-every.C:
			if err := tc.forgetIdle(); err != nil {
				tc.b.config.Report(fmt.Sprintf("transaction coordinator: idle transactional ids are kept: %v", err))
			}
		}
	}
}

// forgetIdle writes the tombstones. Should a crash lose one, the id is still there, and idle.
func (tc *transactions) forgetIdle() error {
	if tc.b.meta.Topic(txnTopic) == nil {
		return nil
	}
	tc.mu.Lock()
	defer tc.mu.Unlock()
	if err := tc.load(); err != nil {
		return err
	}
	now, after := tc.b.config.Now(), time.Duration(tc.b.meta.SettingInt("transactional.id.expiration.ms"))*time.Millisecond
	for id, e := range tc.state.all {
		if e.held > 0 || !e.Forgotten(now, after) {
			continue
		}
		b := wire.NewBuilder(nil)
		b.Append(now.UnixMilli(), e.Tombstone(), nil, nil)
		if _, _, err := tc.write(id, b, commitlog.Internal); err != nil {
			return err
		}
		delete(tc.state.all, id)
	}
	return nil
}
