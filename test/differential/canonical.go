package differential

import (
	"reflect"
	"sort"
	"strings"
)

// canonical puts lists whose order says nothing, since Kafka takes it from a hash table, in the order of their names: topics, which
// it also names twice, partitions, features, transactional ids.
func canonical(v reflect.Value, n *names) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			canonical(v.Elem(), n)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			canonical(v.Field(i), n)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Struct {
			return
		}
		merge(v, n)
		sort.Stable(byName{v, n})
		for i := range v.Len() {
			canonical(v.Index(i), n)
		}
	}
}

// merge joins the partitions of topics that are named twice.
func merge(v reflect.Value, n *names) {
	if _, ok := v.Type().Elem().FieldByName("Partitions"); !ok || v.Len() < 2 {
		return
	}
	kept := reflect.MakeSlice(v.Type(), 0, v.Len())
next:
	for i := range v.Len() {
		for j := range kept.Len() {
			if order(kept.Index(j), v.Index(i), n) == 0 && v.Index(i).FieldByName("Partitions").Len() > 0 {
				into := kept.Index(j).FieldByName("Partitions")
				into.Set(reflect.AppendSlice(into, v.Index(i).FieldByName("Partitions")))
				continue next
			}
		}
		kept = reflect.Append(kept, v.Index(i))
	}
	v.Set(kept)
}

type byName struct {
	v reflect.Value
	n *names
}

func (b byName) Len() int           { return b.v.Len() }
func (b byName) Less(i, j int) bool { return order(b.v.Index(i), b.v.Index(j), b.n) < 0 }
func (b byName) Swap(i, j int)      { reflect.Swapper(b.v.Interface())(i, j) }

// order compares two structs by what names them.
func order(a, b reflect.Value, names *names) int {
	for _, name := range []string{"Topic", "Partition", "Name", "TransactionalID", "ProducerID", "TopicID"} {
		x, y := reflect.Indirect(a.FieldByName(name)), reflect.Indirect(b.FieldByName(name))
		if !x.IsValid() || !y.IsValid() {
			continue
		}
		n := 0
		switch x.Kind() {
		case reflect.String:
			n = strings.Compare(x.String(), y.String())
		case reflect.Array:
			n = strings.Compare(names.uuids[x.Interface().([16]byte)], names.uuids[y.Interface().([16]byte)])
		default:
			n = int(min(max(x.Int()-y.Int(), -1), 1))
		}
		if n != 0 {
			return n
		}
	}
	return 0
}
