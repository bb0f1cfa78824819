package operator

import (
	"testing"
	"time"

	"github.com/millrace/millrace/internal/types"
)

// BenchmarkTimed gives operators of event time a batch of 4096 rows of a second and
// 1000 keys, to each side, and advances by that second.
func BenchmarkTimed(b *testing.B) {
	calls := []AggCall{call("count"), call("sum", 1)}
	session := WindowAggregateSpec{
		Input: sampleTypes, Windows: Windows{Kind: Session, Size: 2 * time.Second, TimeCol: 2}, Keys: []int{0}, Calls: calls,
		Properties: []WindowProperty{WindowStart, WindowEnd}, TimeType: types.TTimestamp(3),
	}
	for _, c := range []struct {
		name  string
		ports int
		op    Operator
	}{
		{"interval join", 2, NewIntervalJoin(IntervalJoinSpec{
			Left: sampleTypes, Right: sampleTypes, LeftKeys: []int{0}, RightKeys: []int{0}, LeftTime: 2, RightTime: 2, Lower: -100, Upper: 100,
		})},
		{"session", 1, NewSessionAggregate(session)},
		{"over rows", 1, NewOver(OverSpec{Input: sampleTypes, Partition: []int{0}, TimeCol: 2, Rows: true, Preceding: 10, Calls: calls})},
		{"over range", 1, NewOver(OverSpec{Input: sampleTypes, Partition: []int{0}, TimeCol: 2, Preceding: 2000, Calls: calls})},
		{"temporal join", 2, NewTemporalJoin(TemporalJoinSpec{
			Left: sampleTypes, Right: sampleTypes, LeftKeys: []int{0}, RightKeys: []int{0}, LeftTime: 2, RightTime: 2,
		})},
	} {
		b.Run(c.name, func(b *testing.B) {
			op, _ := opened(c.op)
			batch := sampleRows(4096, 1000, 0)
			times := batch.Cols[2].I64
			step := func() {
				for port := range c.ports {
					must(op.Process(port, batch, discard))
				}
				_, err := op.Advance(times[0]+999, discard)
				must(err)
				for i := range times {
					times[i] += 1000
				}
			}
			for range 10 {
				step()
			}
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				step()
			}
			perRow(b, 4096*c.ports)
		})
	}
}
