package operator

import "cmp"

// timer says that something is due for a row of a table.
type timer struct {
	at  int64 // the last millisecond that must be over
	age int64 // of the row: among equals the oldest comes first, also after a restore
	id  int32
}

func (t timer) before(o timer) bool {
	return cmp.Or(cmp.Compare(t.at, o.at), cmp.Compare(t.age, o.age), cmp.Compare(t.id, o.id)) < 0
}

// timers is a heap, the earliest first. It is derived from a table, and made anew
// when that is restored. Times mostly come in order, so that a push moves little.
type timers []timer

func (h *timers) push(t timer) {
	s := append(*h, t)
	i := len(s) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !t.before(s[up]) {
			break
		}
		s[i] = s[up]
		i = up
	}
	s[i] = t
	*h = s
}

// due takes the earliest timer out if its time is not after at.
func (h *timers) due(at int64) (timer, bool) {
	s := *h
	if len(s) == 0 || s[0].at > at {
		return timer{}, false
	}
	top, last := s[0], s[len(s)-1]
	s = s[:len(s)-1]
	*h = s
	if len(s) == 0 {
		return top, true
	}
	i := 0
	for {
		child := 2*i + 1
		if child >= len(s) {
			break
		}
		if child+1 < len(s) && s[child+1].before(s[child]) {
			child++
		}
		if !s[child].before(last) {
			break
		}
		s[i] = s[child]
		i = child
	}
	s[i] = last
	return top, true
}

func (h *timers) clear() { *h = (*h)[:0] }
