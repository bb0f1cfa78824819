package broker

import (
	"net"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/metadata"
	"github.com/millrace/millrace/internal/broker/quota"
)

// Quotas as Kafka holds them since KIP-219: what a client used is counted when it is answered; who used more than he may is answered all
// the same, with the time for which he is to be silent, and for so long nothing is read from his connection. A fetch that is over is
// answered empty, and not counted.
//
//	produce ─► append ─► count the request's bytes ─► answer (throttle_time_ms) ──┐
//	fetch   ─► read   ─► count the answer's bytes ──► answer, empty if over ──────┼─► the reader waits before the next request
//	any     ─► handle ─► count the time it took ────► answer ─────────────────────┘
//
// While no quota is set nothing is counted: it costs a load of a pointer.
type quotas struct {
	b   *Broker
	set atomic.Pointer[quotaSet] // nil while nobody has a quota

	produced, fetched, busy, mutated, connected *quota.Meter
	told                                        throttles
}

// quotaSet is what is set, at one time.
type quotaSet struct {
	rules     quota.Rules
	window    quota.Window // quota.window.*
	mutations quota.Window // controller.quota.window.*
	busy      bool         // somebody has a request_percentage
	creation  float64      // max.connection.creation.rate; 0 for no limit
}

// newQuotas also keeps what is set as it changes.
func newQuotas(b *Broker) *quotas {
	q := &quotas{
		b: b, produced: quota.NewMeter(), fetched: quota.NewMeter(), busy: quota.NewMeter(), mutated: quota.NewMeter(), connected: quota.NewMeter(),
	}
	b.meta.WatchQuotas(q.load)
	b.meta.WatchSettings(func([]string) { q.load() })
	q.load()
	return q
}

const anyRate = 1<<31 - 1 // what stands for no limit

func (q *quotas) load() {
	meta := q.b.meta
	window := func(prefix string) quota.Window {
		return quota.Window{
			Samples: int(meta.SettingInt(prefix + ".window.num")),
			Length:  time.Duration(meta.SettingInt(prefix+".window.size.seconds")) * time.Second,
		}
	}
	set := &quotaSet{rules: meta.Quotas(), window: window("quota"), mutations: window("controller.quota")}
	set.busy = set.rules.Sets(metadata.RequestPercentage)
	if rate := meta.SettingInt("max.connection.creation.rate"); rate < anyRate {
		set.creation = max(float64(rate), 1e-3)
	}
	if len(set.rules) == 0 && set.creation == 0 {
		set = nil
	}
	q.set.Store(set)
}

// user is whose quota counts: the name of the connection's principal.
func (c *conn) user() string { return c.session.principal.Name }

// anonymous is the name of who has not said it.
const anonymous = "ANONYMOUS"

// clock is the time at which something began whose duration may count; zero when none does.
func (q *quotas) clock() (began time.Time) {
	if q.timed() {
		began = time.Now()
	}
	return began
}

// timed says whether it counts for somebody how long a request takes.
func (q *quotas) timed() bool {
	set := q.set.Load()
	return set != nil && set.busy
}

// spend counts the time since began, which came out of clock.
func (c *call) spend(began time.Time) {
	if !began.IsZero() {
		c.spent += time.Since(began)
	}
}

// throttleProduce counts a produce request of size bytes; the call runs on the connection's reader, which reads no more for a time if
// that is too much.
func (c *call) throttleProduce(size int) {
	set := c.quotas.set.Load()
	if set == nil {
		return
	}
	if limit, who, ok := set.rules.Find(metadata.ProducerByteRate, c.conn.user(), c.clientID); ok {
		c.throttled(produceThrottle, c.quotas.produced.Use(set.window, limit, who, float64(size), c.config.Now()))
	}
}

// throttled notes that the client is to be silent for a time.
func (c *call) throttled(kind throttleKind, d time.Duration) {
	if d > 0 {
		c.quotas.told.note(throttleKey{kind, c.conn.user(), c.clientID}, d, c.config.Now())
	}
	if d > c.throttle {
		c.throttle = d
		c.conn.mute(d)
	}
}

