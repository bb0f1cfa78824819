package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/millrace/millrace/internal/commitlog"
	"github.com/millrace/millrace/internal/wire"
)

// coordinator is what all coordinators are around their state machines: memory that is the replay of an internal topic, and is never
// told before the log holds it.
//
// A command is decided, appended and applied under mu, so that memory and log have one order; its answer waits, outside of mu, until
// the log is durable (settled). Should the log not take what was decided, memory is ahead of it: then all of it is thrown away
// (giveUp) and read again at the next command (load).
//
// Timers call back without mu; one that is stopped may still come, and must find out under mu whether it is meant.
type coordinator struct {
	b     *Broker
	name  string // for people
	topic string
	// read builds memory out of the topic, and forget throws it away. Both run under mu.
	read   func() error
	forget func()
	mu     struct {
		sync.Mutex
		loaded, closed bool
		timers         map[string]*time.Timer
	}
}

func (co *coordinator) setup(b *Broker, name, topic string, read func() error, forget func()) {
	co.b, co.name, co.topic, co.read, co.forget = b, name, topic, read, forget
	co.mu.timers = map[string]*time.Timer{}
}

// load reads the log if memory is not what it says. mu is held.
func (co *coordinator) load() error {
	if co.mu.closed {
		return commitlog.ErrClosed
	}
	if co.mu.loaded {
		return nil
	}
	if err := co.read(); err != nil {
		return err
	}
	co.mu.loaded = true
	return nil
}

// replay reads the coordinator's topic, see Broker.replay.
func (co *coordinator) replay(apply func(i int32, batch wire.Batch, r *wire.Record) error) error {
	return co.b.replay(co.topic, apply)
}

// giveUp throws memory away. mu is held.
func (co *coordinator) giveUp(cause error) {
	if co.mu.closed || !co.mu.loaded {
		return
	}
	co.b.config.Report(fmt.Sprintf("%s coordinator: %v; reading %s again", co.name, cause, co.topic))
	co.mu.loaded = false
	co.stopTimers()
	co.forget()
	co.b.giveUpOffline(co.topic)
}

// giveUpUnlocked is giveUp for who does not hold mu.
func (co *coordinator) giveUpUnlocked(cause error) {
	co.mu.Lock()
	defer co.mu.Unlock()
	co.giveUp(cause)
}

// settled waits until what an answer is built on is durable.
func (co *coordinator) settled(ctx context.Context, at place) error {
	err := at.durable(ctx)
	if errors.Is(err, commitlog.ErrOffline) {
		co.giveUpUnlocked(err)
	}
	return err
}

// stop ends timers; no command is run any more. mu is held.
func (co *coordinator) stop() {
	co.mu.closed = true
	co.stopTimers()
}

func (co *coordinator) stopTimers() {
	for key, t := range co.mu.timers {
		t.Stop()
		delete(co.mu.timers, key)
	}
}

// arm sets the timer of a key, in place of the one before; with a zero time there is none. mu is held.
func (co *coordinator) arm(key string, at, now time.Time, fire func()) {
	if t := co.mu.timers[key]; t != nil {
		t.Stop()
		delete(co.mu.timers, key)
	}
	if !at.IsZero() && !co.mu.closed {
		co.mu.timers[key] = time.AfterFunc(max(at.Sub(now), time.Millisecond), fire)
	}
}

// log is the partition of the coordinator's topic that a key belongs to. The topic is created if it is not there.
func (co *coordinator) log(key string) (*commitlog.Log, error) {
	log, _, err := co.b.stateLog(co.topic, key)
	return log, err
}

// end is the place behind which nothing of a key is known; zero while there is no topic.
func (co *coordinator) end(key string) (place, error) {
	if co.b.meta.Topic(co.topic) == nil {
		return place{}, nil
	}
	log, err := co.log(key)
	if err != nil {
		return place{}, err
	}
	return endOf(log), nil
}

// write appends a batch to a key's partition.
func (co *coordinator) write(key string, batch *wire.Builder, origin commitlog.Origin) (first int64, at place, err error) {
	log, err := co.log(key)
	if err != nil {
		return 0, at, err
	}
	info, err := log.Append(batch.Bytes(), origin, leaderEpoch)
	if err != nil {
		return 0, at, err
	}
	return info.FirstOffset, endOf(log), nil
}
