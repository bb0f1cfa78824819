package share

import (
	"slices"
	"time"
)

// LogBatch is one of a producer's batches in the log.
type LogBatch struct {
	First, Last int64
	// Aborted says that nobody is to see its records: its transaction was aborted, and the group reads committed.
	Aborted bool
}

// Wish is what a member asks for.
type Wish struct {
	Member string
	// Exact bounds the records by MaxRecords (KIP-1206's record_limit); otherwise the last of the producer's batches comes whole.
	Exact      bool
	MaxRecords int
	BatchSize  int // how many records a range should have at most that is acknowledged in one
}

// Range is records in a row that a member has got, and how often they have been delivered, this time included.
type Range struct {
	First, Last int64
	Count       int16
}

// Acquire gives a member records out of what was read from the log at an offset that Next gave.
func (p *Partition) Acquire(now time.Time, lim *Limits, w Wish, from int64, log []LogBatch) []Range {
	if len(log) == 0 || log[len(log)-1].Last < p.start {
		return nil
	}
	a := &acquiring{Partition: p, now: now, lim: lim, Wish: w, log: log, first: log[0].First, last: log[len(log)-1].Last}
	if !a.bound(from) {
		return nil
	}
	p.archiveMissing(from, a.first)
	a.run()
	return a.dropAborted()
}

// acquiring is one call of Acquire.
type acquiring struct {
	*Partition
	Wish
	now         time.Time
	lim         *Limits
	log         []LogBatch
	first, last int64 // what of the log is looked at
	left        int64 // how many records may still be acquired
	got         []Range
}

// bound applies the limits. When the partition is full, only what is in flight already may be acquired, again.
func (a *acquiring) bound(from int64) bool {
	a.left = min(int64(a.MaxRecords), int64(a.lim.Locks)-a.inFlight())
	if a.left <= 0 && a.MaxRecords > 0 && from < a.next {
		a.left, a.last = min(int64(a.MaxRecords), a.next-from), min(a.last, a.next-1)
	}
	return a.left > 0
}

// archiveMissing gives up the available records between two offsets, that the log has no more: compaction took them.
func (p *Partition) archiveMissing(from, to int64) {
	for i := max(p.floor(from), 0); i < len(p.batches) && p.batches[i].first < to; i++ {
		b := &p.batches[i]
		b.change(from, to-1, nil, func(first int64, r *run) {
			if r.state == Available {
				r.state = Archived
				p.put(first, r)
			}
		})
	}
	if p.holes() {
		p.gap = max(p.gap, min(to, p.gapEnd))
	}
}

// run goes over the batches in flight that were read again, the holes between them, and what lies behind.
func (a *acquiring) run() {
	at := max(a.first, a.start)
	i := a.floor(at)
	if i < 0 || a.batches[i].last() < at {
		i++
	}
	for ; i < len(a.batches) && a.batches[i].first <= a.last; i++ {
		if a.left <= 0 {
			return
		}
		if a.holes() && at < a.batches[i].first {
			before := len(a.batches)
			a.fresh(at, a.batches[i].first-1)
			i += len(a.batches) - before
			if a.left <= 0 {
				return
			}
		}
		at = max(at, a.batches[i].last()+1)
		if a.again(&a.batches[i]) {
			return
		}
		if a.holes() {
			a.gap = max(a.gap, min(at, a.gapEnd))
		}
	}
	if a.left > 0 && at <= a.last {
		a.fresh(at, a.last)
	}
}

// again acquires records of a batch in flight that are available, and says whether no more may follow. Records that have been delivered
// often come in smaller and smaller parts, and for the last time alone: one that its reader dies of must not use up the deliveries of its
// neighbours.
func (a *acquiring) again(b *batch) (enough bool) {
	first, last := max(b.first, a.first), min(b.last(), a.last)
	throttled := a.highestCount(b, first, last) >= a.throttleAt()
	if throttled && len(a.got) > 0 {
		return true
	}
	full := first == b.first && last == b.last()
	if !full || b.split || throttled || a.Exact && last-first+1 > a.left {
		if !b.split && b.whole().state != Available {
			return false
		}
		b.split = true
		n := a.subset(b, first, last)
		a.left -= n
		return throttled && n > 0
	}
	r := b.whole()
	if r.state != Available {
		return false
	}
	a.lock(r)
	a.got = append(a.got, Range{b.first, r.last, r.count})
	a.left -= r.last - b.first + 1
	return false
}

func (a *acquiring) lock(r *run) {
	r.state, r.member, r.until = Acquired, a.Member, a.now.Add(a.lim.Lock)
	r.count++
	a.lockUntil(r.until)
}

// throttleAt is the number of deliveries from which on a record is suspect.
func (a *acquiring) throttleAt() int16 { return max(2, (a.lim.Deliveries+1)/2) }

func (a *acquiring) highestCount(b *batch, first, last int64) (most int16) {
	b.each(func(at int64, r *run) {
		if r.state == Available && r.last >= first && at <= last {
			most = max(most, r.count)
		}
	})
	return most
}

