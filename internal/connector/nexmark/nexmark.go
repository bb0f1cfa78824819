// Package nexmark is the connector 'nexmark': the events of the public Nexmark
// benchmark (github.com/nexmark/nexmark, whose options it takes by their names),
// made as they are read.
//
// Every event is a function of the seed and its number, and every field is one of its
// own: a table without the column bid.extra has the same bids as one with it, two
// runs have the same events, and a job that is restored goes on with the very next
// one, because a split's position is how many of its events were handed over. The
// number of splits decides who makes which event, never what is in it.
package nexmark

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"github.com/millrace/millrace/internal/connector"
)

// baseTime is the default of 'base-time': 2015-07-15 00:00:00 UTC. The public
// generator begins at the current time, with other results every time.
const baseTime = 1436918400000

var options = []connector.Option{
	{Name: "events.num", Type: "int", Default: "0", Doc: "How many events there are; 0: no end.", Check: connector.AtLeast(0)},
	{Name: "first-event.rate", Type: "int", Default: "10000", Doc: "Events in a second of event time, at first.", Check: connector.Between(1, 1e9)},
	{Name: "next-event.rate", Type: "int", Doc: "The rate that 'rate.shape' changes to and from; that of 'first-event.rate' if not set.", Check: connector.Between(1, 1e9)},
	{Name: "rate.shape", Type: "enum", Values: []string{"SQUARE", "SINE"}, Default: "SQUARE", Doc: "How the rate changes where the two differ: half the period each, or along a cosine in ten steps."},
	{Name: "rate.period", Type: "duration", Default: "600 s", Doc: "The time, in event time, after which the rates begin again."},
	{Name: "rate.limited", Type: "bool", Default: "false", Doc: "Whether an event is made only when it is due by the clock, counted from the job's start."},
	{Name: "max-emit-speed", Type: "bool", Default: "true", Doc: "The opposite of 'rate.limited', by another name."},
	{Name: "person.avg-size", Type: "size", Default: "200b", Doc: "The size of a person, as the public generator counts it; 'extra' fills what the other fields leave."},
	{Name: "auction.avg-size", Type: "size", Default: "500b", Doc: "The same of an auction."},
	{Name: "bid.avg-size", Type: "size", Default: "100b", Doc: "The same of a bid."},
	{Name: "person.proportion", Type: "int", Default: "1", Doc: "Of so many events in the sum of the three proportions are persons, and come first.", Check: connector.Between(1, 1e6)},
	{Name: "auction.proportion", Type: "int", Default: "3", Doc: "The same of auctions, which come second.", Check: connector.Between(1, 1e6)},
	{Name: "bid.proportion", Type: "int", Default: "46", Doc: "The same of bids.", Check: connector.Between(0, 1e6)},
	{Name: "bid.hot-ratio.auctions", Type: "int", Default: "2", Doc: "Of so many bids all but one go to the hot auction.", Check: connector.AtLeast(1)},
	{Name: "bid.hot-ratio.bidders", Type: "int", Default: "4", Doc: "Of so many bids all but one are of the hot bidder.", Check: connector.AtLeast(1)},
	{Name: "auction.hot-ratio.sellers", Type: "int", Default: "4", Doc: "Of so many auctions all but one are of the hot seller.", Check: connector.AtLeast(1)},
	{Name: "keep-alive", Type: "bool", Default: "false", Doc: "Whether the source goes on after its last event, without more."},
	{Name: "stop-at", Type: "int", Default: "-1", Doc: "The number of events after which the source waits and ends not; -1: none."},
	{Name: "base-time", Type: "int", Default: strconv.Itoa(baseTime), Doc: "The time of the first event, in milliseconds since 1970."},
	{Name: "out-of-order.group-size", Type: "int", Default: "1", Doc: "So many events at a time come in a mixed order; 1: all in order.", Check: connector.Between(1, 1e9)},
	{Name: "seed", Type: "int", Default: "0", Doc: "Another number gives other events. The public generator has none."},
	{Name: "splits", Type: "int", Doc: "In how many parts the events are made; parallelism.default, or the number of CPUs, if not set.", Check: connector.Between(1, 4096)},
}

