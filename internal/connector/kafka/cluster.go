package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	logconn "github.com/millrace/millrace/internal/connector/log"
)

// keepIdle is how long a client that nobody uses stays connected: a job's start asks
// several times, and planning asks once.
const keepIdle = 10 * time.Second

// cluster is a Kafka cluster as one table reads it. It implements logconn.Reading.
//
// A client exists while something uses it. Each broker that leads a partition which is
// read has a fetcher (fetch.go); a partition whose leader is not known, or not
// reachable, is looked for by one goroutine (locate.go).
type cluster struct {
	config config
	report func(string)

	mu struct {
		sync.Mutex
		client   *kgo.Client
		users    int
		idle     *time.Timer
		fetchers map[int32]*fetcher
		lost     []*partition // without a fetcher
		locating bool
		topics   map[string]*description
	}
}

// description is what the cluster said of a topic a moment ago.
type description struct {
	at         time.Time
	id         logconn.TopicID
	partitions []partition // templates
}

func newCluster(c config, report func(string)) *cluster {
	out := &cluster{config: c, report: report}
	out.mu.fetchers = map[int32]*fetcher{}
	out.mu.topics = map[string]*description{}
	return out
}

// acquire gives the client, and makes it if there is none; each is released once.
func (c *cluster) acquire() (*kgo.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.client == nil {
		opts, err := c.config.options()
		if err != nil {
			return nil, err
		}
		if c.mu.client, err = kgo.NewClient(opts...); err != nil {
			return nil, fmt.Errorf("%s: %w", c.config.where(), err)
		}
	}
	if c.mu.idle != nil {
		c.mu.idle.Stop()
	}
	c.mu.users++
	return c.mu.client, nil
}

func (c *cluster) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.users--; c.mu.users == 0 {
		c.mu.idle = time.AfterFunc(keepIdle, c.closeIdle)
	}
}

func (c *cluster) closeIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.users == 0 && c.mu.client != nil {
		c.mu.client.Close()
		c.mu.client = nil
	}
}

// ask lets fn ask the cluster something, within the time that a broker may be away.
func (c *cluster) ask(ctx context.Context, fn func(context.Context, *kadm.Client) error) error {
	client, err := c.acquire()
	if err != nil {
		return err
	}
	defer c.release()
	ctx, stop := context.WithTimeout(ctx, c.config.patience)
	defer stop()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := fn(ctx, kadm.NewClient(client))
		switch {
		case err == nil:
			return nil
		case !unreachable(err) || ctx.Err() != nil:
			return explain(&c.config, err)
		case pause == firstPause:
			c.report(fmt.Sprintf("%s: %v; trying again for %v", c.config.where(), err, c.config.patience))
		}
		select {
		case <-ctx.Done():
			return explain(&c.config, err)
		case <-time.After(pause):
		}
	}
}

// Topics are the names of all topics but Kafka's own.
func (c *cluster) Topics(ctx context.Context) (names []string, err error) {
	err = c.ask(ctx, func(ctx context.Context, a *kadm.Client) error {
		list, err := a.ListTopics(ctx)
		names = list.Names()
		return err
	})
	return names, err
}

// descriptionAge is how long what the cluster said of a topic is believed: a job opens
// its partitions one by one.
const descriptionAge = 5 * time.Second

// OpenTopic asks for a topic's partitions, where they begin and where they end.
func (c *cluster) OpenTopic(ctx context.Context, name string) (logconn.ReadTopic, error) {
	c.mu.Lock()
	d := c.mu.topics[name]
	c.mu.Unlock()
	if d == nil || time.Since(d.at) > descriptionAge {
		d = &description{at: time.Now()}
		if err := c.ask(ctx, func(ctx context.Context, a *kadm.Client) error { return c.describe(ctx, a, name, d) }); err != nil {
			return logconn.ReadTopic{}, fmt.Errorf("topic %s: %w", name, err)
		}
		c.mu.Lock()
		c.mu.topics[name] = d
		c.mu.Unlock()
	}
	t := logconn.ReadTopic{Name: name, ID: d.id}
	for i := range d.partitions {
		p := d.partitions[i]
		t.Partitions = append(t.Partitions, &p)
	}
	return t, nil
}

func (c *cluster) describe(ctx context.Context, a *kadm.Client, name string, d *description) error {
	m, err := a.Metadata(ctx, name)
	if err != nil {
		return err
	}
	topic := m.Topics[name]
	if topic.Err != nil {
		return topic.Err
	}
	starts, err := a.ListStartOffsets(ctx, name)
	if err != nil {
		return err
	}
	list := a.ListCommittedOffsets
	if !c.config.committed {
		list = a.ListEndOffsets
	}
	ends, err := list(ctx, name)
	if err != nil {
		return err
	}
	d.id = logconn.TopicID(topic.ID)
	now := time.Now()
	for n, info := range slices.All(topic.Partitions.Sorted()) {
		start, _ := starts.Lookup(name, int32(n))
		end, ok := ends.Lookup(name, int32(n))
		if err := errors.Join(start.Err, end.Err); err != nil {
			return fmt.Errorf("partition %d: %w", n, err)
		}
		if !ok || info.Partition != int32(n) {
			return fmt.Errorf("the cluster told nothing of partition %d", n)
		}
		p := partition{cluster: c, topic: name, id: d.id, number: int32(n), start: start.Offset, stable: end.Offset, leader: info.Leader}
		if end.Offset > 0 {
			p.last = now // nobody tells when it was
		}
		d.partitions = append(d.partitions, p)
	}
	return nil
}

// GroupOffset asks for the committed offset of a consumer group.
func (c *cluster) GroupOffset(ctx context.Context, group, topic string, partition int) (offset int64, ok bool, err error) {
	err = c.ask(ctx, func(ctx context.Context, a *kadm.Client) error {
		all, err := a.FetchOffsetsForTopics(ctx, group, topic)
		if err != nil {
			return fmt.Errorf("group %s: %w", group, err)
		}
		o, found := all.Lookup(topic, int32(partition))
		if found && o.Err != nil {
			return fmt.Errorf("group %s: %w", group, o.Err)
		}
		offset, ok = o.At, found && o.At >= 0
		return nil
	})
	return offset, ok, err
}
