package node

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/millrace/millrace/internal/sql/catalog"
	"github.com/millrace/millrace/internal/sql/session"
)

// restarts decides whether a job that failed starts again, and when: Flink's restart
// strategies, with their options and arithmetic. It has no clock and no chance of its own.
type restarts interface {
	// failed takes a failure into account. jitter is in [-1, 1].
	failed(now time.Time, jitter float64) (delay time.Duration, again bool)
	String() string
}

// newRestarts makes the strategy that settings name; def is that of those that name none.
func newRestarts(settings map[string]string, def string) (restarts, error) {
	o := strategyOptions{settings: settings}
	name := settings["restart-strategy.type"]
	if name == "" {
		name = settings["restart-strategy"]
	}
	if name == "" {
		name = def
	}
	var r restarts
	switch session.RestartStrategy(name) {
	case "none":
		r = noRestart{}
	case "fixed-delay":
		r = &fixedDelay{attempts: o.int("fixed-delay.attempts"), delay: o.duration("fixed-delay.delay")}
	case "failure-rate":
		r = &failureRate{
			most: o.int("failure-rate.max-failures-per-interval"), interval: o.duration("failure-rate.failure-rate-interval"),
			delay: o.duration("failure-rate.delay"),
		}
	case "exponential-delay":
		r = &exponentialDelay{
			initial: o.duration("exponential-delay.initial-backoff"), highest: o.duration("exponential-delay.max-backoff"),
			multiplier: o.float("exponential-delay.backoff-multiplier"), reset: o.duration("exponential-delay.reset-backoff-threshold"),
			jitter: o.float("exponential-delay.jitter-factor"), attempts: o.int("exponential-delay.attempts-before-reset-backoff"),
		}
	default:
		return noRestart{}, fmt.Errorf("'%s' is no restart strategy", name)
	}
	if o.err != nil {
		return noRestart{}, o.err
	}
	return r, nil
}

// strategyOptions reads options with their defaults; the first error stays.
type strategyOptions struct {
	settings map[string]string
	err      error
}

func (o *strategyOptions) text(name string) string {
	name = "restart-strategy." + name
	if v, ok := o.settings[name]; ok {
		return v
	}
	return session.Default(name)
}

func (o *strategyOptions) note(name string, err error) {
	if err != nil && o.err == nil {
		o.err = fmt.Errorf("setting 'restart-strategy.%s': %w", name, err)
	}
}

func (o *strategyOptions) duration(name string) time.Duration {
	d, err := catalog.ParseDuration(o.text(name))
	o.note(name, err)
	return d
}

func (o *strategyOptions) int(name string) int {
	if o.text(name) == "infinite" {
		return math.MaxInt
	}
	n, err := strconv.Atoi(o.text(name))
	o.note(name, err)
	return n
}

func (o *strategyOptions) float(name string) float64 {
	f, err := strconv.ParseFloat(o.text(name), 64)
	o.note(name, err)
	return f
}

// noRestart lets the first failure be the last.
type noRestart struct{}

func (noRestart) failed(time.Time, float64) (time.Duration, bool) { return 0, false }
func (noRestart) String() string                                  { return "none" }

// fixedDelay starts so many times again in all, each time after the same delay.
type fixedDelay struct {
	attempts int
	delay    time.Duration
	made     int
}

func (r *fixedDelay) failed(time.Time, float64) (time.Duration, bool) {
	r.made++
	return r.delay, r.made <= r.attempts
}

func (r *fixedDelay) String() string {
	return fmt.Sprintf("fixed-delay (%d attempts, %s)", r.attempts, r.delay)
}

// failureRate gives up when there are more failures than allowed in an interval.
type failureRate struct {
	most            int
	interval, delay time.Duration
	times           []time.Time // of the last failures, one more than allowed at the most
}

func (r *failureRate) failed(now time.Time, _ float64) (time.Duration, bool) {
	if len(r.times) > r.most {
		r.times = r.times[1:]
	}
	r.times = append(r.times, now)
	return r.delay, len(r.times) <= r.most || now.Sub(r.times[0]) > r.interval
}

func (r *failureRate) String() string {
	return fmt.Sprintf("failure-rate (%d in %s, %s)", r.most, r.interval, r.delay)
}

// exponentialDelay waits longer after each failure, up to the highest delay. A job that ran
// for the reset threshold begins anew with the initial one.
type exponentialDelay struct {
	initial, highest, reset time.Duration
	multiplier, jitter      float64
	attempts                int

	made int       // since the last reset
	next time.Time // when it was last started again
}

func (r *exponentialDelay) failed(now time.Time, jitter float64) (time.Duration, bool) {
	if !r.next.IsZero() && now.Sub(r.next) >= r.reset {
		r.made = 0
	}
	delay := r.delay(jitter)
	r.next = now.Add(delay)
	r.made++
	return delay, r.made <= r.attempts
}

func (r *exponentialDelay) delay(jitter float64) time.Duration {
	backoff := float64(r.initial) * math.Pow(r.multiplier, float64(r.made))
	// Beyond the highest delay there is nothing to be computed.
	backoff = min(backoff, 2*float64(r.highest))
	backoff += backoff * r.jitter * jitter
	return max(r.initial, min(time.Duration(backoff), r.highest))
}

func (r *exponentialDelay) String() string {
	return fmt.Sprintf("exponential-delay (%s to %s, times %g)", r.initial, r.highest, r.multiplier)
}
