package parser

import "strings"

// typeArgs says of a type of one word how many arguments in parentheses it takes.
var typeArgs = map[string]struct {
	name string
	max  int
}{
	"BOOLEAN": {TypeBoolean, 0}, "TINYINT": {TypeTinyInt, 0}, "SMALLINT": {TypeSmallInt, 0},
	"INT": {TypeInt, 0}, "INTEGER": {TypeInt, 0}, "BIGINT": {TypeBigInt, 0},
	"FLOAT": {TypeFloat, 0}, "REAL": {TypeFloat, 0}, "DOUBLE": {TypeDouble, 0},
	"DECIMAL": {TypeDecimal, 2}, "DEC": {TypeDecimal, 2}, "NUMERIC": {TypeDecimal, 2},
	"CHAR": {TypeChar, 1}, "CHARACTER": {TypeChar, 1}, "VARCHAR": {TypeVarchar, 1}, "STRING": {TypeString, 0},
	"BINARY": {TypeBinary, 1}, "VARBINARY": {TypeVarbinary, 1}, "BYTES": {TypeBytes, 0},
	"DATE": {TypeDate, 0}, "TIME": {TypeTime, 1}, "TIMESTAMP": {TypeTimestamp, 1}, "TIMESTAMP_LTZ": {TypeTimestampLTZ, 1},
	"VARIANT": {TypeVariant, 0}, "BITMAP": {TypeBitmap, 0}, "UUID": {TypeUUID, 0},
}

// varying maps the types that VARYING may follow.
var varying = map[string]string{TypeChar: TypeVarchar, TypeBinary: TypeVarbinary}

// typeName parses the type of a column or field, with its NULL or NOT NULL.
func (p *parser) typeName() *TypeName { return p.typeWith(true) }

// typeWith parses a type and the postfix forms t ARRAY and t MULTISET. Where a type stands in an expression, no NULL can
// belong to it: JSON_VALUE(x, '$' RETURNING INT NULL ON EMPTY).
func (p *parser) typeWith(nullability bool) *TypeName {
	p.enter()
	defer p.leave()
	t := p.baseType()
	n := 0
	for {
		if nullability {
			p.nullability(t)
		}
		outer := p.acceptAny("ARRAY", "MULTISET")
		if outer == "" {
			return t
		}
		p.chain(&n)
		t = &TypeName{At: t.At, Name: outer, Elem: t}
	}
}

func (p *parser) nullability(t *TypeName) {
	if p.is("NOT", "NULL") {
		p.i += 2
		t.NotNull = true
	} else if p.accept("NULL") {
		t.Null = true
	}
}

func (p *parser) baseType() *TypeName {
	tok := p.tok()
	t := &TypeName{At: At{tok.pos}}
	if simple, ok := typeArgs[tok.upper]; ok {
		p.i++
		t.Name = simple.name
		p.simpleType(t, simple.max)
		return t
	}
	switch tok.upper {
	case "ARRAY", "MULTISET":
		p.i++
		t.Name = tok.upper
		p.expectOp("<", "after "+tok.upper)
		t.Elem = p.typeName()
		p.expectOp(">", "after the element type")
	case "MAP":
		p.i++
		t.Name = TypeMap
		p.expectOp("<", "after MAP")
		t.Key = p.typeName()
		p.expectOp(",", "after the key type")
		t.Elem = p.typeName()
		p.expectOp(">", "after the value type")
	case "ROW":
		p.i++
		p.rowType(t)
	case "RAW", "STRUCTURED":
		p.i++
		p.opaqueType(t, tok.upper)
	case "INTERVAL":
		p.failAt(tok.pos, "INTERVAL is a type of expressions, not of columns")
	default:
		p.userType(t)
	}
	return t
}

// userType parses the name of a user-defined type. A type that Flink does not have gets its name in Flink, if it has one.
func (p *parser) userType(t *TypeName) {
	if !p.isName() {
		for _, name := range sortedKeys(typeArgs) {
			p.try(name)
		}
		p.fail(p.expected("a data type"))
	}
	tok := p.tok()
	name := p.objectName("a data type")
	if len(name.Parts) == 1 && !name.Parts[0].Quoted {
		hint := foreignType[tok.upper]
		if hint == "" {
			hint = nearest(tok.upper, append(sortedKeys(typeArgs), "ARRAY", "MAP", "MULTISET", "ROW"))
		}
		if hint != "" {
			p.fail(&Error{Pos: tok.pos, Msg: "unknown data type '" + tok.val + "'", Hint: "did you mean " + hint + "?"})
		}
	}
	t.Name, t.User = TypeUser, &name
}

