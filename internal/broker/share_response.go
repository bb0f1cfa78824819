package broker

import (
	"github.com/millrace/millrace/internal/broker/share"
	"github.com/millrace/millrace/internal/commitlog"
)

// shareFetchAnswer is the answer to a ShareFetch. It is written as a fetch response is: the fields first, with cuts where ranges of files
// go (fetch_response.go).
type shareFetchAnswer struct {
	throttleMS int32
	code       int16
	lock       int32 // how long a lock holds, in ms
	topics     []shareAnswerTopic
}

type shareAnswerTopic struct {
	id    share.TopicID
	parts []*shareAnswerPart
}

type shareAnswerPart struct {
	index       int32
	err, ackErr error
	chunk       commitlog.Chunk
	got         []share.Range
}

// part is the place of a partition in the answer, made if it is not there.
func (a *shareFetchAnswer) part(p share.IDPartition) *shareAnswerPart {
	var t *shareAnswerTopic
	for i := range a.topics {
		if a.topics[i].id == p.ID {
			t = &a.topics[i]
		}
	}
	if t == nil {
		a.topics = append(a.topics, shareAnswerTopic{id: p.ID})
		t = &a.topics[len(a.topics)-1]
	}
	for _, part := range t.parts {
		if part.index == p.Partition {
			return part
		}
	}
	part := &shareAnswerPart{index: p.Partition}
	t.parts = append(t.parts, part)
	return part
}

func (a *shareFetchAnswer) each(f func(p *shareAnswerPart)) {
	for i := range a.topics {
		for _, p := range a.topics[i].parts {
			f(p)
		}
	}
}

// size is about what the answer takes on the wire.
func (a *shareFetchAnswer) size() (n int) {
	n = 32
	a.each(func(p *shareAnswerPart) { n += 48 + p.chunk.Len() })
	return n
}

// setThrottle leaves the records where they are: they have been acquired, and would be locked for nothing.
func (a *shareFetchAnswer) setThrottle(ms int32) { a.throttleMS = ms }

func (a *shareFetchAnswer) release() { a.each(func(p *shareAnswerPart) { p.chunk.Release() }) }

func (a *shareFetchAnswer) write(c *conn, at int) error {
	w := &writer{b: c.fields[:0], flexible: true}
	cuts := a.fields(w)
	c.fields = w.b
	return c.sendCut(w.b, cuts, at)
}

func (a *shareFetchAnswer) fields(w *writer) (cuts []cut) {
	w.int32(a.throttleMS)
	w.int16(a.code)
	w.optional(nil)
	w.int32(a.lock)
	w.length(len(a.topics))
	for i := range a.topics {
		t := &a.topics[i]
		w.uuid(t.id)
		w.length(len(t.parts))
		for _, p := range t.parts {
			w.int32(p.index)
			w.int16(codeOf(p.err))
			w.optional(shareText(p.err))
			w.int16(codeOf(p.ackErr))
			w.optional(shareText(p.ackErr))
			w.int32(0) // the leader, told to who believes in another: there is none
			w.int32(leaderEpoch)
			w.tags()
			w.length(p.chunk.Len())
			cuts = append(cuts, cut{len(w.b), &p.chunk})
			w.length(len(p.got))
			for _, r := range p.got {
				w.int64(r.First)
				w.int64(r.Last)
				w.int16(r.Count)
				w.tags()
			}
			w.tags()
		}
		w.tags()
	}
	w.length(0) // endpoints of other leaders
	w.tags()
	return cuts
}

func (w *writer) optional(s *string) {
	if s == nil {
		w.nullableString("", true)
		return
	}
	w.string(*s)
}
