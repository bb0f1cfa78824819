package types

// The rules by which types are joined and cast: Flink's LogicalTypeMerging and
// LogicalTypeCasts.

// rootSet is a set of type roots.
type rootSet uint32

func roots(rs ...Root) (s rootSet) {
	for _, r := range rs {
		s |= 1 << r
	}
	return s
}

func (s rootSet) has(r Root) bool { return s&(1<<r) != 0 }

// The families of Flink's LogicalTypeFamily.
var (
	charStrings = roots(Char, Varchar)
	binaries    = roots(Binary, Varbinary)
	exact       = roots(TinyInt, SmallInt, Integer, BigInt, Decimal)
	approx      = roots(Float, Double)
	numeric     = exact | approx
	timestamps  = roots(Timestamp, TimestampLTZ)
	datetimes   = timestamps | roots(Date, Time)
	intervals   = roots(IntervalYearMonth, IntervalDayTime)
	nested      = roots(Array, Multiset, Map, Row)
	predefined  = charStrings | binaries | numeric | datetimes | intervals | roots(Boolean)
	// toNumber is what CAST turns into a number besides numbers.
	toNumber = charStrings | timestamps | roots(Boolean)
)

// implicitFrom and explicitFrom say for each target which sources are cast to it;
// what is implicit is explicit, too. A binary is cast to a string, and back, by
// its UTF-8.
var (
	implicitFrom = map[Root]rootSet{
		Char: roots(Char), Varchar: charStrings, Boolean: roots(Boolean),
		Binary: roots(Binary), Varbinary: binaries,
		Decimal: numeric, TinyInt: roots(TinyInt), SmallInt: roots(TinyInt, SmallInt),
		Integer: roots(TinyInt, SmallInt, Integer), BigInt: roots(TinyInt, SmallInt, Integer, BigInt),
		Float: exact | roots(Float), Double: numeric,
		Date: roots(Date, Timestamp), Time: roots(Time, Timestamp),
		Timestamp: timestamps, TimestampLTZ: timestamps,
		IntervalYearMonth: roots(IntervalYearMonth), IntervalDayTime: roots(IntervalDayTime),
	}
	explicitFrom = map[Root]rootSet{
		Char: predefined | nested, Varchar: predefined | nested,
		Boolean: charStrings | exact | approx, Binary: charStrings | binaries, Varbinary: charStrings | binaries,
		Decimal: toNumber | numeric | intervals, TinyInt: toNumber | numeric | intervals, SmallInt: toNumber | numeric | intervals,
		Integer: toNumber | numeric | intervals, BigInt: toNumber | numeric | intervals,
		Float: toNumber | numeric, Double: toNumber | numeric,
		Date: timestamps | charStrings | binaries, Time: roots(Time) | timestamps | charStrings | binaries,
		Timestamp: datetimes | charStrings | binaries | numeric, TimestampLTZ: datetimes | charStrings | binaries | numeric,
		IntervalYearMonth: exact | charStrings, IntervalDayTime: exact | charStrings,
	}
)

// ImplicitCast says whether from becomes to without being asked: without loss,
// and never a nullable type NOT NULL.
func ImplicitCast(from, to Type) bool { return canCast(from, to, false) }

// ExplicitCast says whether CAST(from AS to) is allowed.
func ExplicitCast(from, to Type) bool { return canCast(from, to, true) }

func canCast(from, to Type, explicit bool) bool {
	switch {
	case !from.NotNull && to.NotNull && !explicit:
		return false
	case from.Same(to), from.Root == Null:
		return true
	case nested.has(to.Root):
		return castNested(from, to, explicit)
	case nested.has(from.Root):
		return explicit && charStrings.has(to.Root)
	}
	return implicitFrom[to.Root].has(from.Root) || explicit && explicitFrom[to.Root].has(from.Root)
}

// castNested casts within one root, child by child.
func castNested(from, to Type, explicit bool) bool {
	if from.Root != to.Root {
		return false
	}
	a, b := from.children(), to.children()
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !canCast(a[i], b[i], explicit) {
			return false
		}
	}
	return true
}

// children are the types that t is made of.
func (t Type) children() []Type {
	switch t.Root {
	case Array, Multiset:
		return []Type{*t.Elem}
	case Map:
		return []Type{*t.Key, *t.Elem}
	case Row:
		out := make([]Type, len(t.Fields))
		for i, f := range t.Fields {
			out[i] = f.Type
		}
		return out
	}
	return nil
}

// CommonType is the type that functions such as COALESCE give: the least restrictive
// one, or else that to which all of ts are implicitly cast (of a DATE and a TIMESTAMP
// it is DATE). It is false if there is none, or if all are NULL.
func CommonType(ts []Type) (Type, bool) { return common(ts, true) }

// LeastRestrictive is the type to which all of ts are cast by SQL's own operators,
// CASE, UNION, ARRAY, IN and comparisons: as CommonType, but a DATE or TIME and a
// TIMESTAMP have none.
func LeastRestrictive(ts []Type) (Type, bool) { return common(ts, false) }

