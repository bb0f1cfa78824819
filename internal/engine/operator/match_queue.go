package operator

import "math"

// matchRun is a match in the making: rows that follow on each other, the first
// counts[0] of which are the first variable's, and so on.
type matchRun struct {
	state int32
	// first is the number of its first row in the partition; at that row's time. The
	// run without rows, from which each row may start one, is behind all others.
	first, at int64
	counts    []int32
}

const noFirst = math.MaxInt64

func (r *matchRun) len() int64 {
	n := int64(0)
	for _, c := range r.counts {
		n += int64(c)
	}
	return n
}

// matchQueue is a heap of runs by their first rows. Of several matches that begin
// with the same row Flink emits the one that java.util.PriorityQueue has in front,
// so this must sift, and be visited, just as that one.
type matchQueue []matchRun

func (q *matchQueue) push(r matchRun) {
	*q = append(*q, r)
	s := *q
	k := len(s) - 1
	for k > 0 {
		parent := (k - 1) / 2
		if r.first >= s[parent].first {
			break
		}
		s[k] = s[parent]
		k = parent
	}
	s[k] = r
}

func (q *matchQueue) pop() matchRun {
	s := *q
	top, last := s[0], s[len(s)-1]
	s = s[:len(s)-1]
	*q = s
	if len(s) > 0 {
		s.down(0, last)
	}
	return top
}

func (q matchQueue) down(k int, r matchRun) {
	for k < len(q)/2 {
		child := 2*k + 1
		if child+1 < len(q) && q[child].first > q[child+1].first {
			child++
		}
		if r.first <= q[child].first {
			break
		}
		q[k] = q[child]
		k = child
	}
	q[k] = r
}

// prune drops runs that begin before a row.
func (q *matchQueue) prune(before int64) {
	kept := (*q)[:0]
	for _, r := range *q {
		if r.first == noFirst || r.first >= before {
			kept = append(kept, r)
		}
	}
	if len(kept) == len(*q) {
		return
	}
	*q = kept
	for i := len(kept)/2 - 1; i >= 0; i-- {
		kept.down(i, kept[i])
	}
}
