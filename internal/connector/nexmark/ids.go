package nexmark

// Identifiers begin here, so that the queries' constants are met in small runs.
const (
	firstPerson   = 1000
	firstAuction  = 1000
	firstCategory = 10
)

const (
	categories    = 5
	inFlight      = 100  // auctions that bids go to
	activePeople  = 1000 // persons that bid and sell
	idLead        = 10   // how far bids and auctions run ahead of the ids that there are
	hotAuctions   = 100  // one auction in so many is hot, its turn
	hotSellers    = 100
	hotBidders    = 100
	hotChannels   = 4
	otherChannels = 10_000
)

// kind is which event it is; the numbers are those of the column event_type.
type kind uint8

const (
	person kind = iota
	auction
	bid
)

// ids knows from an event's number what it is and which persons and auctions there
// are when it comes. Of every total events the first are persons, the next auctions,
// the rest bids:
//
//	|P|A A A|B B … B|P|A A A|B …
type ids struct{ persons, auctions, total int64 }

func newIDs(persons, auctions, bids int64) ids {
	return ids{persons, auctions, persons + auctions + bids}
}

func (c *ids) kind(n int64) kind {
	switch at := n % c.total; {
	case at < c.persons:
		return person
	case at < c.persons+c.auctions:
		return auction
	}
	return bid
}

// lastPerson is the newest person at event n, counted from 0: itself if it is one.
func (c *ids) lastPerson(n int64) int64 {
	return n/c.total*c.persons + min(n%c.total, c.persons-1)
}

// lastAuction is the same of auctions, -1 before the first.
func (c *ids) lastAuction(n int64) int64 {
	at := n%c.total - c.persons
	if at < 0 {
		return n/c.total*c.auctions - 1
	}
	return n/c.total*c.auctions + min(at, c.auctions-1)
}

// anyPerson is a person who is active, or one of the next that will come.
func (c *ids) anyPerson(n int64, r *random) int64 {
	people := c.lastPerson(n) + 1
	active := min(people, activePeople)
	return people - active + r.below(active+idLead)
}

// anyAuction is an auction that may still run, or one of the next.
func (c *ids) anyAuction(n int64, r *random) int64 {
	last := c.lastAuction(n)
	first := max(last-inFlight, 0)
	return first + r.below(last-first+1+idLead)
}
