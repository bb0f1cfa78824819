package group

import (
	"fmt"
	"testing"
)

// BenchmarkAssign is one new target after a member joined: with 500 members and 10,000 partitions of 100 topics.
func BenchmarkAssign(b *testing.B) {
	for _, c := range []struct {
		name, assignor string
		mixed          bool
	}{{"uniform", "uniform", false}, {"mixed", "uniform", true}, {"range", "range", false}} {
		b.Run(c.name, func(b *testing.B) {
			members := func(n int, had map[string]Assignment) *assignees {
				as := &assignees{}
				for i := range n {
					a := assignee{id: fmt.Sprint("m", i), wants: map[TopicID]int32{}}
					for t := range 100 {
						if !c.mixed || (t+i)%3 > 0 {
							a.wants[TopicID{byte(t)}] = 100
						}
					}
					a.had = had[a.id]
					as.members = append(as.members, a)
				}
				return as
			}
			had := assignors[c.assignor](members(500, nil))
			for b.Loop() {
				assignors[c.assignor](members(501, had))
			}
		})
	}
}
