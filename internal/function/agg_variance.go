package function

import (
	"math"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	fn := func(name string, aliases []string, doc string, sample, root bool, want string) *AggregateFn {
		return &AggregateFn{Name: name, Aliases: aliases, Signature: name + "([DISTINCT] a)", Doc: doc + " In the type that AVG has; NULL if there are too few values.",
			Examples: []AggExample{{types.TDouble, []string{"2", "4", "NULL", "6", "8"}, want}},
			Bind: bindAgg(name, "(number)", 0, func(args []types.Type) vec.Aggregate {
				v := variance{arg: args[0], typ: types.AvgType(args[0]).Nullable(), sample: sample, root: root}
				if args[0].IsInteger() {
					return &wholeVariance{v}
				}
				return &v
			}, pNumeric)}
	}
	registerAggregates(
		fn("VAR_POP", nil, "The variance of the values that are not NULL.", false, false, "5.0"),
		fn("VAR_SAMP", []string{"VARIANCE"}, "The variance of a sample.", true, false, "6.666666666666667"),
		fn("STDDEV_POP", nil, "The standard deviation of the values that are not NULL.", false, true, "2.23606797749979"),
		fn("STDDEV_SAMP", []string{"STDDEV"}, "The standard deviation of a sample.", true, true, "2.581988897471611"),
	)
}

// variance keeps count, mean and the sum of squared distances from it, by
// Welford's method: the sum of squares would lose all digits where the values
// are large and close together.
type variance struct {
	arg, typ     types.Type
	sample, root bool
}

func (v *variance) Type() types.Type { return v.typ }
func (v *variance) Cells() []types.Type {
	return []types.Type{tCount, types.TDouble.Required(), types.TDouble.Required()}
}
func (v *variance) Retractable() bool { return true }

// float is the value of row r.
func (v *variance) float(x *vec.Vector, r int) float64 {
	switch v.arg.Root {
	case types.Decimal:
		return x.Dec[r].Float64(v.arg.Scale)
	case types.Float, types.Double:
		return floatAt(x, r)
	}
	return float64(x.Int(r))
}

func (v *variance) Add(cells []*vec.Column, groups []int32, args []*vec.Vector, rows []int32) error {
	n, mean, m2 := cells[0].I64, cells[1].F64, cells[2].F64
	for i, g := range groups {
		r := int(rows[i])
		if args[0].IsNull(r) {
			continue
		}
		x := v.float(args[0], r)
		n[g]++
		d := x - mean[g]
		mean[g] += d / float64(n[g])
		m2[g] += d * (x - mean[g])
	}
	return nil
}

func (v *variance) Retract(cells []*vec.Column, groups []int32, args []*vec.Vector, rows []int32) error {
	n, mean, m2 := cells[0].I64, cells[1].F64, cells[2].F64
	for i, g := range groups {
		r := int(rows[i])
		if args[0].IsNull(r) {
			continue
		}
		if n[g]--; n[g] == 0 {
			mean[g], m2[g] = 0, 0
			continue
		}
		x := v.float(args[0], r)
		d := x - mean[g]
		mean[g] -= d / float64(n[g])
		m2[g] -= d * (x - mean[g])
	}
	return nil
}

func (v *variance) Merge(cells []*vec.Column, groups []int32, from []*vec.Column, fromGroups []int32) error {
	n, mean, m2 := cells[0].I64, cells[1].F64, cells[2].F64
	for i, g := range groups {
		f := fromGroups[i]
		fn := from[0].I64[f]
		if fn == 0 {
			continue
		}
		d := from[1].F64[f] - mean[g]
		total := float64(n[g] + fn)
		m2[g] += from[2].F64[f] + d*d*float64(n[g])*float64(fn)/total
		mean[g] += d * float64(fn) / total
		n[g] += fn
	}
	return nil
}

func (v *variance) Result(cells []*vec.Column, groups []int32) (*vec.Vector, error) {
	return v.results(groups, func(g int32) (int64, float64) { return cells[0].I64[g], cells[2].F64[g] })
}

// results makes the results of what reads the count and the sum of squared
// distances of a group.
func (v *variance) results(groups []int32, read func(g int32) (n int64, m2 float64)) (*vec.Vector, error) {
	out := vec.New(types.TDouble, len(groups), 0)
	for i, g := range groups {
		n, m2 := read(g)
		if v.sample {
			n--
		}
		if n <= 0 {
			out.SetNull(i)
			continue
		}
		x := math.Max(0, m2/float64(n))
		if v.root {
			x = math.Sqrt(x)
		}
		out.F64[i] = x
	}
	if v.typ.Root == types.Double {
		return out, nil
	}
	cast := vec.New(v.typ, len(groups), 0)
	err := castNumber(types.TDouble, v.typ)(nil, []*vec.Vector{out}, nil, len(groups), cast)
	cast.Valid = vec.And(out.Valid, cast.Valid, len(groups))
	return cast, err
}
