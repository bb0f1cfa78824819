// Package function holds the functions of the SQL dialect: what they are
// called, which types they take and give, how they are computed on whole
// columns, and examples of them that are run as tests.
//
// An entry is the specification of its function; SHOW FUNCTIONS, the reference
// pages and the tests are made from it. Names, result types and results are
// Flink's. Where a function cannot be done as Flink does it, it is not here.
//
// From SQL to a column:
//
//	LookupScalar(name) -> Scalar.Bind(types, literals) -> Bound -> NewCall(bound, args) -> vec.Expr
//
// Bind decides the overload and says which types the arguments must be cast to;
// Call does the whole way at once. Operators are functions under their symbol:
// "+", "=", "LIKE", "IS NULL".
package function

import (
	"slices"
	"strings"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// Example is a call and its result as text, as CAST(… AS STRING) writes it;
// "NULL" is NULL, and a Want that begins with "error: " is the error's text.
type Example struct {
	SQL, Want string
}

// Literal is a constant of an expression. Value is nil, bool, int64 (all whole
// numbers, DATE in days, TIME in milliseconds, timestamps in the unit of their
// type, intervals in months or milliseconds), float64, types.Dec, string (also
// the name of a symbol) or []byte.
type Literal struct {
	Type  types.Type
	Value any
}

// Scalar is a function of a row.
type Scalar struct {
	Name    string
	Aliases []string
	// Group is the chapter of the reference in which the function stands.
	Group string
	// Signature is how it is called, as the reference shows it.
	Signature string
	Doc       string
	Examples  []Example
	// Deterministic: the same arguments give the same result.
	Deterministic bool
	// Dynamic: constant within a step but not between steps, as NOW is; such a
	// call may not be folded into a constant.
	Dynamic bool
	// Bind resolves the overload for the types of the arguments. lits holds the
	// argument's value where it is a constant, else nil; it may be shorter than
	// args.
	Bind func(args []types.Type, lits []*Literal) (Bound, error)
}

// Bound is a function with its overload chosen.
type Bound struct {
	// Args are the types that the arguments are cast to.
	Args   []types.Type
	Result types.Type
	Kernel Kernel
	// NullCall: the kernel sees NULLs and decides itself. Otherwise the result
	// is NULL where any argument is, and the kernel is not shown these rows.
	NullCall bool
	// Build, if set, makes the expression instead of Kernel: for functions that
	// do not evaluate all arguments on all rows.
	Build func(args []vec.Expr) vec.Expr
	// At is where the call stands in the query's text, for the errors of rows: "12:8".
	At string

	// total: the kernel cannot fail on any value and costs little per row, so
	// it may run over rows that nobody asked for.
	total bool
	// volatile: not to be folded, because two evaluations may differ.
	volatile bool
	// fresh makes another Kernel that shares no scratch or caches with the
	// first, for each call has its own worker.
	fresh func() Kernel
}

// Kernel computes a function for the rows sel (nil: all n) into out, which was
// made with n zero values. A kernel for strings appends in row order.
type Kernel func(ctx *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error

// AggregateFn is an aggregate function.
type AggregateFn struct {
	Name      string
	Aliases   []string
	Signature string
	Doc       string
	Examples  []AggExample
	// Bind gives the aggregate for arguments of these types, and the types that
	// they are cast to. DISTINCT itself is the operator's work.
	Bind func(args []types.Type, distinct bool) (vec.Aggregate, []types.Type, error)
}

// AggExample is an aggregate over rows of one argument, given as text and cast
// to Type; "NULL" is NULL.
type AggExample struct {
	Type types.Type
	Rows []string
	Want string
}

// registry is filled by the init functions of the files, one entry a function,
// and afterwards by Define alone.
var registry = struct {
	scalars    map[string]*Scalar
	aggregates map[string]*AggregateFn
	names      []string // without aliases
}{scalars: map[string]*Scalar{}, aggregates: map[string]*AggregateFn{}}

// register adds functions that give the same for the same arguments.
func register(fns ...*Scalar) {
	for _, f := range fns {
		f.Deterministic = true
		add(f)
	}
}

// registerVolatile adds functions that do not, or that depend on the time.
func registerVolatile(fns ...*Scalar) {
	for _, f := range fns {
		bind := f.Bind
		f.Bind = func(args []types.Type, lits []*Literal) (Bound, error) {
			b, err := bind(args, lits)
			b.volatile = true
			return b, err
		}
		add(f)
	}
}

func add(f *Scalar) {
	registry.names = append(registry.names, f.Name)
	for _, n := range append([]string{f.Name}, f.Aliases...) {
		if _, dup := registry.scalars[n]; dup {
			panic("function: " + n + " is registered twice")
		}
		registry.scalars[n] = f
	}
}

func registerAggregates(fns ...*AggregateFn) {
	for _, f := range fns {
		registry.names = append(registry.names, f.Name)
		for _, n := range append([]string{f.Name}, f.Aliases...) {
			if _, dup := registry.aggregates[n]; dup {
				panic("function: " + n + " is registered twice")
			}
			registry.aggregates[n] = f
		}
	}
}

// LookupScalar finds a function by its name, in any case.
func LookupScalar(name string) (*Scalar, bool) {
	users.RLock()
	defer users.RUnlock()
	f, ok := registry.scalars[strings.ToUpper(name)]
	return f, ok
}

// LookupAggregate finds an aggregate by its name, in any case.
func LookupAggregate(name string) (*AggregateFn, bool) {
	f, ok := registry.aggregates[strings.ToUpper(name)]
	return f, ok
}

// Names lists all functions and aggregates, without aliases, sorted.
func Names() []string {
	users.RLock()
	defer users.RUnlock()
	out := slices.Clone(registry.names)
	slices.Sort(out)
	return slices.Compact(out)
}

// Nearest is the name of the function that was probably meant by name, or "" if
// none is near.
func Nearest(name string) string {
	users.RLock()
	defer users.RUnlock()
	name = strings.ToUpper(name)
	best, at := "", len(name)/3+1
	consider := func(n string) {
		if d := distance(name, n, at); d < at || d == at && best != "" && n < best {
			best, at = n, d
		}
	}
	for n := range registry.scalars {
		consider(n)
	}
	for n := range registry.aggregates {
		consider(n)
	}
	return best
}

// distance is Levenshtein's distance of a and b, or max+1 if it is greater.
func distance(a, b string, max int) int {
	if len(a)-len(b) > max || len(b)-len(a) > max {
		return max + 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