// foreignType maps the types of other systems to Flink's.
var foreignType = map[string]string{
	"TEXT": "STRING", "NVARCHAR": "STRING", "LONG": "BIGINT", "INT64": "BIGINT", "INT8": "BIGINT", "INT4": "INT",
	"INT32": "INT", "INT16": "SMALLINT", "FLOAT64": "DOUBLE", "FLOAT8": "DOUBLE", "FLOAT32": "FLOAT", "BOOL": "BOOLEAN",
	"TIMESTAMPTZ": "TIMESTAMP_LTZ", "TIMESTAMP_TZ": "TIMESTAMP_LTZ", "DATETIME": "TIMESTAMP", "BYTEA": "BYTES",
	"NUMBER": "DECIMAL", "JSONB": "STRING", "STRUCT": "ROW",
}

// simpleType parses what may follow the name of a type without elements.
func (p *parser) simpleType(t *TypeName, maxArgs int) {
	if t.Name == TypeDouble {
		p.accept("PRECISION")
	}
	if v, ok := varying[t.Name]; ok && p.accept("VARYING") {
		t.Name = v
	}
	if maxArgs > 0 && p.acceptOp("(") {
		t.Args = append(t.Args, p.integer("a number"))
		for len(t.Args) < maxArgs && p.acceptOp(",") {
			t.Args = append(t.Args, p.integer("a number"))
		}
		p.expectOp(")", "after the type's arguments")
	}
	if t.Name != TypeTime && t.Name != TypeTimestamp || p.toks[p.i-1].upper == "TIMESTAMP_LTZ" {
		return
	}
	if p.accept("WITHOUT", "TIME", "ZONE") {
		return
	}
	at := p.tok().pos
	if t.Name == TypeTimestamp && p.accept("WITH", "LOCAL", "TIME", "ZONE") {
		t.Name = TypeTimestampLTZ
	} else if t.Name == TypeTimestamp && p.is("WITH", "TIME") {
		p.fail(&Error{Pos: at, Msg: "TIMESTAMP WITH TIME ZONE is not supported", Hint: "did you mean TIMESTAMP WITH LOCAL TIME ZONE?"})
	}
}

// rowType parses the fields of ROW<…> or ROW(…).
func (p *parser) rowType(t *TypeName) {
	t.Name = TypeRow
	if p.acceptOp("<>") {
		return
	}
	closing := ">"
	if p.acceptOp("(") {
		closing = ")"
	} else {
		p.expectOp("<", "after ROW")
	}
	if !p.isOp(closing) {
		t.Fields = list(p, p.typeField)
	}
	p.expectOp(closing, "or ',' after the field")
}

func (p *parser) typeField() *TypeField {
	f := &TypeField{Name: p.ident("a field's name")}
	f.At = f.Name.At
	f.Type = p.typeName()
	if p.isString() {
		f.Comment = p.stringLit()
	}
	return f
}

// opaqueType parses RAW('class', 'snapshot') and STRUCTURED<'class', fields>.
func (p *parser) opaqueType(t *TypeName, name string) {
	t.Name = name
	if name == TypeRaw {
		p.expectOp("(", "after RAW")
		t.Strings = []string{p.str("the class name as a 'string'").Value}
		p.expectOp(",", "after the class name")
		t.Strings = append(t.Strings, p.str("the serializer snapshot as a 'string'").Value)
		p.expectOp(")", "after the serializer snapshot")
		return
	}
	p.expectOp("<", "after STRUCTURED")
	t.Strings = []string{p.str("the class name as a 'string'").Value}
	for p.acceptOp(",") {
		t.Fields = append(t.Fields, p.typeField())
	}
	p.expectOp(">", "or ',' after the field")
}

// castType parses the type of a CAST, which unlike that of a column may be an interval.
func (p *parser) castType() *TypeName {
	at := p.tok().pos
	if p.accept("INTERVAL") {
		return &TypeName{At: At{at}, Name: TypeInterval, Interval: p.intervalQualifier()}
	}
	return p.typeWith(false)
}

// quoteString writes a string as a literal.
func quoteString(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
