package group

import (
	"encoding/binary"
	"hash/fnv"
	"maps"
	"slices"
	"time"
)

// refresh looks at the topics again: patterns, and what members subscribe to. The group's epoch rises by one for each that
// is not what it was.
func (g *Group) refresh(now time.Time, subscription bool, may Describer) {
	mo, version := g.modern, g.config.Topics.Version() // before they are looked at: what changes meanwhile is seen next time
	rise := int32(0)
	if subscription {
		rise = 1
	}
	if g.matchPatterns(now, mo.seen != version, may) {
		rise++
	}
	hash := mo.hash
	if rise > 0 || mo.seen != version {
		hash, mo.seen = mo.hashTopics(g.config.Topics), version
	}
	if hash != mo.hash && rise == 0 {
		rise = 1
	}
	epoch := mo.epoch + rise
	if mo.epoch == 0 {
		epoch++ // a new group is never at 0, which is what a member says that joins
	}
	if epoch != mo.epoch || hash != mo.hash {
		g.emit(change{kind: keyEpoch, epoch: epoch, hash: hash})
	}
}

// matchPatterns resolves the patterns in use that are new, or all of them, and drops the others.
func (g *Group) matchPatterns(now time.Time, all bool, may Describer) (changed bool) {
	mo := g.modern
	for _, pattern := range slices.Sorted(maps.Keys(g.dropPatterns())) {
		topics, known := mo.patterns[pattern]
		if known && !all {
			continue
		}
		matching := g.matching(pattern, may)
		if !known || !slices.Equal(topics, matching) {
			changed = changed || !slices.Equal(topics, matching)
			g.emit(change{kind: keyPattern, name: pattern, topics: matching, time: now.UnixMilli()})
		}
	}
	return changed
}

// dropPatterns forgets the patterns that nobody uses, and gives the others.
func (g *Group) dropPatterns() (used map[string]bool) {
	mo := g.modern
	used = map[string]bool{}
	for _, m := range mo.members {
		if m.Pattern != "" {
			used[m.Pattern] = true
		}
	}
	for _, pattern := range slices.Sorted(maps.Keys(mo.patterns)) {
		if !used[pattern] {
			g.emit(change{kind: keyPattern, name: pattern, gone: true})
		}
	}
	return used
}

// matching are the topics that may be known and whose whole name a pattern matches; none for a pattern that another server accepted and this one cannot read.
func (g *Group) matching(pattern string, may Describer) (out []string) {
	re, err := compilePattern(pattern)
	if err != nil {
		return nil
	}
	for _, name := range g.config.Topics.Names() {
		if re.MatchString(name) && (may == nil || may(name)) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// hashTopics stands for the topics that the group subscribes to: ids and sizes. Nobody but this program compares it.
func (mo *modern) hashTopics(topics Topics) int64 {
	all := map[TopicID]int32{}
	for _, m := range mo.members {
		maps.Copy(all, mo.subscribed(m, topics))
	}
	if len(all) == 0 {
		return 0
	}
	h := fnv.New64a()
	for _, id := range slices.SortedFunc(maps.Keys(all), func(a, b TopicID) int { return slices.Compare(a[:], b[:]) }) {
		h.Write(id[:])
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(all[id])))
	}
	return int64(h.Sum64())
}

// retarget computes the target if the group has changed since the last one.
func (g *Group) retarget(now time.Time) {
	mo := g.modern
	if mo.epoch <= mo.targetEpoch || len(mo.members) == 0 {
		return
	}
	as := &assignees{}
	for _, m := range mo.sortedMembers() {
		a := assignee{id: m.id, wants: mo.subscribed(m, g.config.Topics), had: mo.target[m.id]}
		if m.InstanceID != nil {
			a.instance = *m.InstanceID
		}
		as.members = append(as.members, a)
	}
	assign := assignors[mo.assignor(&g.config)]
	if assign == nil {
		assign = assignUniform // one that was configured when the member said so
	}
	target := assign(as)
	for _, id := range slices.Sorted(maps.Keys(target)) {
		if old, ok := mo.target[id]; !ok || !maps.Equal(old, target[id]) {
			g.emit(change{kind: keyTarget, name: id, assigned: target[id]})
		}
	}
	g.emit(change{kind: keyTargetEpoch, epoch: mo.epoch, time: now.UnixMilli()})
}

// reconcile takes a member as far towards its target as it can go now:
//
//	         there is something to let go                    it owns nothing of that any more
//	Stable ───────────────────────────────▶ UnrevokedPartitions ───────────────────┐
//	   │                                                                           ▼
//	   └────── nothing to let go, but others still own what it is to get ──▶ UnreleasedPartitions ──▶ Stable
//
// owned are the partitions that it says it has; without them known is false, and it is taken to have all.
func (g *Group) reconcile(now time.Time, m *modernMember, owned map[IDPartition]bool, known bool) {
	mo := g.modern
	holds := func(a Assignment) bool {
		for p := range a {
			if !known || owned[p] {
				return true
			}
		}
		return false
	}
	if m.reconciled(mo.targetEpoch) || m.state == memberUnrevoked && holds(m.revoking) {
		return
	}
	target := mo.target[m.id]
	next := change{kind: keyCurrent, name: m.id, epoch: m.epoch, previous: m.epoch, state: memberStable, assigned: Assignment{}, revoking: Assignment{}}
	for p, since := range m.assigned {
		if _, ok := target[p]; ok {
			next.assigned[p] = since
		} else {
			next.revoking[p] = since
		}
	}
	if len(next.revoking) > 0 && holds(next.revoking) {
		next.state = memberUnrevoked
	} else {
		next.revoking, next.epoch = Assignment{}, mo.targetEpoch
		for p := range target {
			if _, ok := next.assigned[p]; ok {
				continue
			}
			if owner, taken := mo.owners[p]; taken && owner != m.id {
				next.state = memberUnreleased
				continue
			}
			next.assigned[p] = next.epoch
		}
	}
	if next.epoch == m.epoch && next.state == m.state && maps.Equal(next.assigned, m.assigned) && maps.Equal(next.revoking, m.revoking) {
		return
	}
	g.emit(next)
	if m.revokeBy = (time.Time{}); m.state == memberUnrevoked {
		m.revokeBy = now.Add(m.Rebalance)
	}
}

// removeModern removes members, and raises the epoch for those that stay.
func (g *Group) removeModern(now time.Time, gone []*modernMember) {
	if len(gone) == 0 {
		return
	}
	mo := g.modern
	for _, m := range gone {
		g.emit(change{kind: keyCurrent, name: m.id, gone: true})
		g.emit(change{kind: keyTarget, name: m.id, gone: true})
		g.emit(change{kind: keyMember, name: m.id, gone: true})
	}
	if g.maybeDowngrade(now) {
		return
	}
	g.dropPatterns()
	g.emit(change{kind: keyEpoch, epoch: mo.epoch + 1, hash: mo.hashTopics(g.config.Topics)})
	g.settleModern()
}

// settleModern says where the group is after a command.
func (g *Group) settleModern() {
	if g.modern != nil {
		g.State, g.ProtocolType = g.modern.phase(), "consumer"
	}
}
