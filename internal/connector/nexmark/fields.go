package nexmark

import (
	"math/bits"
	"strconv"
)

// field makes one field of one kind of event: number or text, whichever is not nil,
// of the event that comes in place n at time t (ms since 1970).
type field struct {
	time   bool // a timestamp; otherwise a BIGINT
	number func(g *generator, n, t int64) int64
	text   func(g *generator, dst []byte, n int64) []byte
}

// Streams of random numbers. Fields that are drawn together share one.
const (
	ofName = iota
	ofEmail
	ofCard
	ofCity
	ofState
	ofExtra
	ofDescription
	ofInitialBid
	ofReserve
	ofExpires
	ofSeller
	ofCategory
	ofAuction
	ofBidder
	ofPrice
	ofChannel
	ofURL
)

var (
	cities     = []string{"Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond", "Seattle", "Kent", "Cheyenne"}
	states     = []string{"AZ", "CA", "ID", "OR", "WA", "WY"}
	firstNames = []string{"Ada", "Blaise", "Carl", "Donald", "Edsger", "Frances", "Grace", "Hedy", "Ivan", "Jean", "Katherine"}
	lastNames  = []string{"Allen", "Bartik", "Dijkstra", "Gauss", "Hopper", "Johnson", "Knuth", "Lamarr", "Pascal"}
	// hotChannel are the four that half of all bids come by.
	hotChannel = [hotChannels]string{"Google", "Facebook", "Baidu", "Apple"}
)

var eventTime = field{time: true, number: func(_ *generator, _, t int64) int64 { return t }}

// fields are those that the ROWs of a table may have. The event's time has two names
// in the public texts.
var fields = [...]map[string]field{
	person: {
		"id":           {number: func(g *generator, n, _ int64) int64 { return g.ids.lastPerson(n) + firstPerson }},
		"name":         {text: (*generator).personName},
		"emailAddress": {text: (*generator).email},
		"creditCard":   {text: (*generator).creditCard},
		"city":         {text: (*generator).city},
		"state":        {text: (*generator).state},
		"dateTime":     eventTime,
		"customTime":   eventTime,
		"extra":        {text: (*generator).personExtra},
	},
	auction: {
		"id":          {number: func(g *generator, n, _ int64) int64 { return g.ids.lastAuction(n) + firstAuction }},
		"itemName":    {text: (*generator).itemName},
		"description": {text: (*generator).description},
		"initialBid":  {number: func(g *generator, n, _ int64) int64 { return g.price(n, ofInitialBid) }},
		"reserve":     {number: func(g *generator, n, _ int64) int64 { return g.price(n, ofInitialBid) + g.price(n, ofReserve) }},
		"dateTime":    eventTime,
		"customTime":  eventTime,
		"expires":     {time: true, number: (*generator).expires},
		"seller":      {number: (*generator).seller},
		"category":    {number: (*generator).category},
		"extra":       {text: (*generator).auctionExtra},
	},
	bid: {
		"auction":    {number: (*generator).bidAuction},
		"bidder":     {number: (*generator).bidder},
		"price":      {number: func(g *generator, n, _ int64) int64 { return g.price(n, ofPrice) }},
		"channel":    {text: (*generator).channel},
		"url":        {text: (*generator).url},
		"dateTime":   eventTime,
		"customTime": eventTime,
		"extra":      {text: (*generator).bidExtra},
	},
}

// generator makes fields. It belongs to one reader.
type generator struct {
	config
	scratch []byte
	urls    [][]byte // by channel, made when first asked for
}

func newGenerator(c config) *generator {
	return &generator{config: c, urls: make([][]byte, hotChannels+otherChannels)}
}

func (g *generator) price(n int64, stream uint64) int64 {
	r := of(g.seed, n, stream)
	return r.price()
}

func pick(g *generator, dst []byte, n int64, stream uint64, from []string) []byte {
	r := of(g.seed, n, stream)
	return append(dst, from[r.below(int64(len(from)))]...)
}

func (g *generator) personName(dst []byte, n int64) []byte {
	r := of(g.seed, n, ofName)
	dst = append(dst, firstNames[r.below(int64(len(firstNames)))]...)
	dst = append(dst, ' ')
	return append(dst, lastNames[r.below(int64(len(lastNames)))]...)
}

func (g *generator) email(dst []byte, n int64) []byte {
	r := of(g.seed, n, ofEmail)
	dst = append(r.word(dst, 7, ' '), '@')
	return append(r.word(dst, 5, ' '), ".com"...)
}

