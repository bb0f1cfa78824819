package function

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	registerAggregates(
		&AggregateFn{Name: "COLLECT", Signature: "COLLECT([DISTINCT] a)", Doc: "The multiset of the values that are not NULL.",
			Examples: []AggExample{{types.TString, []string{"a", "b", "NULL", "a"}, "{a=2, b=1}"}},
			Bind: bindAgg("COLLECT", "(any)", 0, func(args []types.Type) vec.Aggregate {
				elem := args[0].Required()
				return &collect{typ: types.Type{Root: types.Multiset, Elem: &elem, NotNull: true}}
			}, pValue)},
		&AggregateFn{Name: "ARRAY_AGG", Signature: "ARRAY_AGG([DISTINCT] a)", Doc: "The array of the values, NULLs among them, in the order in which they came; NULL if there are none.",
			Examples: []AggExample{{types.TInt, []string{"2", "NULL", "1"}, "[2, NULL, 1]"}, {types.TInt, nil, "NULL"}},
			Bind:     bindAgg("ARRAY_AGG", "(any)", 0, func(args []types.Type) vec.Aggregate { return &arrayAgg{typ: types.TArray(args[0].Plain())} }, pValue)},
	)
}

// byGroup gathers the places in groups of each group, in order: a nested cell is
// read and written once for all of a group's rows.
func byGroup(groups []int32) (distinct []int32, places [][]int) {
	at := make(map[int32]int)
	for i, g := range groups {
		k, ok := at[g]
		if !ok {
			k = len(distinct)
			at[g] = k
			distinct, places = append(distinct, g), append(places, nil)
		}
		places[k] = append(places[k], i)
	}
	return distinct, places
}

// collect has one cell, the multiset. A value that was taken back more often
// than added has a negative number, which the rows still to come make up for.
type collect struct{ typ types.Type }

func (c *collect) Type() types.Type    { return c.typ }
func (c *collect) Cells() []types.Type { return []types.Type{c.typ} }
func (c *collect) Retractable() bool   { return true }

func (c *collect) Add(cells []*vec.Column, groups []int32, args []*vec.Vector, rows []int32) error {
	c.change(cells[0], groups, args[0], rows, func(int) int64 { return 1 })
	return nil
}

func (c *collect) Retract(cells []*vec.Column, groups []int32, args []*vec.Vector, rows []int32) error {
	c.change(cells[0], groups, args[0], rows, func(int) int64 { return -1 })
	return nil
}

// change adds times(i) copies of value rows[i] of v to groups[i].
func (c *collect) change(cell *vec.Column, groups []int32, v *vec.Vector, rows []int32, times func(i int) int64) {
	distinct, places := byGroup(groups)
	old := cell.Gather(distinct)
	b := vec.NewBuilder(c.typ, len(distinct))
	for k := range distinct {
		c.changeOne(b, old, k, v, rows, places[k], times)
	}
	set(cell, distinct, b.Finish())
}

func (c *collect) changeOne(b *vec.Builder, old *vec.Vector, k int, v *vec.Vector, rows []int32, places []int, times func(i int) int64) {
	// An index by encoded value keeps this linear.
	index := make(map[string]int)
	var counts []int64
	var from []*vec.Vector
	var at []int
	add := func(x *vec.Vector, row int, n int64) {
		key := string(vec.AppendValue(nil, x, row))
		i, ok := index[key]
		if !ok {
			i = len(counts)
			index[key] = i
			counts, from, at = append(counts, 0), append(from, x), append(at, row)
		}
		counts[i] += n
	}
	for e := old.Off[k]; e < old.Off[k+1]; e++ {
		add(old.Kids[0], int(e), int64(old.Kids[1].I32[e]))
	}
	for _, i := range places {
		if r := int(rows[i]); !v.IsNull(r) {
			add(v, r, times(i))
		}
	}
	for i, n := range counts {
		if n != 0 {
			b.Kid(0).Append(from[i], at[i])
			b.Kid(1).AppendInt(n)
		}
	}
	b.Close()
}

func set(cell *vec.Column, groups []int32, v *vec.Vector) {
	for i, g := range groups {
		cell.Set(int(g), v, i)
	}
}

func (c *collect) Merge(cells []*vec.Column, groups []int32, from []*vec.Column, fromGroups []int32) error {
	v := from[0].Gather(fromGroups)
	var owners, rows []int32
	for i, g := range groups {
		for e := v.Off[i]; e < v.Off[i+1]; e++ {
			owners, rows = append(owners, g), append(rows, e)
		}
	}
	c.change(cells[0], owners, v.Kids[0], rows, func(i int) int64 { return int64(v.Kids[1].I32[rows[i]]) })
	return nil
}

func (c *collect) Result(cells []*vec.Column, groups []int32) (*vec.Vector, error) {
	return cells[0].Gather(groups), nil
}

// arrayAgg has one cell, the array.
type arrayAgg struct {
	forward
	typ types.Type
}

func (a *arrayAgg) Type() types.Type    { return a.typ }
func (a *arrayAgg) Cells() []types.Type { return []types.Type{a.typ} }

func (a *arrayAgg) Add(cells []*vec.Column, groups []int32, args []*vec.Vector, rows []int32) error {
	distinct, places := byGroup(groups)
	old := cells[0].Gather(distinct)
	b := vec.NewBuilder(a.typ, len(distinct))
	for k := range distinct {
		appendElems(old, k, b)
		for _, i := range places[k] {
			b.Kid(0).Append(args[0], int(rows[i]))
		}
		b.Close()
	}
	set(cells[0], distinct, b.Finish())
	return nil
}

func (a *arrayAgg) Merge(cells []*vec.Column, groups []int32, from []*vec.Column, fromGroups []int32) error {
	v := from[0].Gather(fromGroups)
	var owners, rows []int32
	for i, g := range groups {
		for e := v.Off[i]; e < v.Off[i+1]; e++ {
			owners, rows = append(owners, g), append(rows, e)
		}
	}
	return a.Add(cells, owners, v.Kids, rows)
}

func (a *arrayAgg) Result(cells []*vec.Column, groups []int32) (*vec.Vector, error) {
	return cells[0].Gather(groups), nil
}