// Factory is the connector.
func Factory() *connector.Factory {
	return &connector.Factory{
		Name:    "nexmark",
		Summary: "The events of the Nexmark benchmark: persons, auctions and bids in one table, as many as are wanted, the same in every run.",
		Options: options,
		Check: func(t connector.Table) error {
			_, err := newSource(t, connector.Env{})
			return err
		},
		NewSource: func(t connector.Table, env connector.Env) (connector.Source, error) {
			return newSource(t, env)
		},
	}
}

// setting is the value of an option, or its default.
func setting(t connector.Table, name string) string {
	if v, ok := t.Options[name]; ok {
		return v
	}
	for _, o := range options {
		if o.Name == name {
			return o.Default
		}
	}
	panic("nexmark: no option " + name)
}

// settings reads options, and keeps the first error.
type settings struct {
	table connector.Table
	err   error
}

func (s *settings) fail(name string, err error) {
	if err != nil && s.err == nil {
		s.err = connector.OptionErrorf(name, "%w", err)
	}
}

func (s *settings) int(name string) int64 {
	n, err := strconv.ParseInt(setting(s.table, name), 10, 64)
	s.fail(name, err)
	return n
}

func (s *settings) bool(name string) bool { return strings.EqualFold(setting(s.table, name), "true") }

func (s *settings) size(name string) int64 {
	n, err := connector.ParseSize(setting(s.table, name))
	s.fail(name, err)
	return n
}

// config is what the options say.
type config struct {
	ids       ids
	clock     clock
	seed      uint64
	personAvg int64
	aucAvg    int64
	bidAvg    int64
	hotSeller int64
	hotAuc    int64
	hotBidder int64

	events    int64 // 0: no end
	stopAt    int64 // -1: nowhere
	keepAlive bool
	paced     bool
	splits    int64
}

func newConfig(t connector.Table, env connector.Env) (config, error) {
	s := &settings{table: t}
	c := config{
		ids:       newIDs(s.int("person.proportion"), s.int("auction.proportion"), s.int("bid.proportion")),
		seed:      mix(uint64(s.int("seed"))),
		personAvg: s.size("person.avg-size"),
		aucAvg:    s.size("auction.avg-size"),
		bidAvg:    s.size("bid.avg-size"),
		hotSeller: s.int("auction.hot-ratio.sellers"),
		hotAuc:    s.int("bid.hot-ratio.auctions"),
		hotBidder: s.int("bid.hot-ratio.bidders"),
		events:    s.int("events.num"),
		stopAt:    s.int("stop-at"),
		keepAlive: s.bool("keep-alive"),
		paced:     s.bool("rate.limited") || !s.bool("max-emit-speed"),
	}
	first, next := s.int("first-event.rate"), s.int("first-event.rate")
	if t.Options["next-event.rate"] != "" {
		next = s.int("next-event.rate")
	}
	period, err := connector.ParseDuration(setting(t, "rate.period"))
	s.fail("rate.period", err)
	if s.err != nil {
		return c, s.err
	}
	c.clock = newClock(s.int("base-time"), first, next, period, setting(t, "rate.shape") == "SINE", s.int("out-of-order.group-size"))
	c.splits, err = splitCount(t, env)
	s.fail("splits", err)
	return c, s.err
}

func splitCount(t connector.Table, env connector.Env) (int64, error) {
	text := t.Options["splits"]
	if text == "" {
		text = env.Params["parallelism.default"]
	}
	if text == "" {
		return int64(runtime.GOMAXPROCS(0)), nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err == nil && n < 1 {
		err = fmt.Errorf("expected a number of at least 1, found '%s'", text)
	}
	return n, err
}
