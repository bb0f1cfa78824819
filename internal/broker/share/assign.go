package share

import (
	"slices"
)

// assign computes the target: Kafka's simple assignor. While there are more partitions than members each partition has one member and
// each member its equal part; with more members than partitions a partition has several, ceil(members / partitions). What a member has
// it keeps, as far as that is equal. If all subscribe to the same, all partitions are shared out together, otherwise topic by topic.
//
// Members come in the order of their ids, where Kafka takes them as a hash map yields them.
func (g *Group) assign() map[string]Assignment {
	members := g.sorted()
	target := make(map[string]Assignment, len(members))
	subscribers := map[string][]*member{}
	same := true
	for _, m := range members {
		target[m.id] = Assignment{}
		same = same && slices.Equal(m.Topics, members[0].Topics)
		for _, t := range m.Topics {
			subscribers[t] = append(subscribers[t], m)
		}
	}
	var all []IDPartition
	for _, name := range g.subscribed() {
		id, n, ok := g.config.Topics.ByName(name)
		if !ok {
			continue
		}
		for _, i := range g.initialized[id].partitions {
			if i < n {
				all = append(all, IDPartition{id, i})
			}
		}
		if !same {
			g.shareOut(all, subscribers[name], target)
			all = all[:0]
		}
	}
	g.shareOut(all, members, target)
	return target
}

// shareOut adds to the target what members get of partitions.
func (g *Group) shareOut(partitions []IDPartition, members []*member, target map[string]Assignment) {
	if len(partitions) == 0 {
		return
	}
	P, M := len(partitions), len(members)
	sharing := (M + P - 1) / P
	upTo := func(i int) int { return (sharing*P*i + M - 1) / M } // of sharing*P places, those of the first i members
	has := map[IDPartition][]string{}
	var unfilled []*member
	for i, m := range members {
		want := upTo(i+1) - upTo(i)
		m.want = want
		for _, p := range partitions {
			if _, had := g.target[m.id][p]; had && want > 0 && len(has[p]) < sharing {
				has[p] = append(has[p], m.id)
				target[m.id][p] = struct{}{}
				want--
			}
		}
		if m.want = want; want > 0 {
			unfilled = append(unfilled, m)
		}
	}
	next := 0
	for _, p := range partitions {
		for passed := 0; len(has[p]) < sharing && passed < len(unfilled); {
			next %= len(unfilled)
			m := unfilled[next]
			if _, got := target[m.id][p]; got {
				next++
				passed++
				continue
			}
			has[p] = append(has[p], m.id)
			target[m.id][p] = struct{}{}
			if m.want--; m.want == 0 {
				unfilled = slices.Delete(unfilled, next, next+1)
			} else {
				next++
			}
			passed = 0
		}
	}
}
