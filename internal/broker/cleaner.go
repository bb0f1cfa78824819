package broker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/millrace/millrace/internal/broker/metadata"
	"github.com/millrace/millrace/internal/commitlog"
)

// cleaner compacts the node's compacted partitions, the one with the largest share of new bytes first, as Kafka's LogCleaner does. A
// log is cleaned when that share is above min.cleanable.dirty.ratio, or when max.compaction.lag.ms is over.
//
// The settings are read before each round, so that changing them while the broker runs acts.
type cleaner struct {
	*Broker
	points *cleanerPoints
	pace   *pace
	mu     struct {
		sync.Mutex
		workers   int
		busy      map[partitionKey]bool
		uncleaned map[partitionKey]bool              // those that are damaged, until the next start
		clean     map[partitionKey]metadata.Unopened // those that are not open, and had nothing to clean
	}
}

type partitionKey struct {
	topic     metadata.UUID
	partition int32
}

// candidate is a partition and what there is to clean of it.
type candidate struct {
	key   partitionKey
	topic *metadata.Topic
	log   *commitlog.Log
	what  commitlog.Cleanable
}

func newCleaner(b *Broker) *cleaner {
	c := &cleaner{Broker: b, pace: newPace(b.config.Now)}
	c.points = openCleanerPoints(b.config.FS, b.config.Dir, b.config.Report)
	c.mu.busy, c.mu.uncleaned, c.mu.clean = map[partitionKey]bool{}, map[partitionKey]bool{}, map[partitionKey]metadata.Unopened{}
	return c
}

// run works until the broker stops.
func (c *cleaner) run() {
	if c.meta.Setting("log.cleaner.enable") == "false" {
		return
	}
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	var working sync.WaitGroup
	defer working.Wait()
	defer cancel()
	defer c.meta.Watch(func(e metadata.Event) {
		if e.Old != nil && e.New == nil {
			working.Go(func() { c.forget(e.Old) }) // not here: it writes
		}
	})()
	next := time.NewTimer(c.backoff())
	defer next.Stop()
	for {
		select {
		case <-c.stopping:
			return
		case <-next.C:
		}
		for c.hire(int(c.meta.SettingInt("log.cleaner.threads"))) {
			working.Go(func() { c.work(ctx) })
		}
		next.Reset(c.backoff())
	}
}

// forget forgets a topic that was deleted.
func (c *cleaner) forget(t *metadata.Topic) {
	c.points.forget(t.Name)
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.mu.clean, func(key partitionKey, _ metadata.Unopened) bool { return key.topic == t.ID })
}

func (c *cleaner) backoff() time.Duration {
	return time.Duration(c.meta.SettingInt("log.cleaner.backoff.ms")) * time.Millisecond
}

// hire says whether there may be another worker, and counts it.
func (c *cleaner) hire(threads int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.workers >= threads {
		return false
	}
	c.mu.workers++
	return true
}

// work cleans one log after the other, until none is worth it.
func (c *cleaner) work(ctx context.Context) {
	defer func() {
		c.mu.Lock()
		c.mu.workers--
		c.mu.Unlock()
	}()
	for ctx.Err() == nil {
		found := c.pick()
		if found == nil {
			return
		}
		more := c.clean(ctx, found)
		c.mu.Lock()
		delete(c.mu.busy, found.key)
		c.mu.Unlock()
		if !more {
			return
		}
	}
}

// pick takes the dirtiest log that nobody is cleaning; nil if there is none.
func (c *cleaner) pick() (best *candidate) {
	for _, t := range c.meta.Topics() {
		if !c.compacted(t) {
			continue
		}
		for i := range t.Partitions {
			select {
			case <-c.stopping:
				return nil
			default:
			}
			if found := c.consider(t, i); found != nil && (best == nil || found.what.Ratio() > best.what.Ratio()) {
				best = found
			}
		}
	}
	if best == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.busy[best.key] {
		return nil // another thread was faster
	}
	c.mu.busy[best.key] = true
	return best
}

