package json

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// narrow is a ROW of the used fields alone: the members of the others are passed over
// like those that the table does not know. nil: all of it is used.
func narrow(t types.Type, used []int) (types.Type, *widener) {
	if used == nil || t.Root != types.Row || len(used) == len(t.Fields) {
		return t, nil
	}
	out := t
	out.Fields = nil
	for _, f := range used {
		out.Fields = append(out.Fields, t.Fields[f])
	}
	return out, &widener{typ: t, used: used, nulls: make([]vec.Nulls, len(t.Fields))}
}

// widener gives a narrowed column its type back, with NULL in the fields left out.
type widener struct {
	typ   types.Type
	used  []int
	nulls []vec.Nulls
}

func (w *widener) vector(v *vec.Vector) *vec.Vector {
	out := *v
	out.Type, out.Kids = w.typ, make([]*vec.Vector, len(w.typ.Fields))
	for i, f := range w.used {
		out.Kids[f] = v.Kids[i]
	}
	for f, k := range out.Kids {
		if k == nil {
			out.Kids[f] = w.nulls[f].Of(w.typ.Fields[f].Type, v.N)
		}
	}
	return &out
}