func common(ts []Type, casts bool) (Type, bool) {
	plain := make([]Type, len(ts))
	nullable := false
	for i, t := range ts {
		nullable = nullable || !t.NotNull
		plain[i] = t.Nullable().Plain()
	}
	t, ok := mergeAll(plain, casts)
	if !ok && casts {
		t, ok = castableTo(plain)
	}
	if !ok || t.Root == Null {
		return Type{}, false
	}
	return t.WithNull(nullable), true
}

// mergeAll generalises over all types; they are nullable.
func mergeAll(ts []Type, casts bool) (Type, bool) {
	out := TNull
	for _, t := range ts {
		switch {
		case t.Root == Null:
			continue
		case out.Root == Null:
			out = t
		}
		if nested.has(t.Root) {
			return mergeNested(ts, casts)
		}
		var ok bool
		if out, ok = merge(out, t); !ok {
			return Type{}, false
		}
	}
	return out, out.Root != Null
}

// merge is the common type of two that are not nested.
func merge(a, b Type) (Type, bool) {
	switch {
	case datetimes.has(a.Root) && intervals.has(b.Root):
		return a, true
	case intervals.has(a.Root) && datetimes.has(b.Root):
		return b, true
	case (timestamps | roots(Date)).has(a.Root) && exact.has(b.Root):
		return a, true
	case exact.has(a.Root) && (timestamps | roots(Date)).has(b.Root):
		return b, true
	case charStrings.has(a.Root) && charStrings.has(b.Root):
		return mergeLength(a, b, Varchar), true
	case binaries.has(a.Root) && binaries.has(b.Root):
		return mergeLength(a, b, Varbinary), true
	case numeric.has(a.Root) && numeric.has(b.Root):
		return mergeNumeric(a, b), true
	case timestamps.has(a.Root) && timestamps.has(b.Root):
		if b.Root == TimestampLTZ {
			a.Root = TimestampLTZ
		}
		a.Precision = max(a.Precision, b.Precision)
		return a, true
	case a.Root == b.Root:
		a.Precision, a.Scale = max(a.Precision, b.Precision), max(a.Scale, b.Scale)
		return a, a.Root != Descriptor && a.Root != Symbol
	}
	return Type{}, false
}

// mergeLength joins strings: those of one fixed length keep it, others become
// variable, so that no blanks are added.
func mergeLength(a, b Type, variable Root) Type {
	if a.Root == variable || b.Root == variable || a.Precision != b.Precision {
		a.Root = variable
	}
	a.Precision = max(a.Precision, b.Precision)
	return a
}

func mergeNumeric(a, b Type) Type {
	switch {
	case a.Root == Double || b.Root == Double:
		return TDouble
	case a.Root == Float || b.Root == Float:
		if a.Root == Decimal || b.Root == Decimal {
			return TDouble
		}
		return TFloat
	case a.Root != Decimal && b.Root != Decimal:
		return TypeOfRoot(max(a.Root, b.Root))
	}
	x, y := bothDecimal(a, b)
	whole := min(max(x.Precision-x.Scale, y.Precision-y.Scale), MaxPrecision)
	scale := min(max(x.Scale, y.Scale), MaxPrecision-whole)
	return TDecimal(whole+scale, scale)
}

// TypeOfRoot is the nullable type of a root that has no parameters.
func TypeOfRoot(r Root) Type { return Type{Root: r} }

// mergeNested joins types of one root, child by child; names are the first's.
func mergeNested(ts []Type, casts bool) (Type, bool) {
	var out Type
	var kids [][]Type
	for _, t := range ts {
		if t.Root == Null {
			continue
		}
		if kids == nil {
			out = t
			kids = make([][]Type, len(t.children()))
		}
		c := t.children()
		if t.Root != out.Root || len(c) != len(kids) {
			return Type{}, false
		}
		for i := range c {
			kids[i] = append(kids[i], c[i])
		}
	}
	merged := make([]Type, len(kids))
	for i := range kids {
		var ok bool
		if merged[i], ok = common(kids[i], casts); !ok {
			return Type{}, false
		}
	}
	switch out.Root {
	case Array, Multiset:
		out.Elem = &merged[0]
	case Map:
		out.Key, out.Elem = &merged[0], &merged[1]
	case Row:
		fields := append([]Field(nil), out.Fields...)
		for i := range fields {
			fields[i].Type = merged[i]
		}
		out.Fields = fields
	}
	return out, true
}

// castableTo is the one of ts that all others are implicitly cast to.
func castableTo(ts []Type) (Type, bool) {
	if len(ts) == 0 {
		return Type{}, false
	}
	out := ts[0]
	for _, t := range ts {
		switch {
		case t.Root == Null:
		case ImplicitCast(out, t):
			out = t
		case !ImplicitCast(t, out):
			return Type{}, false
		}
	}
	return out, true
}
