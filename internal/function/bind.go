package function

import (
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// param accepts an argument type and says what it is cast to.
type param func(t types.Type) (types.Type, bool)

// call is what a kernel is made from: the types after casting, the constants,
// the result type.
type call struct {
	args   []types.Type
	given  []types.Type // before casting
	lits   []*Literal
	result types.Type
	// mayNull is set by a result function when the result may be NULL though no
	// argument is.
	mayNull bool
}

// lit is argument i if it is a constant that is not NULL, else nil.
func (c *call) lit(i int) *Literal {
	if i < len(c.lits) && c.lits[i] != nil && c.lits[i].Value != nil {
		return c.lits[i]
	}
	return nil
}

// text is argument i as a constant string.
func (c *call) text(i int) (string, bool) {
	if l := c.lit(i); l != nil {
		s, ok := l.Value.(string)
		return s, ok
	}
	return "", false
}

// overload is one form of a function.
type overload struct {
	// text shows the parameters in errors: "(STRING, INT [, INT])".
	text   string
	params []param
	opt    int   // so many of the last params may be left out
	rest   param // if set, any number of further arguments
	// unify makes the types fit each other, in place; false: it cannot.
	unify func(cast []types.Type) bool
	// result gives the result type; its nullability is set by bind unless
	// nullCall. fixed is the result type where it depends on nothing.
	result func(c *call) (types.Type, error)
	fixed  types.Type
	// maybeNull: the result may be NULL though no argument is.
	maybeNull bool
	nullCall  bool
	total     bool
	zoned     bool // looks at table.local-time-zone
	kernel    func(c *call) Kernel
	// fallible is kernel for overloads that can refuse a constant argument.
	fallible func(c *call) (Kernel, error)
	// build makes the whole expression, in place of a kernel.
	build func(c *call, args []vec.Expr) vec.Expr
}

// overloads makes a Bind that takes the first overload that fits.
func overloads(name string, list ...overload) func([]types.Type, []*Literal) (Bound, error) {
	return func(args []types.Type, lits []*Literal) (Bound, error) {
		for i := range list {
			if cast, ok := list[i].match(args); ok {
				b, err := list[i].bind(args, cast, lits)
				if err != nil {
					return b, fmt.Errorf("%s: %w", name, err)
				}
				return b, nil
			}
		}
		return Bound{}, mismatch(name, args, list)
	}
}

func (o *overload) match(args []types.Type) ([]types.Type, bool) {
	if len(args) < len(o.params)-o.opt || len(args) > len(o.params) && o.rest == nil {
		return nil, false
	}
	cast := make([]types.Type, len(args))
	for i, t := range args {
		p := o.rest
		if i < len(o.params) {
			p = o.params[i]
		}
		to, ok := p(t.Plain())
		if !ok {
			return nil, false
		}
		cast[i] = to
	}
	if o.unify != nil && !o.unify(cast) {
		return nil, false
	}
	for i, t := range args {
		cast[i] = cast[i].WithNull(!t.NotNull || t.Root == types.Null)
	}
	return cast, true
}

func (o *overload) bind(args, cast []types.Type, lits []*Literal) (b Bound, err error) {
	c := &call{args: cast, given: args, lits: lits, result: o.fixed}
	if o.result != nil {
		if c.result, err = o.result(c); err != nil {
			return b, err
		}
	}
	if !o.nullCall {
		c.result = c.result.WithNull(o.maybeNull || c.mayNull || anyNullable(cast))
	}
	b = Bound{Args: cast, Result: c.result.Plain(), NullCall: o.nullCall, total: o.total, volatile: o.zoned}
	for _, t := range cast {
		// What a TIMESTAMP_LTZ shows depends on the session's zone.
		b.volatile = b.volatile || t.Root == types.TimestampLTZ
	}
	if o.build != nil {
		b.Build = func(args []vec.Expr) vec.Expr { return o.build(c, args) }
		return b, nil
	}
	if o.fallible != nil {
		b.Kernel, err = o.fallible(c)
		b.fresh = func() Kernel { k, _ := o.fallible(c); return k }
		return b, err
	}
	b.Kernel = o.kernel(c)
	b.fresh = func() Kernel { return o.kernel(c) }
	return b, nil
}

func anyNullable(ts []types.Type) bool {
	for _, t := range ts {
		if !t.NotNull {
			return true
		}
	}
	return false
}

func mismatch(name string, args []types.Type, list []overload) error {
	var texts []string
	for _, o := range list {
		if o.text != "" && !slices.Contains(texts, o.text) {
			texts = append(texts, o.text)
		}
	}
	return fmt.Errorf("%s expects %s, got %s", name, strings.Join(texts, " or "), typeList(args))
}

// typeList is a list of types as errors show it: without lengths of strings and
// without NOT NULL, which are rarely the matter.
func typeList(ts []types.Type) string {
	names := make([]string, len(ts))
	for i, t := range ts {
		names[i] = shortName(t)
	}
	return "(" + strings.Join(names, ", ") + ")"
}

func shortName(t types.Type) string {
	switch {
	case t.IsString():
		return "STRING"
	case t.IsBytes():
		return "BYTES"
	}
	return t.Plain().Nullable().String()
}

// to accepts what is cast implicitly to t.
func to(t types.Type) param {
	return func(from types.Type) (types.Type, bool) {
		return t, castsTo(from, t)
	}
}

// castsTo says whether a value is cast to a type without being asked.
func castsTo(from, to types.Type) bool {
	return from.Root == types.Null || from.Root == to.Root || types.ImplicitCast(from, to)
}

// family accepts the types of which is says so, as they are; NULL becomes null.
func family(null types.Type, is func(types.Type) bool) param {
	return func(t types.Type) (types.Type, bool) {
		if t.Root == types.Null {
			return null, true
		}
		return t, is(t)
	}
}

func root(null types.Type) param {
	return family(null, func(t types.Type) bool { return t.Root == null.Root })
}

// The parameters that functions share.
var (
	pString  = family(types.TString, types.Type.IsString)
	pBytes   = family(types.TBytes, types.Type.IsBytes)
	pBool    = root(types.TBool)
	pNumeric = family(types.TInt, types.Type.IsNumeric)
	pExact   = family(types.TInt, types.Type.IsInteger)
	pApprox  = family(types.TDouble, types.Type.IsApprox)
	pDecimal = root(types.TDecimal(38, 18))
	pDate    = root(types.TDate)
	pTime    = root(types.TTime)
	pTS      = root(types.TTimestamp(3))
	pLTZ     = root(types.TTimestampLTZ(3))
	pAnyTS   = family(types.TTimestamp(3), types.Type.IsTimestamp)
	pMonths  = root(types.Type{Root: types.IntervalYearMonth})
	pMillis  = root(types.Type{Root: types.IntervalDayTime})
	pArray   = family(types.TArray(types.TNull), func(t types.Type) bool { return t.Root == types.Array })
	pMap     = family(types.TMap(types.TNull, types.TNull), func(t types.Type) bool { return t.Root == types.Map })
	pSymbol  = family(types.Type{Root: types.Symbol}, func(t types.Type) bool { return t.Root == types.Symbol })
)

func pAny(t types.Type) (types.Type, bool) { return t, true }

// pInt and pLong accept whole numbers that fit; pDouble any number.
func pInt(t types.Type) (types.Type, bool) {
	return types.TInt, t.Root == types.Null || t.Root >= types.TinyInt && t.Root <= types.Integer
}

func pLong(t types.Type) (types.Type, bool) {
	return types.TBigInt, t.Root == types.Null || t.IsInteger()
}

func pDouble(t types.Type) (types.Type, bool) {
	return types.TDouble, t.Root == types.Null || t.IsNumeric()
}

// sameAs makes a result function that gives argument i's type.
func sameAs(i int) func(*call) (types.Type, error) {
	return func(c *call) (types.Type, error) { return c.args[i], nil }
}

// toCommon is a unify that casts all arguments to their common type; toLeast does so
// by the stricter rule of SQL's own operators.
func toCommon(cast []types.Type) bool { return unifyBy(types.CommonType, cast) }

func toLeast(cast []types.Type) bool { return unifyBy(types.LeastRestrictive, cast) }

func unifyBy(rule func([]types.Type) (types.Type, bool), cast []types.Type) bool {
	t, ok := rule(cast)
	if !ok {
		return allNull(cast)
	}
	for _, from := range cast {
		if from.Root != types.Null && !types.ExplicitCast(from, t) {
			return false
		}
	}
	for i := range cast {
		cast[i] = t.Plain()
	}
	return true
}

// toCommonEach is toCommon that leaves an argument NOT NULL which is: the result of
// COALESCE is NOT NULL if one of its arguments is.
func toCommonEach(cast []types.Type) bool {
	given := slices.Clone(cast)
	if !toCommon(cast) {
		return false
	}
	for i := range cast {
		cast[i] = cast[i].WithNull(!given[i].NotNull)
	}
	return true
}

// requiredIfAny is the result of COALESCE.
func requiredIfAny(c *call) (types.Type, error) {
	t := c.args[0].Nullable()
	for _, a := range c.args {
		t = t.WithNull(!t.NotNull && !a.NotNull)
	}
	return t, nil
}

func allNull(ts []types.Type) bool {
	for _, t := range ts {
		if t.Root != types.Null {
			return false
		}
	}
	return true
}
