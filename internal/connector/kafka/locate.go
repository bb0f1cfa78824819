package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	logconn "github.com/millrace/millrace/internal/connector/log"
)

// A lost partition is looked for after a quarter of the time that it is lost, within
// these bounds.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 5 * time.Second
)

// lose takes a partition from a broker that does not have it, or does not answer. The
// lock is held. It is looked for until it is found or patience ends.
func (c *cluster) lose(p *partition, cause error) {
	c.unplace(p)
	if p.since.IsZero() {
		p.since = time.Now()
		if !slices.ContainsFunc(c.mu.lost, func(o *partition) bool { return o.topic == p.topic }) {
			c.report(fmt.Sprintf("%s: topic %s, partition %d: %v; trying again for %v", c.config.where(), p.topic, p.number, cause, c.config.patience))
		}
	}
	if time.Since(p.since) > c.config.patience {
		p.fail(explain(&c.config, cause))
		return
	}
	c.mu.lost = append(c.mu.lost, p)
	if !c.mu.locating {
		c.mu.locating = true
		go c.locate()
	}
}

func (c *cluster) loseAll(list []asked, cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range list {
		if l.part.fetcher != nil && l.part.next == l.offset {
			c.lose(l.part, cause)
		}
	}
}

// found ends a loss.
func (p *partition) found() {
	if !p.since.IsZero() {
		p.since = time.Time{}
		p.cluster.report(fmt.Sprintf("%s: topic %s, partition %d is read again", p.cluster.config.where(), p.topic, p.number))
	}
}

// locate looks for the leaders of lost partitions until there are none.
func (c *cluster) locate() {
	for {
		c.mu.Lock()
		pause := firstPause
		for _, p := range c.mu.lost {
			pause = max(pause, min(time.Since(p.since)/4, lastPause))
		}
		c.mu.Unlock()
		time.Sleep(pause)
		c.mu.Lock()
		lost := slices.Clone(c.mu.lost)
		if c.mu.locating = len(lost) > 0; !c.mu.locating {
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		var names []string
		for _, p := range lost {
			if !slices.Contains(names, p.topic) {
				names = append(names, p.topic)
			}
		}
		var topics kadm.TopicDetails
		err := c.ask(context.Background(), func(ctx context.Context, a *kadm.Client) error {
			m, err := a.Metadata(ctx, names...)
			topics = m.Topics
			return err
		})
		c.mu.Lock()
		for _, p := range lost {
			if slices.Contains(c.mu.lost, p) {
				c.settle(p, topics, err)
			}
		}
		c.mu.Unlock()
	}
}

// settle places a lost partition, fails it, or leaves it lost. The lock is held.
func (c *cluster) settle(p *partition, topics kadm.TopicDetails, err error) {
	t := topics[p.topic]
	if err == nil {
		err = t.Err
	}
	info, known := t.Partitions[p.number]
	switch {
	case err == nil && logconn.TopicID(t.ID) != p.id:
		p.fail(errors.New("the topic was deleted and made again since this job began to read it; cancel the job and start it anew"))
	case err == nil && known && info.Leader >= 0:
		p.leader = info.Leader
		c.unplace(p)
		c.place(p)
	case time.Since(p.since) > c.config.patience:
		if err == nil {
			err = kerr.LeaderNotAvailable
		}
		p.fail(explain(&c.config, err))
	}
}