// subset acquires available records of a batch whose records are told apart.
func (a *acquiring) subset(b *batch, first, last int64) (n int64) {
	most := int64(-1) // because of suspects; -1 for no bound
	if a.Exact {
		most = a.left
	}
	size := b.last() - b.first + 1
	suspects := false
	from := len(a.got)
	for i, at := 0, b.first; i < len(b.runs) && at <= last && (most < 0 || n < most); i++ {
		if b.runs[i].last < first || b.runs[i].state != Available {
			at = b.runs[i].last + 1
			continue
		}
		if at < first {
			b.cut(i, first-1)
			at = first
			i++
		}
		count := b.runs[i].count
		lastTime := a.lim.Deliveries > 2 && count == a.lim.Deliveries-1
		if lastTime && n > 0 {
			break
		}
		if t := a.throttleAt(); count >= t && !suspects {
			suspects = true
			if part := max(1, size>>(count-t+1)); most < 0 || part < most {
				most = part
			}
			if n >= most {
				break
			}
		}
		end := min(b.runs[i].last, last)
		if most >= 0 {
			end = min(end, at+most-n-1)
		}
		if lastTime {
			end = at
		}
		b.cut(i, end)
		a.lock(&b.runs[i])
		n += end - at + 1
		a.add(from, Range{at, end, count + 1})
		if at = end + 1; lastTime {
			break
		}
	}
	b.merge()
	return n
}

// add adds a range to those from an index on, joining it to the one before where they fit.
func (a *acquiring) add(from int, r Range) {
	if n := len(a.got); n > from && a.got[n-1].Last+1 == r.First && a.got[n-1].Count == r.Count {
		a.got[n-1].Last = r.Last
		return
	}
	a.got = append(a.got, r)
}

// fresh acquires records that are not in flight.
func (a *acquiring) fresh(first, last int64) {
	i := a.floor(first) + 1
	if i < len(a.batches) {
		last = min(last, a.batches[i].first-1)
	}
	if first > last {
		return
	}
	holes := a.holes()
	until := last
	if last-first+1 > a.left {
		if until = a.endOfBatch(first + a.left - 1); holes || i < len(a.batches) {
			until = min(until, last)
		}
		if whole := first + wholeBatch*int64(a.lim.Locks) - 1; until > whole {
			until = whole
		}
	}
	if i == 0 && !holes {
		a.start = max(a.start, first) // there is nothing before
	}
	taken := a.ranges(first, until)
	batches := make([]batch, len(taken))
	for j, r := range taken {
		batches[j] = batch{first: r.First, runs: []run{{last: r.Last}}}
		a.lock(batches[j].whole())
	}
	if n := until - first + 1; a.Exact && n > a.left {
		b := &batches[0]
		b.cut(0, first+a.left-1)
		b.runs[1] = run{last: until}
		b.split = true
		taken[0].Last = first + a.left - 1
	}
	a.batches = slices.Insert(a.batches, i, batches...)
	a.next = max(a.next, until+1)
	a.left -= until - first + 1
	if a.gapped && a.gapEnd == a.next {
		a.gap = max(a.gap, until+1)
	}
	a.got = append(a.got, taken...)
}

// endOfBatch is the end of the producer's batch that holds an offset.
func (a *acquiring) endOfBatch(offset int64) int64 {
	for _, b := range a.log {
		if b.First <= offset && offset <= b.Last {
			return b.Last
		}
	}
	return offset
}

// ranges are the parts in which new records are acknowledged: one, or as many as the client's batch size makes of the producers' batches.
func (a *acquiring) ranges(first, last int64) (out []Range) {
	if !a.Exact && last-first+1 > int64(a.BatchSize) {
		for _, b := range a.log {
			if b.First > last {
				break
			}
			if b.First > first && b.First-first >= int64(a.BatchSize) {
				out = append(out, Range{first, b.First - 1, 1})
				first = b.First
			}
		}
	}
	return append(out, Range{first, last, 1})
}

// dropAborted takes the records of aborted transactions out of what was acquired, and gives them up.
func (a *acquiring) dropAborted() []Range {
	for _, b := range a.log {
		if !b.Aborted {
			continue
		}
		var kept []Range
		for _, r := range a.got {
			if r.Last < b.First || r.First > b.Last {
				kept = append(kept, r)
				continue
			}
			a.archive(max(r.First, b.First), min(r.Last, b.Last))
			if r.First < b.First {
				kept = append(kept, Range{r.First, b.First - 1, r.Count})
			}
			if r.Last > b.Last {
				kept = append(kept, Range{b.Last + 1, r.Last, r.Count})
			}
		}
		a.got = kept
	}
	return a.got
}

// archive gives up records that were acquired.
func (p *Partition) archive(first, last int64) {
	for i := max(p.floor(first), 0); i < len(p.batches) && p.batches[i].first <= last; i++ {
		b := &p.batches[i]
		b.change(first, last, nil, func(at int64, r *run) {
			*r = run{last: r.last, state: Archived, count: r.count}
			p.put(at, r)
		})
	}
}
