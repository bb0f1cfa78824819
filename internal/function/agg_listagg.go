package function

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	registerAggregates(&AggregateFn{Name: "LISTAGG", Signature: "LISTAGG(a [, separator])", Doc: "The strings that are not NULL put together in the order in which they came, with a separator (',') between them; NULL if there are none.",
		Examples: []AggExample{{types.TString, []string{"a", "NULL", "b"}, "a,b"}, {types.TString, nil, "NULL"}},
		Bind:     bindAgg("LISTAGG", "(STRING [, STRING])", 1, func([]types.Type) vec.Aggregate { return listAgg{} }, pString, pString)})
}

// listAgg has the text and, for merging, the separator of its first value.
type listAgg struct{ forward }

func (listAgg) Type() types.Type    { return types.TString }
func (listAgg) Cells() []types.Type { return []types.Type{types.TString, types.TString} }

// Add puts runs of rows of one group together before it writes the cell, which
// copies it.
func (listAgg) Add(cells []*vec.Column, groups []int32, args []*vec.Vector, rows []int32) error {
	var buf []byte
	open := int32(-1)
	started := false
	flush := func() {
		if open >= 0 && started {
			cells[0].SetBytes(int(open), buf)
		}
	}
	for i, g := range groups {
		r := int(rows[i])
		if args[0].IsNull(r) || len(args) > 1 && args[1].IsNull(r) {
			continue
		}
		if g != open {
			flush()
			open, buf, started = g, buf[:0], !cells[0].IsNull(int(g))
			if started {
				buf = append(buf, cells[0].Bytes(int(g))...)
			}
		}
		sep := []byte{','}
		if len(args) > 1 {
			sep = args[1].Bytes(r)
		}
		if started {
			buf = append(buf, sep...)
		} else {
			cells[1].SetBytes(int(g), sep)
		}
		buf, started = append(buf, args[0].Bytes(r)...), true
	}
	flush()
	return nil
}

func (a listAgg) Merge(cells []*vec.Column, groups []int32, from []*vec.Column, fromGroups []int32) error {
	return a.Add(cells, groups, []*vec.Vector{from[0].Gather(fromGroups), from[1].Gather(fromGroups)}, upTo(len(groups)))
}

func (listAgg) Result(cells []*vec.Column, groups []int32) (*vec.Vector, error) {
	return cells[0].Gather(groups), nil
}
