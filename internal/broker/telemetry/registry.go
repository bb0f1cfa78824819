// Package telemetry takes what clients tell of themselves (KIP-714): subscriptions say which clients are to tell which metrics how
// often; clients ask for theirs and push. It decides with the time as an argument, and keeps the newest push of each client, in bounded
// memory: it is a view of the present, and nothing of it is on disk.
package telemetry

import (
	"container/list"
	"fmt"
	"hash/crc32"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/millrace/millrace/internal/wire"
)

// Client is who asks or pushes, by what a subscription can match.
type Client struct {
	InstanceID [16]byte
	// Labels are its values by the names of metadata.ClientMatchers.
	Labels map[string]string
}

// Subscription is a client-metrics resource.
type Subscription struct {
	Name     string
	Metrics  []string // prefixes of names; "*" is all
	Interval time.Duration
	Match    map[string]*regexp.Regexp // all must match
}

func (s *Subscription) matches(c Client) bool {
	for name, pattern := range s.Match {
		if !pattern.MatchString(c.Labels[name]) {
			return false
		}
	}
	return true
}

// Answer is what a client is asked for.
type Answer struct {
	SubscriptionID int32
	Metrics        []string
	Interval       time.Duration
}

// Push is what a client tells.
type Push struct {
	SubscriptionID int32
	Terminating    bool
	Codec          wire.Codec
	Metrics        []byte
}

// Report is the newest that a client told.
type Report struct {
	Client  Client
	At      time.Time
	Samples []Sample
}

// Stats count what was asked and told.
type Stats struct {
	Clients   int   // known now
	Samples   int   // kept now
	Pushes    int64 // taken
	Refused   int64 // pushes refused
	Unread    int64 // pushes whose metrics could not be read
	Forgotten int64 // clients forgotten for want of room
}

// Bounds of what is remembered.
const (
	maxClients    = 16384
	maxKept       = 1 << 19 // samples of all clients
	maxExpanded   = 8 << 20 // a push, decompressed
	defaultPeriod = 5 * time.Minute
)

// Registry is what is known of clients. It is safe for concurrent use.
type Registry struct {
	mu struct {
		sync.Mutex
		clients map[[16]byte]*client
		recent  *list.List // of *client, the one heard of last in front
		stats   Stats
	}
}

type client struct {
	report      Report
	answer      Answer
	asked       time.Time
	pushed      time.Time
	mayAskAgain bool // the last push was refused so that the client asks anew
	terminated  bool
	at          *list.Element
}

// NewRegistry makes a registry.
func NewRegistry() *Registry {
	r := &Registry{}
	r.mu.clients, r.mu.recent = map[[16]byte]*client{}, list.New()
	return r
}

// Ask gives a client its subscription: all that match it, together. One that asks more often than it should is refused.
func (r *Registry) Ask(subs []Subscription, c Client, now time.Time) (Answer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.mu.clients[c.InstanceID]
	answer := answerFor(subs, c)
	if known != nil && known.answer.SubscriptionID == answer.SubscriptionID && !known.mayAskAgain &&
		now.Sub(latest(known.asked, known.pushed)) < known.answer.Interval {
		return Answer{}, kerr.ThrottlingQuotaExceeded
	}
	known = r.hear(c)
	known.answer, known.asked, known.mayAskAgain = answer, now, false
	return answer, nil
}

// Push takes what a client tells, with the errors and in the order of Kafka's checks.
func (r *Registry) Push(subs []Subscription, c Client, p Push, maxBytes int, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.admit(subs, c, p, maxBytes, now)
	if err != nil {
		r.mu.stats.Refused++
		return err
	}
	r.mu.stats.Pushes++
	if len(p.Metrics) == 0 {
		return nil
	}
	d := wire.Decompressor{Limit: maxExpanded}
	plain, err := d.Decompress(p.Codec, p.Metrics)
	var samples []Sample
	if err == nil {
		samples, err = Decode(plain)
	}
	if err != nil {
		r.mu.stats.Unread++
		return kerr.InvalidRecord
	}
	known := r.mu.clients[c.InstanceID]
	r.mu.stats.Samples += len(samples) - len(known.report.Samples)
	known.report = Report{c, now, samples}
	r.makeRoom()
	return nil
}

func (r *Registry) admit(subs []Subscription, c Client, p Push, maxBytes int, now time.Time) error {
	known := r.mu.clients[c.InstanceID]
	if known == nil { // we began after it asked, or forgot it
		known = r.hear(c)
		known.answer = answerFor(subs, c)
	} else {
		r.hear(c)
	}
	if known.terminated {
		return kerr.InvalidRequest
	}
	// A push right after asking may come early: clients spread them.
	early := known.asked.Before(known.pushed) && now.Sub(known.pushed) < known.answer.Interval
	if early && !p.Terminating {
		return kerr.ThrottlingQuotaExceeded
	}
	known.pushed, known.terminated = now, p.Terminating
	switch answer := answerFor(subs, c); {
	case p.SubscriptionID != answer.SubscriptionID:
		known.mayAskAgain = true
		return kerr.UnknownSubscriptionID
	case p.Codec < wire.None || p.Codec > wire.Zstd:
		known.mayAskAgain = true
		return kerr.UnsupportedCompressionType
	case len(p.Metrics) > maxBytes:
		return kerr.TelemetryTooLarge
	}
	return nil
}

// hear remembers a client, and that it was heard of.
func (r *Registry) hear(c Client) *client {
	known := r.mu.clients[c.InstanceID]
	if known == nil {
		known = &client{report: Report{Client: c}}
		known.at = r.mu.recent.PushFront(known)
		r.mu.clients[c.InstanceID] = known
		r.makeRoom()
	}
	r.mu.recent.MoveToFront(known.at)
	return known
}

// makeRoom forgets the clients that were silent for longest.
func (r *Registry) makeRoom() {
	for len(r.mu.clients) > 1 && (len(r.mu.clients) > maxClients || r.mu.stats.Samples > maxKept) {
		last := r.mu.recent.Back().Value.(*client)
		r.mu.recent.Remove(last.at)
		delete(r.mu.clients, last.report.Client.InstanceID)
		r.mu.stats.Samples -= len(last.report.Samples)
		r.mu.stats.Forgotten++
	}
}

// answerFor puts together the subscriptions that match a client: their metrics, and the shortest interval.
func answerFor(subs []Subscription, c Client) Answer {
	a := Answer{Interval: defaultPeriod, Metrics: []string{}}
	for i := range subs {
		if s := &subs[i]; s.matches(c) {
			a.Metrics = append(a.Metrics, s.Metrics...)
			a.Interval = min(a.Interval, s.Interval)
		}
	}
	slices.Sort(a.Metrics)
	if a.Metrics = slices.Compact(a.Metrics); slices.Contains(a.Metrics, "*") {
		a.Metrics = []string{"*"}
	}
	text := fmt.Sprint(c.InstanceID, strings.Join(a.Metrics, ","), a.Interval)
	a.SubscriptionID = int32(crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli)))
	return a
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Reports are the newest pushes of all clients, in the order of their last words, the latest first. They are not to be changed.
func (r *Registry) Reports() (reports []Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for e := r.mu.recent.Front(); e != nil; e = e.Next() {
		if c := e.Value.(*client); len(c.report.Samples) > 0 {
			reports = append(reports, c.report)
		}
	}
	return reports
}

// Stats are the registry's counters.
func (r *Registry) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.mu.stats
	s.Clients = len(r.mu.clients)
	return s
}
