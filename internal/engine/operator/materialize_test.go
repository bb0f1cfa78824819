package operator

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/types"
)

// TestMaterializeTwin: the newest row of each key that still stands, against a list.
func TestMaterializeTwin(t *testing.T) {
	for seed := range uint64(12) {
		spec := UpsertMaterializeSpec{Input: []types.Type{types.TBigInt, types.TBigInt}, Keys: []int{0}}
		tr := newTrial(t, seed, [2][]types.Field{fields("k BIGINT, v BIGINT")}, func() Operator { return NewUpsertMaterialize(spec) })
		lists := map[string][]string{}
		shown := map[string]string{}
		for n := range 60 {
			var lines []string
			for range tr.r.IntN(12) {
				k, row := fmt.Sprint(tr.r.IntN(3)), fmt.Sprint(tr.r.IntN(5))
				if list := lists[k]; tr.r.IntN(2) == 0 {
					lines = append(lines, []string{"-D ", "-U "}[tr.r.IntN(2)]+k+" "+row)
					for i := len(list) - 1; i >= 0; i-- {
						if list[i] == row {
							lists[k] = slices.Delete(slices.Clone(list), i, i+1)
							break
						}
					}
					continue
				}
				lines = append(lines, []string{"+I ", "+U "}[tr.r.IntN(2)]+k+" "+row)
				lists[k] = append(slices.Clone(lists[k]), row)
			}
			tr.feed(0, lines)
			for _, l := range tr.step(int64(n)) {
				f := strings.Fields(l)
				_, there := shown[f[1]]
				if (f[0] == "+I") == there {
					t.Fatalf("seed %d: %s while the key is shown: %v", seed, l, there)
				}
				if f[0] == "-D" {
					delete(shown, f[1])
				} else {
					shown[f[1]] = f[2]
				}
			}
			want := map[string]string{}
			for k, list := range lists {
				if len(list) > 0 {
					want[k] = list[len(list)-1]
				}
			}
			if !maps.Equal(shown, want) {
				t.Fatalf("seed %d, step %d: %v, want %v of %v", seed, n, shown, want, lists)
			}
		}
	}
}
