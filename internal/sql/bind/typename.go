package bind

import (
	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/types"
)

var simpleTypes = map[string]types.Type{
	parser.TypeBoolean: types.TBool, parser.TypeTinyInt: types.TTinyInt, parser.TypeSmallInt: types.TSmall,
	parser.TypeInt: types.TInt, parser.TypeBigInt: types.TBigInt, parser.TypeFloat: types.TFloat,
	parser.TypeDouble: types.TDouble, parser.TypeString: types.TString, parser.TypeBytes: types.TBytes,
	parser.TypeDate: types.TDate, parser.TypeNull: types.TNull,
}

// Type is the type that a type name means.
func Type(n *parser.TypeName) (types.Type, error) {
	t, err := typeOf(n)
	if err != nil {
		return t, err
	}
	t.NotNull = n.NotNull
	return t, nil
}

func typeOf(n *parser.TypeName) (types.Type, error) {
	if t, ok := simpleTypes[n.Name]; ok {
		return t, nil
	}
	switch n.Name {
	case parser.TypeDecimal:
		return decimalType(n)
	case parser.TypeChar:
		return lengthType(n, types.Char)
	case parser.TypeVarchar:
		return lengthType(n, types.Varchar)
	case parser.TypeBinary:
		return lengthType(n, types.Binary)
	case parser.TypeVarbinary:
		return lengthType(n, types.Varbinary)
	case parser.TypeTime:
		return precisionType(n, types.Time, 0)
	case parser.TypeTimestamp:
		return precisionType(n, types.Timestamp, 6)
	case parser.TypeTimestampLTZ:
		return precisionType(n, types.TimestampLTZ, 6)
	case parser.TypeInterval:
		return intervalType(n.Interval), nil
	case parser.TypeArray, parser.TypeMultiset, parser.TypeMap, parser.TypeRow:
		return nestedType(n)
	}
	if n.Name == parser.TypeUser {
		return types.Type{}, errorAt(n.Pos(), "unknown data type '%s'", n.User)
	}
	return types.Type{}, unsupported(n.Pos(), "type "+n.Name+" is")
}

func arg(n *parser.TypeName, i, otherwise int) int {
	if i < len(n.Args) {
		return n.Args[i]
	}
	return otherwise
}

func decimalType(n *parser.TypeName) (types.Type, error) {
	p, s := arg(n, 0, 10), arg(n, 1, 0)
	if p < 1 || p > 38 || s < 0 || s > p {
		return types.Type{}, errorAt(n.Pos(), "DECIMAL(%d, %d): the precision must be between 1 and 38, the scale between 0 and the precision", p, s)
	}
	return types.TDecimal(p, s), nil
}

func lengthType(n *parser.TypeName, root types.Root) (types.Type, error) {
	l := arg(n, 0, 1)
	if l < 1 {
		return types.Type{}, errorAt(n.Pos(), "%s(%d): the length must be at least 1", n.Name, l)
	}
	return types.Type{Root: root, Precision: l}, nil
}

func precisionType(n *parser.TypeName, root types.Root, otherwise int) (types.Type, error) {
	p := arg(n, 0, otherwise)
	if p < 0 || p > 9 {
		return types.Type{}, errorAt(n.Pos(), "%s(%d): the precision must be between 0 and 9", n.Name, p)
	}
	return types.Type{Root: root, Precision: p}, nil
}

func intervalType(q *parser.IntervalQualifier) types.Type {
	if q.From == "YEAR" || q.From == "MONTH" || q.From == "QUARTER" {
		return types.Type{Root: types.IntervalYearMonth}
	}
	return types.Type{Root: types.IntervalDayTime}
}

func nestedType(n *parser.TypeName) (types.Type, error) {
	t := types.Type{Root: map[string]types.Root{
		parser.TypeArray: types.Array, parser.TypeMultiset: types.Multiset, parser.TypeMap: types.Map, parser.TypeRow: types.Row,
	}[n.Name]}
	var err error
	if n.Elem != nil {
		if t.Elem, err = typeRef(n.Elem); err != nil {
			return t, err
		}
	}
	if n.Key != nil {
		if t.Key, err = typeRef(n.Key); err != nil {
			return t, err
		}
	}
	seen := map[string]bool{}
	for _, f := range n.Fields {
		if seen[f.Name.Name] {
			return t, errorAt(f.Pos(), "field '%s' of a ROW is named twice", f.Name.Name)
		}
		seen[f.Name.Name] = true
		ft, err := Type(f.Type)
		if err != nil {
			return t, err
		}
		field := types.Field{Name: f.Name.Name, Type: ft}
		if f.Comment != nil {
			field.Comment = f.Comment.Value
		}
		t.Fields = append(t.Fields, field)
	}
	return t, nil
}

func typeRef(n *parser.TypeName) (*types.Type, error) {
	t, err := Type(n)
	if err != nil {
		return nil, err
	}
	return &t, nil
}
