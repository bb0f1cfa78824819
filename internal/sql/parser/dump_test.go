package parser

import (
	"fmt"
	"reflect"
	"strings"
)

// dump writes a tree as an s-expression: the type's name, then the fields that are set. Positions are left out, but for
// nodes whose tests ask for them. A name is written as it is, a list in brackets.
func dump(x any) string {
	var b strings.Builder
	dumpValue(&b, reflect.ValueOf(x))
	return b.String()
}

func dumpValue(b *strings.Builder, v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		dumpValue(b, v.Elem())
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			fmt.Fprintf(b, "%x", v.Bytes())
			return
		}
		b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				b.WriteByte(' ')
			}
			dumpValue(b, v.Index(i))
		}
		b.WriteByte(']')
	case reflect.Struct:
		dumpStruct(b, v)
	case reflect.String:
		dumpString(b, v.String())
	default:
		fmt.Fprint(b, v.Interface())
	}
}

func dumpString(b *strings.Builder, s string) {
	if s == "" || strings.ContainsAny(s, " ()[]'\n") {
		fmt.Fprintf(b, "%q", s)
		return
	}
	b.WriteString(s)
}

func dumpStruct(b *strings.Builder, v reflect.Value) {
	switch x := v.Interface().(type) {
	case Ident:
		dumpString(b, x.Name)
		return
	case ObjectName:
		b.WriteString(dumpPath(x.Parts))
		return
	case ColumnRef:
		b.WriteString(dumpPath(x.Parts))
		return
	case Option:
		fmt.Fprintf(b, "%q=%q", x.Key, x.Value)
		return
	}
	b.WriteByte('(')
	b.WriteString(v.Type().Name())
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Anonymous || f.Type == reflect.TypeFor[Pos]() || v.Field(i).IsZero() {
			continue
		}
		b.WriteByte(' ')
		if v.Field(i).Kind() == reflect.Bool {
			b.WriteString(f.Name)
			continue
		}
		b.WriteString(f.Name)
		b.WriteByte(':')
		dumpValue(b, v.Field(i))
	}
	b.WriteByte(')')
}

func dumpPath(parts []Ident) string {
	names := make([]string, len(parts))
	for i, id := range parts {
		names[i] = id.Name
	}
	return strings.Join(names, ".")
}
