package group

import "time"

// Expired are the committed offsets whose time is up (KIP-211), and whether the group is to go with them: one without members and
// offsets is nothing.
//
// An offset is kept while somebody reads its topic. Of a classic group without members all go once it has been empty, and of a
// partition that no member subscribes to, or of a group that never had members, once the commit is old, for the retention. An offset
// that an open transaction may replace stays.
func (g *Group) Expired(now time.Time, retention time.Duration) (gone []Partition, all bool) {
	if g.share != nil {
		return nil, false // it stays until it is deleted
	}
	cut := now.Add(-retention).UnixMilli()
	for p, o := range g.offsets {
		if since, ends := g.unread(p, o); ends && since <= cut && !g.Unstable(p) {
			gone = append(gone, p)
		}
	}
	empty := g.State == Empty && len(g.members)+len(g.pending)+len(g.inTxn) == 0
	return gone, empty && len(gone) == len(g.offsets)
}

// unread says whether nobody reads what an offset stands for, and since when, in ms since 1970.
func (g *Group) unread(p Partition, o Offset) (since int64, ends bool) {
	switch {
	case g.modern != nil:
		return o.Time, !g.modern.subscribes(p.Topic)
	case g.ProtocolType == "": // offsets were committed, and nobody ever joined
		return o.Time, true
	case g.State == Empty:
		return max(g.since, o.Time), true
	case g.State == Stable && g.ProtocolType == "consumer":
		return o.Time, !g.Subscribes(p.Topic)
	}
	return 0, false
}
