package function

import (
	"bytes"
	"fmt"
	"regexp"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

var tStrings = types.TArray(types.TString)

func init() {
	register(
		collFn("MAP_KEYS", "MAP_KEYS(map)", "The keys, as an array.", []Example{{"MAP_KEYS(MAP['a', 1, 'b', 2])", "[a, b]"}}, mapPart(0)),
		collFn("MAP_VALUES", "MAP_VALUES(map)", "The values, as an array.", []Example{{"MAP_VALUES(MAP['a', 1, 'b', 2])", "[1, 2]"}}, mapPart(1)),
		collFn("MAP_ENTRIES", "MAP_ENTRIES(map)", "The entries, as an array of ROW<key, value>.", []Example{{"MAP_ENTRIES(MAP['a', 1])", "[(a, 1)]"}},
			overload{text: "(MAP)", params: []param{pMap},
				result: func(c *call) (types.Type, error) {
					return types.TArray(types.TRow(types.Field{Name: "key", Type: *c.args[0].Key}, types.Field{Name: "value", Type: *c.args[0].Elem}).Required()), nil
				},
				kernel: func(c *call) Kernel {
					return func(_ *vec.EvalContext, args []*vec.Vector, _ []int32, _ int, out *vec.Vector) error {
						m := args[0]
						out.Off = m.Off
						out.Kids = []*vec.Vector{{Type: *c.result.Elem, N: m.Kids[0].N, Kids: m.Kids}}
						return nil
					}
				}}),
		collFn("MAP_FROM_ARRAYS", "MAP_FROM_ARRAYS(keys, values)", "A map of an array of keys and one of their values.", []Example{{"MAP_FROM_ARRAYS(ARRAY['a', 'b'], ARRAY[1, 2])", "{a=1, b=2}"}},
			overload{text: "(ARRAY, ARRAY)", params: []param{pArray, pArray},
				result: func(c *call) (types.Type, error) { return types.TMap(*c.args[0].Elem, *c.args[1].Elem), nil },
				kernel: func(*call) Kernel { return nestedOf(mapFromArrays) }}),
		collFn("MAP_UNION", "MAP_UNION(map, …)", "A map of the entries of all; a later value of the same key wins.", []Example{{"MAP_UNION(MAP['a', 1], MAP['a', 2, 'b', 3])", "{a=2, b=3}"}},
			overload{text: "(MAP, …)", params: []param{pMap}, rest: pMap, unify: toCommon, result: sameAs(0), kernel: func(*call) Kernel { return nestedOf(mapUnion) }}),
		collFn("STR_TO_MAP", "STR_TO_MAP(a [, pairs, values])", "A map of a text of pairs; the separators of pairs (',') and of key and value ('=') are regular expressions.",
			[]Example{{"STR_TO_MAP('k1=v1,k2=v2')", "{k1=v1, k2=v2}"}, {"STR_TO_MAP('k1:v1;k2', ';', ':')", "{k1=v1, k2=NULL}"}},
			overload{text: "(STRING)", params: []param{pString}, fixed: types.TMap(types.TString, types.TString), kernel: func(*call) Kernel { return strToMap() }},
			overload{text: "(STRING, STRING, STRING)", params: []param{pString, pString, pString}, fixed: types.TMap(types.TString, types.TString), kernel: func(*call) Kernel { return strToMap() }}),
		collFn("SPLIT", "SPLIT(a, separator)", "The parts of a between the separators; with an empty separator, its characters.",
			[]Example{{"SPLIT('a,b,,c', ',')", "[a, b, , c]"}, {"SPLIT('añ', '')", "[a, ñ]"}},
			overload{text: "(STRING, STRING)", params: []param{pString, pString}, fixed: tStrings, kernel: func(*call) Kernel {
				return nestedOf(func(args []*vec.Vector, r int, b *vec.Builder) error {
					for _, p := range bytes.Split(args[0].Bytes(r), args[1].Bytes(r)) {
						b.Kid(0).AppendBytes(p)
					}
					b.Close()
					return nil
				})
			}}),
		collFn("REGEXP_EXTRACT_ALL", "REGEXP_EXTRACT_ALL(a, regexp [, group])", "All matches of a group (1) of the regular expression, 0 being the whole; NULL if there is no such group."+regexpNote,
			[]Example{{"REGEXP_EXTRACT_ALL('a1b22', '([0-9]+)')", "[1, 22]"}, {"REGEXP_EXTRACT_ALL('a1b22', '[a-z][0-9]', 0)", "[a1, b2]"}},
			overload{text: "(STRING, STRING [, INT])", params: []param{pString, pString, pLong}, opt: 1, fixed: tStrings, maybeNull: true, fallible: extractAll}),
	)
}

func mapPart(i int) overload {
	return overload{text: "(MAP)", params: []param{pMap},
		result: func(c *call) (types.Type, error) {
			if i == 0 {
				return types.TArray(*c.args[0].Key), nil
			}
			return types.TArray(*c.args[0].Elem), nil
		},
		kernel: func(*call) Kernel {
			return func(_ *vec.EvalContext, args []*vec.Vector, _ []int32, _ int, out *vec.Vector) error {
				out.Off, out.Kids = args[0].Off, args[0].Kids[i:i+1]
				return nil
			}
		}}
}

func mapFromArrays(args []*vec.Vector, r int, b *vec.Builder) error {
	keys, kf, kt := elems(args[0], r)
	values, vf, vt := elems(args[1], r)
	if kt-kf != vt-vf {
		return fmt.Errorf("MAP_FROM_ARRAYS: %d keys and %d values", kt-kf, vt-vf)
	}
	for e := kf; e < kt; e++ {
		b.Kid(0).Append(keys, e)
		b.Kid(1).Append(values, vf+e-kf)
	}
	b.Close()
	return nil
}

func mapUnion(args []*vec.Vector, r int, b *vec.Builder) error {
	for i, m := range args {
		keys, from, to := elems(m, r)
	next:
		for e := from; e < to; e++ {
			for _, before := range args[:i] {
				bk, bf, bt := elems(before, r)
				if indexOf(bk, bf, bt, keys, e) >= 0 {
					continue next
				}
			}
			last, at := m, e
			for _, later := range args[i+1:] {
				lk, lf, lt := elems(later, r)
				if found := indexOf(lk, lf, lt, keys, e); found >= 0 {
					last, at = later, found
				}
			}
			b.Kid(0).Append(keys, e)
			b.Kid(1).Append(last.Kids[1], at)
		}
	}
	b.Close()
	return nil
}

func strToMap() Kernel {
	var outer, inner regexps
	return nestedOf(func(args []*vec.Vector, r int, b *vec.Builder) error {
		pairSep, valueSep := []byte(","), []byte("=")
		if len(args) == 3 {
			pairSep, valueSep = args[1].Bytes(r), args[2].Bytes(r)
		}
		pairRe, err := outer.get(pairSep)
		if err != nil {
			return err
		}
		valueRe, err := inner.get(valueSep)
		if err != nil {
			return err
		}
		appendPairs(args[0].Str(r), pairRe, valueRe, b)
		b.Close()
		return nil
	})
}

func appendPairs(text string, pairRe, valueRe *regexp.Regexp, b *vec.Builder) {
	if text == "" {
		return
	}
	type entry struct {
		value string
		ok    bool
	}
	values := map[string]entry{}
	var order []string
	parts := pairRe.Split(text, -1)
	// Java's split leaves out empty parts at the end.
	for len(parts) > 0 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	for _, p := range parts {
		kv := valueRe.Split(p, 2)
		if _, seen := values[kv[0]]; !seen {
			order = append(order, kv[0])
		}
		values[kv[0]] = entry{kv[len(kv)-1], len(kv) == 2}
	}
	for _, k := range order {
		b.Kid(0).AppendString(k)
		if v := values[k]; v.ok {
			b.Kid(1).AppendString(v.value)
		} else {
			b.Kid(1).AppendNull()
		}
	}
}

func extractAll(c *call) (Kernel, error) {
	cache, err := newRegexps(c)
	if err != nil {
		return nil, err
	}
	return nestedOf(func(args []*vec.Vector, r int, b *vec.Builder) error {
		re, err := cache.get(args[1].Bytes(r))
		if err != nil {
			return err
		}
		group := int64(1)
		if len(args) == 3 {
			group = args[2].I64[r]
		}
		if group < 0 || group > int64(re.NumSubexp()) {
			b.AppendNull()
			return nil
		}
		s := args[0].Bytes(r)
		for _, at := range re.FindAllSubmatchIndex(s, -1) {
			if at[2*group] < 0 {
				b.Kid(0).AppendNull()
			} else {
				b.Kid(0).AppendBytes(s[at[2*group]:at[2*group+1]])
			}
		}
		b.Close()
		return nil
	}), nil
}