func (g *generator) creditCard(dst []byte, n int64) []byte {
	r := of(g.seed, n, ofCard)
	for i := range 4 {
		if i > 0 {
			dst = append(dst, ' ')
		}
		x := r.below(10000)
		dst = append(dst, byte('0'+x/1000), byte('0'+x/100%10), byte('0'+x/10%10), byte('0'+x%10))
	}
	return dst
}

func (g *generator) city(dst []byte, n int64) []byte  { return pick(g, dst, n, ofCity, cities) }
func (g *generator) state(dst []byte, n int64) []byte { return pick(g, dst, n, ofState, states) }

// personExtra fills up to the size: the id counts eight bytes, and texts their length.
func (g *generator) personExtra(dst []byte, n int64) []byte {
	s := g.state(g.city(g.creditCard(g.email(g.personName(g.scratch[:0], n), n), n), n), n)
	g.scratch = s
	r := of(g.seed, n, ofExtra)
	return r.extra(dst, 8+int64(len(s)), g.personAvg)
}

func (g *generator) itemName(dst []byte, n int64) []byte {
	r := of(g.seed, n, ofName)
	return r.word(dst, 20, ' ')
}

func (g *generator) description(dst []byte, n int64) []byte {
	r := of(g.seed, n, ofDescription)
	return r.word(dst, 100, ' ')
}

func (g *generator) auctionExtra(dst []byte, n int64) []byte {
	s := g.description(g.itemName(g.scratch[:0], n), n)
	g.scratch = s
	r := of(g.seed, n, ofExtra)
	return r.extra(dst, 6*8+int64(len(s)), g.aucAvg)
}

// expires is between one millisecond after the auction began and twice the time that
// it takes until as many new ones as are in flight have come.
func (g *generator) expires(n, t int64) int64 {
	ahead := inFlight * g.ids.total / g.ids.auctions
	r := of(g.seed, n, ofExpires)
	return t + 1 + r.below(max(1, 2*(g.clock.at(n+ahead)-t)))
}

func (g *generator) seller(n, _ int64) int64 {
	r := of(g.seed, n, ofSeller)
	if r.below(g.hotSeller) > 0 {
		return g.ids.lastPerson(n)/hotSellers*hotSellers + firstPerson
	}
	return g.ids.anyPerson(n, &r) + firstPerson
}

func (g *generator) category(n, _ int64) int64 {
	r := of(g.seed, n, ofCategory)
	return firstCategory + r.below(categories)
}

func (g *generator) bidAuction(n, _ int64) int64 {
	r := of(g.seed, n, ofAuction)
	if r.below(g.hotAuc) > 0 {
		return g.ids.lastAuction(n)/hotAuctions*hotAuctions + firstAuction
	}
	return g.ids.anyAuction(n, &r) + firstAuction
}

// bidder is the second of the last hundred persons where it is the hot one, so that
// hot bidders and hot sellers are not the same. The first id is added twice, as the
// public generator does: most bidders are no persons yet, which queries that join
// them see.
func (g *generator) bidder(n, _ int64) int64 {
	r := of(g.seed, n, ofBidder)
	if r.below(g.hotBidder) > 0 {
		return g.ids.lastPerson(n)/hotBidders*hotBidders + 1 + 2*firstPerson
	}
	return g.ids.anyPerson(n, &r) + 2*firstPerson
}

// channelOf is a hot channel, or hotChannels and the number of another one.
func (g *generator) channelOf(n int64) int64 {
	r := of(g.seed, n, ofChannel)
	if r.below(2) > 0 {
		return r.below(hotChannels)
	}
	return hotChannels + r.below(otherChannels)
}

func (g *generator) channel(dst []byte, n int64) []byte {
	c := g.channelOf(n)
	if c < hotChannels {
		return append(dst, hotChannel[c]...)
	}
	return strconv.AppendInt(append(dst, "channel-"...), c-hotChannels, 10)
}

// url is the channel's. That of nine channels in ten, the hot ones apart, says which
// one it is: the bits of its number in reverse, without a sign.
func (g *generator) url(dst []byte, n int64) []byte {
	c := g.channelOf(n)
	if g.urls[c] == nil {
		r := of(g.seed, c, ofURL)
		u := []byte("https://www.nexmark.com/")
		for range 3 {
			u = append(r.word(u, 5, '_'), '/')
		}
		u = append(u, "item.htm?query=1"...)
		if c >= hotChannels && r.below(10) > 0 {
			id := int64(int32(bits.Reverse32(uint32(c - hotChannels))))
			u = strconv.AppendInt(append(u, "&channel_id="...), max(id, -id), 10)
		}
		g.urls[c] = u
	}
	return append(dst, g.urls[c]...)
}

func (g *generator) bidExtra(dst []byte, n int64) []byte {
	r := of(g.seed, n, ofExtra)
	return r.extra(dst, 4*8, g.bidAvg)
}
