package group

import (
	"cmp"
	"maps"
	"slices"
)

// assignees is what an assignor decides on: the members, what each wants with the number of partitions, and the target so far.
type assignees struct {
	members []assignee // in an order that depends on nothing but the group
}

type assignee struct {
	id       string
	instance string // empty for a dynamic member
	wants    map[TopicID]int32
	had      Assignment
}

// assignors are the server-side assignors. Every wanted partition is given to one member that wants it, and to one only.
var assignors = map[string]func(*assignees) map[string]Assignment{"uniform": assignUniform, "range": assignRange}

// same says whether all members want the same topics.
func (as *assignees) same() bool {
	for _, m := range as.members[1:] {
		if !maps.Equal(m.wants, as.members[0].wants) {
			return false
		}
	}
	return true
}

// topics are all wanted topics by id, with the members that want them, by their place.
func (as *assignees) topics() (ids []TopicID, partitions map[TopicID]int32, wantedBy map[TopicID][]int) {
	partitions, wantedBy = map[TopicID]int32{}, map[TopicID][]int{}
	for i, m := range as.members {
		for id, n := range m.wants {
			if partitions[id] = n; wantedBy[id] == nil {
				ids = append(ids, id)
			}
			wantedBy[id] = append(wantedBy[id], i)
		}
	}
	slices.SortFunc(ids, func(a, b TopicID) int { return slices.Compare(a[:], b[:]) })
	return ids, partitions, wantedBy
}

// draft is an assignment in the making.
type draft struct {
	as    *assignees
	given []Assignment // by member
}

func (as *assignees) draft() *draft {
	s := &draft{as: as, given: make([]Assignment, len(as.members))}
	for i := range s.given {
		s.given[i] = Assignment{}
	}
	return s
}

func (s *draft) result() map[string]Assignment {
	out := make(map[string]Assignment, len(s.given))
	for i, m := range s.as.members {
		out[m.id] = s.given[i]
	}
	return out
}

// kept are the partitions that a member had and still wants, in order.
func (m *assignee) kept() (out []IDPartition) {
	for p := range m.had {
		if n, ok := m.wants[p.ID]; ok && p.Partition < n {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, comparePartitions)
	return out
}

func comparePartitions(a, b IDPartition) int {
	return cmp.Or(slices.Compare(a.ID[:], b.ID[:]), cmp.Compare(a.Partition, b.Partition))
}

// assignUniform balances the number of partitions first, and moves as few as it can second.
func assignUniform(as *assignees) map[string]Assignment {
	if as.same() {
		return as.uniformSame()
	}
	return as.uniformMixed()
}

// uniformSame: all members want the same, so a member's share is known beforehand, give or take one partition. Those that have one
// more already keep it.
func (as *assignees) uniformSame() map[string]Assignment {
	s, free := as.draft(), map[IDPartition]bool{}
	for id, n := range as.members[0].wants {
		for p := range n {
			free[IDPartition{id, p}] = true
		}
	}
	least, extra := len(free)/len(as.members), len(free)%len(as.members)
	room := make([]int, len(as.members))
	var hungry []int
	for i := range as.members {
		kept := as.members[i].kept()
		if room[i] = least; len(kept) > least && extra > 0 {
			room[i]++
			extra--
		} else {
			hungry = append(hungry, i)
		}
		for _, p := range kept[:min(len(kept), room[i])] {
			s.given[i][p] = 0
			delete(free, p)
		}
	}
	for _, i := range hungry {
		if extra > 0 {
			room[i]++
			extra--
		}
	}
	rest := slices.SortedFunc(maps.Keys(free), comparePartitions)
	for i := range s.given {
		for ; len(s.given[i]) < room[i]; rest = rest[1:] {
			s.given[i][rest[0]] = 0
		}
	}
	return s.result()
}

// uniformMixed: members keep what they had, what is left goes to the least loaded of those that want it, scarce topics first, and then
// partitions move, topic by topic, from the most to the least loaded while that makes them more equal. Each move lowers the sum of the
// squares of the loads, so it ends.
func (as *assignees) uniformMixed() map[string]Assignment {
	s := as.draft()
	ids, partitions, wantedBy := as.topics()
	slices.SortStableFunc(ids, func(a, b TopicID) int { return cmp.Compare(len(wantedBy[a]), len(wantedBy[b])) })
	owner := map[IDPartition]int{}
	for i := range as.members {
		for _, p := range as.members[i].kept() {
			if _, ok := owner[p]; !ok {
				s.given[i][p], owner[p] = 0, i
			}
		}
	}
	for _, id := range ids {
		for n := range partitions[id] {
			p := IDPartition{id, n}
			if _, ok := owner[p]; !ok {
				to, _ := s.extremes(wantedBy[id], IDPartition{})
				s.given[to][p], owner[p] = 0, to
			}
		}
	}
	for moved := true; moved; {
		moved = false
		for _, id := range ids {
			for s.level(id, wantedBy[id]) {
				moved = true
			}
		}
	}
	return s.result()
}

// extremes are the least and the most loaded of some members; the most loaded among those that have a partition of the topic, -1 if
// none has.
func (s *draft) extremes(members []int, topic IDPartition) (least, most int) {
	least, most = members[0], -1
	for _, i := range members {
		if len(s.given[i]) < len(s.given[least]) {
			least = i
		}
		if (most < 0 || len(s.given[i]) > len(s.given[most])) && s.has(i, topic.ID) {
			most = i
		}
	}
	return least, most
}

func (s *draft) has(i int, id TopicID) bool {
	for p := range s.given[i] {
		if p.ID == id {
			return true
		}
	}
	return false
}

// level moves one partition of a topic, one that its member did not have before if there is one, and says whether it did.
func (s *draft) level(id TopicID, members []int) bool {
	least, most := s.extremes(members, IDPartition{ID: id})
	if most < 0 || len(s.given[most]) <= len(s.given[least])+1 {
		return false
	}
	var best IDPartition
	found, old := false, false
	for p := range s.given[most] {
		_, had := s.as.members[most].had[p]
		if p.ID == id && (!found || old && !had || old == had && p.Partition > best.Partition) {
			best, found, old = p, true, had
		}
	}
	delete(s.given[most], best)
	s.given[least][best] = 0
	return true
}

// assignRange gives each member a range of every topic that it wants: members of topics of one size that all want get the same numbers,
// so that topics partitioned alike can be joined. Static members come first, by their instance ids, so that a restart changes nothing.
func assignRange(as *assignees) map[string]Assignment {
	slices.SortFunc(as.members, func(a, b assignee) int {
		if (a.instance == "") != (b.instance == "") {
			return cmp.Compare(b.instance, a.instance)
		}
		return cmp.Or(cmp.Compare(a.instance, b.instance), cmp.Compare(a.id, b.id))
	})
	s := as.draft()
	ids, partitions, wantedBy := as.topics()
	for _, id := range ids {
		least, extra, next := int(partitions[id])/len(wantedBy[id]), int(partitions[id])%len(wantedBy[id]), int32(0)
		for k, i := range wantedBy[id] {
			n := least
			if k < extra {
				n++
			}
			for range n {
				s.given[i][IDPartition{id, next}] = 0
				next++
			}
		}
	}
	return s.result()
}