// fetchAllowance is the most that a fetch may be answered with: what the quota allows in a whole window, since more could never be
// answered.
func (c *call) fetchAllowance() (most int, limited bool) {
	set := c.quotas.set.Load()
	if set == nil {
		return 0, false
	}
	limit, _, ok := set.rules.Find(metadata.ConsumerByteRate, c.conn.user(), c.clientID)
	return int(min(limit*set.window.Whole().Seconds(), 1<<31-1)), ok
}

// throttleReply decides, before a reply is written, how long the client is to be silent, and says so in the reply.
func (c *call) throttleReply(r *reply) {
	set := c.quotas.set.Load()
	if set == nil {
		return
	}
	now := c.config.Now()
	f, fetch := r.body.(interface{ size() int })
	_, emptied := r.body.(*fetchRequest) // a share fetch has acquired what it tells, and keeps it
	var who metadata.QuotaEntity
	var limit, used float64
	var counted bool
	if fetch && !r.silent {
		if limit, who, counted = set.rules.Find(metadata.ConsumerByteRate, c.conn.user(), c.clientID); counted {
			used = float64(f.size())
			c.throttled(fetchThrottle, c.quotas.fetched.Use(set.window, limit, who, used, now))
		}
	}
	if set.busy {
		if limit, who, ok := set.rules.Find(metadata.RequestPercentage, c.conn.user(), c.clientID); ok {
			percent := 100 * c.spent.Seconds()
			c.throttled(requestThrottle, min(c.quotas.busy.Use(set.window, limit, who, percent, now), set.window.Length))
		}
	}
	if c.throttle <= 0 {
		return
	}
	if emptied && counted {
		c.quotas.fetched.Undo(set.window, who, used, now)
	}
	if t, ok := r.body.(interface{ setThrottle(ms int32) }); ok {
		t.setThrottle(int32(c.throttle.Milliseconds()))
	} else if t, ok := r.resp.(kmsg.SetThrottleResponse); ok {
		t.SetThrottle(int32(c.throttle.Milliseconds()))
	}
}

// mutate takes a number of partitions that are created or deleted (KIP-599). A client that knows the error is refused while it is over
// its quota; an older one is served, and silenced.
func (c *call) mutate(partitions int32, knowsError bool) error {
	set := c.quotas.set.Load()
	if set == nil {
		return nil
	}
	limit, who, ok := set.rules.Find(metadata.ControllerMutationRate, c.conn.user(), c.clientID)
	if !ok {
		return nil
	}
	taken, wait := c.quotas.mutated.Take(set.mutations, limit, who, float64(partitions), knowsError, c.config.Now())
	c.throttled(mutationThrottle, wait)
	if !taken {
		return kerr.ThrottlingQuotaExceeded
	}
	return nil
}

// connecting counts a new connection. One whose address makes too many is to be closed after wait (KIP-612); pause is how long no other is
// to be accepted, where all together are too many.
func (q *quotas) connecting(remote net.Addr) (wait, pause time.Duration) {
	set := q.set.Load()
	if set == nil {
		return 0, 0
	}
	now := q.b.config.Now()
	if host, _, err := net.SplitHostPort(remote.String()); err == nil {
		if limit, who, ok := set.rules.FindIP(metadata.ConnectionCreationRate, host); ok {
			if wait = min(q.connected.Use(set.window, limit, who, 1, now), set.window.Length); wait > 0 {
				q.connected.Undo(set.window, who, 1, now)
				return wait, 0
			}
		}
	}
	if set.creation > 0 {
		pause = min(q.connected.Use(set.window, set.creation, metadata.QuotaEntity{}, 1, now), set.window.Length)
	}
	return 0, pause
}

// mute makes the reader wait before it takes another request.
func (c *conn) mute(d time.Duration) {
	until := time.Now().Add(d).UnixNano()
	for {
		old := c.muted.Load()
		if old >= until || c.muted.CompareAndSwap(old, until) {
			return
		}
	}
}

// awaitUnmuted waits until the client may be heard again.
func (c *conn) awaitUnmuted() error {
	for {
		d := time.Until(time.Unix(0, c.muted.Load()))
		if c.muted.Load() == 0 || d <= 0 {
			return nil
		}
		if err := c.pause(d); err != nil {
			return err
		}
	}
}

// pause waits, unless the connection or the broker ends.
func (c *conn) pause(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-c.ctx.Done():
		return c.ctx.Err()
	case <-c.b.stopping:
		return net.ErrClosed
	}
}
