package types

// The types of arithmetic on exact numbers, after SQL Server's rules as Flink has
// them (LogicalTypeMerging): a result of more than 38 digits gives up digits after
// the point, but not below 6, before it loses any in front of it.
//
//	e1 + e2, e1 - e2   max(s1, s2) + max(p1-s1, p2-s2) + 1    max(s1, s2)
//	e1 * e2            p1 + p2 + 1                            s1 + s2
//	e1 / e2            p1 - s1 + s2 + max(6, s1 + p2 + 1)     max(6, s1 + p2 + 1)
//	e1 % e2            min(p1-s1, p2-s2) + max(s1, s2)        max(s1, s2)
//
// All are nullable if one operand is. The operands are DECIMALs or whole numbers
// (see AsDecimal).

const minAdjustedScale = 6

func adjustDecimal(a, b Type, p, s int) Type {
	if p > MaxPrecision {
		whole := p - s
		p, s = MaxPrecision, max(MaxPrecision-whole, min(s, minAdjustedScale))
	}
	return TDecimal(p, s).WithNull(!a.NotNull || !b.NotNull)
}

// AsDecimal is the DECIMAL that holds every value of an exact number; false for
// other types.
func AsDecimal(t Type) (Type, bool) {
	digits := map[Root]int{TinyInt: 3, SmallInt: 5, Integer: 10, BigInt: 19}[t.Root]
	if digits == 0 {
		return t, t.Root == Decimal
	}
	return TDecimal(digits, 0).WithNull(!t.NotNull), true
}

func bothDecimal(a, b Type) (Type, Type) {
	a, _ = AsDecimal(a)
	b, _ = AsDecimal(b)
	return a, b
}

// AddType is the type of a + b and a - b.
func AddType(a, b Type) Type {
	a, b = bothDecimal(a, b)
	s := max(a.Scale, b.Scale)
	return adjustDecimal(a, b, s+max(a.Precision-a.Scale, b.Precision-b.Scale)+1, s)
}

// MulType is the type of a * b.
func MulType(a, b Type) Type {
	a, b = bothDecimal(a, b)
	return adjustDecimal(a, b, a.Precision+b.Precision+1, a.Scale+b.Scale)
}

// DivType is the type of a / b.
func DivType(a, b Type) Type {
	a, b = bothDecimal(a, b)
	s := max(6, a.Scale+b.Precision+1)
	return adjustDecimal(a, b, a.Precision-a.Scale+b.Scale+s, s)
}

// ModType is the type of a % b.
func ModType(a, b Type) Type {
	a, b = bothDecimal(a, b)
	s := max(a.Scale, b.Scale)
	return adjustDecimal(a, b, min(a.Precision-a.Scale, b.Precision-b.Scale)+s, s)
}

// RoundType is the type of ROUND(t, digits) for a DECIMAL: rounding may add a
// digit in front of the point.
func RoundType(t Type, digits int) Type {
	switch {
	case digits >= t.Scale:
		return t
	case digits < 0:
		return TDecimal(min(MaxPrecision, 1+t.Precision-t.Scale), 0).WithNull(!t.NotNull)
	}
	return TDecimal(1+t.Precision-t.Scale+digits, digits).WithNull(!t.NotNull)
}

// SumType is the type of SUM over t, but for its nullability: a DECIMAL keeps its
// scale and gets all digits, other numbers keep their type.
func SumType(t Type) Type {
	if t.Root == Decimal {
		return TDecimal(MaxPrecision, t.Scale).WithNull(!t.NotNull)
	}
	return t
}

// AvgType is the type of AVG over t: DECIMAL(38, max(6, s)) of a DECIMAL, else t.
func AvgType(t Type) Type {
	if t.Root == Decimal {
		return DivType(SumType(t), TDecimal(20, 0).WithNull(!t.NotNull))
	}
	return t
}