func (c *cleaner) compacted(t *metadata.Topic) bool {
	return strings.Contains(c.meta.TopicConfig(t, metadata.TopicConfigSpec("cleanup.policy")).Value, "compact")
}

// consider says whether a partition is worth cleaning. One that nobody has used since the start is opened for it only if its files look
// like it.
func (c *cleaner) consider(t *metadata.Topic, i int32) *candidate {
	key := partitionKey{t.ID, i}
	c.mu.Lock()
	skip := c.mu.busy[key] || c.mu.uncleaned[key]
	c.mu.Unlock()
	if skip || c.cleanUnopened(t, i, key) {
		return nil
	}
	log, err := c.meta.OpenLog(t, i)
	if log == nil || err != nil {
		return nil // nothing there, or reported when it did not open
	}
	what, err := log.Cleanable(c.points.get(t.Name, i), c.config.Now())
	if err != nil {
		c.failed(key, t.Name, i, err)
		return nil
	}
	if what.DirtyBytes == 0 || what.Ratio() <= log.MinDirtyRatio() && !what.Overdue {
		return nil
	}
	return &candidate{key, t, log, what}
}

// cleanUnopened says whether a partition is not open and has nothing to clean.
func (c *cleaner) cleanUnopened(t *metadata.Topic, i int32, key partitionKey) bool {
	now, ok := c.meta.Unopened(t, i)
	if !ok {
		return false
	}
	c.mu.Lock()
	seen := c.mu.clean[key]
	c.mu.Unlock()
	if seen == now {
		return true
	}
	if c.meta.WorthCleaning(t, i, c.points.get(t.Name, i)) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.clean[key] = now
	return true
}

// clean cleans a log once, and remembers how far. More says that other logs should be looked at at once.
func (c *cleaner) clean(ctx context.Context, found *candidate) (more bool) {
	threads := max(c.meta.SettingInt("log.cleaner.threads"), 1)
	load, _ := strconv.ParseFloat(c.meta.Setting("log.cleaner.io.buffer.load.factor"), 64)
	rate, _ := strconv.ParseFloat(c.meta.Setting("log.cleaner.io.max.bytes.per.second"), 64)
	stats, err := found.log.Clean(ctx, commitlog.CleanOptions{
		FirstDirty: found.what.FirstDirty,
		MapBytes:   c.meta.SettingInt("log.cleaner.dedupe.buffer.size") / threads,
		MapLoad:    load,
		Pause:      func(n int) error { return c.pace.spend(ctx, n, rate) },
	})
	t, i := found.topic, found.key.partition
	if err != nil {
		c.noteOffline(t, i, found.log, err)
		c.failed(found.key, t.Name, i, err)
		return false
	}
	return c.points.set(t.Name, i, stats.End) && stats.End > found.what.FirstDirty
}

// failed tells what a person should know. A damaged log is left alone: cleaning would copy around the damage.
func (c *cleaner) failed(key partitionKey, topic string, i int32, err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, commitlog.ErrClosed) || errors.Is(err, commitlog.ErrCleanStopped) {
		return
	}
	if errors.Is(err, commitlog.ErrCorrupt) {
		c.mu.Lock()
		c.mu.uncleaned[key] = true
		c.mu.Unlock()
		err = fmt.Errorf("%w; it is not cleaned until the next start", err)
	}
	c.config.Report(fmt.Sprintf("compaction of %s-%d: %v", topic, i, err))
}

// pace spreads what is read and written over time.
type pace struct {
	now func() time.Time
	mu  struct {
		sync.Mutex
		free time.Time // when what was spent is paid for
	}
}

func newPace(now func() time.Time) *pace { return &pace{now: now} }

// spend waits until bytes may be spent at a rate a second.
func (p *pace) spend(ctx context.Context, bytes int, rate float64) error {
	cost := float64(bytes) / rate
	if cost < 1e-9 {
		return nil
	}
	now := p.now()
	p.mu.Lock()
	if p.mu.free.Before(now) {
		p.mu.free = now
	}
	p.mu.free = p.mu.free.Add(time.Duration(min(cost, 3600) * float64(time.Second)))
	wait := p.mu.free.Sub(now)
	p.mu.Unlock()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
