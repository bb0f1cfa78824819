package share

import (
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
)

// What tools do with a group's share partitions. The states themselves are the caller's: he makes or deletes them with the records.

// Initialized says whether the group has a share partition.
func (g *Group) Initialized(id TopicID, partition int32) bool {
	return slices.Contains(g.initialized[id].partitions, partition)
}

// EachInitialized calls f with the share partitions of each topic, both in order.
func (g *Group) EachInitialized(f func(id TopicID, partitions []int32)) {
	for _, id := range sortedIDs(g.initialized) {
		f(id, g.initialized[id].partitions)
	}
}

// Keys are the group's share partitions, in order.
func (g *Group) Keys() (keys []Key) {
	g.EachInitialized(func(id TopicID, partitions []int32) {
		for _, i := range partitions {
			keys = append(keys, Key{g.id, id, i})
		}
	})
	return keys
}

func sortedIDs[V any](m map[TopicID]V) []TopicID {
	return slices.SortedFunc(maps.Keys(m), func(a, b TopicID) int { return slices.Compare(a[:], b[:]) })
}

// Alter takes share partitions whose states are made with another start, and says at which epoch. The group must be empty.
func (g *Group) Alter(keys []Key) (stateEpoch int32, err error) {
	if !g.Empty() {
		return 0, faultf(kerr.NonEmptyGroup, "%s", kerr.NonEmptyGroup.Description)
	}
	next := maps.Clone(g.initialized)
	for _, k := range keys {
		tp := next[k.Topic]
		if tp.name, _, _ = g.config.Topics.ByID(k.Topic); !slices.Contains(tp.partitions, k.Partition) {
			tp.partitions = slices.Sorted(slices.Values(append(slices.Clone(tp.partitions), k.Partition)))
		}
		next[k.Topic] = tp
	}
	if len(keys) > 0 {
		g.emit(change{kind: keyStates, states: next})
	}
	return g.epoch, nil
}

// Drop forgets the share partitions of topics and gives those that there were.
func (g *Group) Drop(ids ...TopicID) (keys []Key) {
	next := maps.Clone(g.initialized)
	for _, id := range ids {
		for _, i := range next[id].partitions {
			keys = append(keys, Key{g.id, id, i})
		}
		delete(next, id)
	}
	if len(keys) > 0 {
		g.emit(change{kind: keyStates, states: next})
	}
	return keys
}

// Tombstones are the records that forget the group, which is empty.
func (g *Group) Tombstones() (out []Record) {
	for _, m := range g.sorted() {
		for _, kind := range []int16{keyCurrent, keyTarget, keyMember} {
			out = append(out, (&change{kind: kind, name: m.id, gone: true}).record(g.id))
		}
	}
	for _, kind := range []int16{keyTargetEpoch, keyStates, keyEpoch} {
		out = append(out, (&change{kind: kind, gone: true}).record(g.id))
	}
	return out
}

// Description is what ShareGroupDescribe tells.
type Description struct {
	State              string
	Epoch, TargetEpoch int32
	Members            []MemberDescription
}

// MemberDescription is what ShareGroupDescribe tells of a member.
type MemberDescription struct {
	ID                   string
	RackID               *string
	ClientID, ClientHost string
	Epoch                int32
	Topics               []string
	Assigned             Assignment
}

// Describe describes the group.
func (g *Group) Describe() Description {
	d := Description{State: g.State(), Epoch: g.epoch, TargetEpoch: g.targetEpoch}
	for _, m := range g.sorted() {
		d.Members = append(d.Members, MemberDescription{
			ID: m.id, RackID: m.RackID, ClientID: m.ClientID, ClientHost: m.ClientHost, Epoch: m.epoch, Topics: m.Topics, Assigned: m.assigned,
		})
	}
	return d
}

// EachTopic calls f with the partitions of each topic, both in order.
func (a Assignment) EachTopic(f func(id TopicID, partitions []int32)) {
	lists := map[TopicID][]int32{}
	for p := range a {
		lists[p.ID] = append(lists[p.ID], p.Partition)
	}
	for _, id := range sortedIDs(lists) {
		slices.Sort(lists[id])
		f(id, lists[id])
	}
}
