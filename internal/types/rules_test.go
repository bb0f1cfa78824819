package types

import (
	"fmt"
	"testing"
)

func TestCommonType(t *testing.T) {
	char := func(n int) Type { return Type{Root: Char, Precision: n} }
	varchar := func(n int) Type { return Type{Root: Varchar, Precision: n} }
	row := func(ts ...Type) Type {
		var fs []Field
		for i, x := range ts {
			fs = append(fs, Field{Name: fmt.Sprintf("f%d", i), Type: x})
		}
		return TRow(fs...)
	}
	for _, c := range []struct {
		ts   []Type
		want string // "" if there is none
	}{
		{[]Type{TInt, TBigInt}, "BIGINT"},
		{[]Type{TInt.Required(), TBigInt.Required()}, "BIGINT NOT NULL"},
		{[]Type{TInt.Required(), TNull}, "INT"},
		{[]Type{TInt, TBigInt, TDecimal(2, 2)}, "DECIMAL(21, 2)"},
		{[]Type{TDecimal(38, 0), TDecimal(38, 20)}, "DECIMAL(38, 0)"},
		{[]Type{TInt, TFloat}, "FLOAT"},
		{[]Type{TDecimal(5, 2), TFloat}, "DOUBLE"},
		{[]Type{TFloat, TDouble, TTinyInt}, "DOUBLE"},
		{[]Type{char(3), char(3)}, "CHAR(3)"},
		{[]Type{char(3), char(5)}, "VARCHAR(5)"},
		{[]Type{char(3), varchar(2)}, "VARCHAR(3)"},
		{[]Type{varchar(2), TString}, "STRING"},
		{[]Type{TTimestamp(3), TTimestamp(6)}, "TIMESTAMP(6)"},
		{[]Type{TTimestamp(3), TTimestampLTZ(0)}, "TIMESTAMP_LTZ(3)"},
		{[]Type{TDate, TTimestamp(3)}, "DATE"},
		{[]Type{TArray(TInt), TArray(TBigInt.Required())}, "ARRAY<BIGINT>"},
		{[]Type{TNull, TMap(TString, TInt), TMap(char(1), TDouble)}, "MAP<STRING, DOUBLE>"},
		{[]Type{row(TInt, TString), row(TBigInt, char(1))}, "ROW<`f0` BIGINT, `f1` STRING>"},
		{[]Type{row(TInt), row(TInt, TInt)}, ""},
		{[]Type{TInt, TString}, ""},
		{[]Type{TBool, TInt}, ""},
		{[]Type{TArray(TInt), TInt}, ""},
		{[]Type{TNull, TNull}, ""},
	} {
		got, ok := CommonType(c.ts)
		if ok != (c.want != "") || ok && got.String() != c.want {
			t.Errorf("%v: %v %v, want %s", c.ts, got, ok, c.want)
		}
	}
}

func TestCasts(t *testing.T) {
	for _, c := range []struct {
		from, to           Type
		implicit, explicit bool
	}{
		{TInt, TBigInt, true, true},
		{TBigInt, TInt, false, true},
		{TInt, TInt.Required(), false, true},
		{TInt.Required(), TInt, true, true},
		{TString, TInt, false, true},
		{TInt, TString, false, true},
		{TInt, TDouble, true, true},
		{TDouble, TFloat, false, true},
		{TFloat, TDecimal(10, 2), true, true},
		{TBool, TInt, false, true},
		{TInt, TBool, false, true},
		{TString, TBytes, false, true},
		{TBytes, TInt, false, false},
		{TTimestamp(3), TTimestampLTZ(3), true, true},
		{TTimestamp(3), TDate, true, true},
		{TDate, TTimestamp(3), false, true},
		{TDate, TInt, false, false},
		{TNull, TArray(TInt), true, true},
		{TArray(TInt), TArray(TString), false, true},
		{TArray(TInt), TString, false, true},
		{TString, TArray(TInt), false, false},
		{TArray(TInt), TMap(TInt, TInt), false, false},
	} {
		if i, e := ImplicitCast(c.from, c.to), ExplicitCast(c.from, c.to); i != c.implicit || e != c.explicit {
			t.Errorf("%s to %s: implicit %v, explicit %v", c.from, c.to, i, e)
		}
	}
}

func TestDecimalTypes(t *testing.T) {
	a, b := TDecimal(10, 2), TDecimal(5, 3)
	for _, c := range []struct {
		what string
		got  Type
		want string
	}{
		{"+", AddType(a, b), "DECIMAL(12, 3)"},
		{"*", MulType(a, b), "DECIMAL(16, 5)"},
		{"/", DivType(a, b), "DECIMAL(19, 8)"},
		{"%", ModType(a, b), "DECIMAL(5, 3)"},
		{"0.908 * BIGINT", MulType(TDecimal(3, 3), TBigInt), "DECIMAL(23, 3)"},
		{"+ too long", AddType(TDecimal(38, 8), TDecimal(32, 8)), "DECIMAL(38, 7)"},
		{"* too long", MulType(TDecimal(38, 10), TDecimal(38, 10)), "DECIMAL(38, 6)"},
		{"/ too long", DivType(TDecimal(38, 2), TDecimal(38, 0)), "DECIMAL(38, 6)"},
		{"NOT NULL", AddType(a.Required(), b.Required()), "DECIMAL(12, 3) NOT NULL"},
		{"SUM", SumType(a), "DECIMAL(38, 2)"},
		{"AVG", AvgType(a), "DECIMAL(38, 6)"},
		{"AVG(INT)", AvgType(TInt), "INT"},
		{"ROUND(1)", RoundType(b, 1), "DECIMAL(4, 1)"},
		{"ROUND(-1)", RoundType(b, -1), "DECIMAL(3, 0)"},
	} {
		if c.got.String() != c.want {
			t.Errorf("%s: %s, want %s", c.what, c.got, c.want)
		}
	}
}

// TestLeastRestrictive: what recorded/ of sql/bind has of all expressions, in short.
func TestLeastRestrictive(t *testing.T) {
	for _, c := range []struct {
		ts          []Type
		least, wide string
	}{
		{[]Type{TDate, TTimestamp(3)}, "", "DATE"},
		{[]Type{TTimestamp(3), TTime}, "", "TIME(0)"},
		{[]Type{TDate, TTimestampLTZ(3)}, "", ""},
		{[]Type{TArray(TDate), TArray(TTimestamp(3))}, "", "ARRAY<DATE>"},
		{[]Type{TNull, TDate}, "DATE", "DATE"},
		{[]Type{TTimestamp(3), TTimestampLTZ(6)}, "TIMESTAMP_LTZ(6)", "TIMESTAMP_LTZ(6)"},
	} {
		if got, ok := LeastRestrictive(c.ts); ok != (c.least != "") || ok && got.String() != c.least {
			t.Errorf("least restrictive of %v: %v %v, want %q", c.ts, got, ok, c.least)
		}
		if got, ok := CommonType(c.ts); ok != (c.wide != "") || ok && got.String() != c.wide {
			t.Errorf("common type of %v: %v %v, want %q", c.ts, got, ok, c.wide)
		}
	}
}
