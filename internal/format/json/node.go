package json

import (
	"fmt"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// kind is how a value is decoded.
type kind uint8

const (
	kindNull kind = iota
	kindBool
	kindInt8
	kindInt16
	kindInt32
	kindInt64
	kindFloat
	kindDecimal
	kindString
	kindBytes
	kindDate
	kindTime
	kindTimestamp
	kindArray
	kindMap
	kindEntries
	kindRow
)

var kinds = map[types.Root]kind{
	types.Null: kindNull, types.Boolean: kindBool, types.TinyInt: kindInt8, types.SmallInt: kindInt16,
	types.Integer: kindInt32, types.BigInt: kindInt64, types.IntervalYearMonth: kindInt32, types.IntervalDayTime: kindInt64,
	types.Float: kindFloat, types.Double: kindFloat, types.Decimal: kindDecimal,
	types.Char: kindString, types.Varchar: kindString, types.Binary: kindBytes, types.Varbinary: kindBytes,
	types.Date: kindDate, types.Time: kindTime, types.Timestamp: kindTimestamp, types.TimestampLTZ: kindTimestamp,
	types.Array: kindArray, types.Map: kindMap, types.Multiset: kindMap, types.Row: kindRow,
}

// node is a column, or a part of a nested one, compiled for decoding.
type node struct {
	kind kind
	typ  types.Type
	path string // the column's name, with those of ROW fields after points
	b    *vec.Builder

	fields []field // of ROW
	index  fieldIndex
	shape  []member
	key    *node // of MAP
	elem   *node // of ARRAY and MAP
	entry  *node // of a MAP that is an array of entries: a ROW that is never built itself
	// times reads timestamps; usualSep is what stands between date and time in those
	// that ParseUsual may read, 0 if it may read none.
	times    types.TimestampParser
	usualSep byte
}

// field is a field of a ROW.
type field struct {
	name string
	node *node
}

// compiler says how values are written: sep is what stands between date and time,
// entries that a MAP may have keys that are no strings.
type compiler struct {
	sep     byte
	entries bool
}

// compile makes the node of a type.
func (c compiler) compile(t types.Type, path string) (*node, error) {
	k, ok := kinds[t.Root]
	if !ok {
		return nil, fmt.Errorf("column %s: format json has no %s", path, t)
	}
	n := &node{kind: k, typ: t, path: path}
	n.times.Unit = t.Unit()
	if t.Root == types.Timestamp && t.Precision >= 3 {
		n.usualSep = c.sep
	}
	var err error
	switch k {
	case kindRow:
		return n, c.fields(n)
	case kindArray:
		n.elem, err = c.compile(*t.Elem, path)
	case kindMap:
		key, value := mapTypes(t)
		switch {
		case key.IsString():
			n.key, _ = c.compile(key, path)
			n.elem, err = c.compile(value, path)
		case c.entries:
			n.kind = kindEntries
			n.entry, err = c.compile(types.TRow(types.Field{Name: "key", Type: key}, types.Field{Name: "value", Type: value}), path)
		default:
			return nil, fmt.Errorf("column %s: format json wants strings for the keys of a map, not %s", path, key)
		}
	}
	return n, err
}

// mapTypes are the types of the keys and values of a MAP or MULTISET.
func mapTypes(t types.Type) (key, value types.Type) {
	if t.Root == types.Map {
		return *t.Key, *t.Elem
	}
	return *t.Elem, types.TInt.Required()
}

func (c compiler) fields(n *node) error {
	for _, f := range n.typ.Fields {
		x, err := c.compile(f.Type, fieldPath(n.path, f.Name))
		if err != nil {
			return err
		}
		n.fields = append(n.fields, field{f.Name, x})
		var m member
		if plainKey(f.Name) {
			m.set([]byte(`"`+f.Name+`":`), len(n.fields)-1)
		}
		n.shape = append(n.shape, m)
	}
	n.index = newFieldIndex(n.fields)
	return nil
}

// bind gives the node its builder, and its parts theirs.
func (n *node) bind(b *vec.Builder) {
	n.b = b
	switch n.kind {
	case kindRow:
		for i := range n.fields {
			n.fields[i].node.bind(b.Kid(i))
		}
	case kindArray:
		n.elem.bind(b.Kid(0))
	case kindMap:
		n.key.bind(b.Kid(0))
		n.elem.bind(b.Kid(1))
	case kindEntries:
		n.entry.fields[0].node.bind(b.Kid(0))
		n.entry.fields[1].node.bind(b.Kid(1))
	}
}

// fieldIndex finds a field by its name: an open hash table of places in fields,
// plus one.
type fieldIndex struct {
	lengths uint64 // bit n: there is a name of n bytes, or of 63 and more
	slots   []int32
	fields  []field
}

func newFieldIndex(fields []field) fieldIndex {
	size := 4
	for size < 2*len(fields) {
		size *= 2
	}
	x := fieldIndex{slots: make([]int32, size), fields: fields}
	for i, f := range fields {
		x.lengths |= 1 << min(len(f.name), 63)
		at := int(vec.HashBytes([]byte(f.name))) & (size - 1)
		for x.slots[at] != 0 {
			at = (at + 1) & (size - 1)
		}
		x.slots[at] = int32(i + 1)
	}
	return x
}

// find gives the field of a name, -1 if there is none.
func (x *fieldIndex) find(name []byte) int {
	if x.lengths&(1<<min(len(name), 63)) == 0 {
		return -1
	}
	mask := len(x.slots) - 1
	for at := int(vec.HashBytes(name)) & mask; x.slots[at] != 0; at = (at + 1) & mask {
		if i := int(x.slots[at]) - 1; x.fields[i].name == string(name) {
			return i
		}
	}
	return -1
}
