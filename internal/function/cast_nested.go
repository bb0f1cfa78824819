package function

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// castNested casts the children of arrays, maps, multisets and rows. With try, a
// value of which a part cannot be cast is NULL as a whole.
func castNested(from, to types.Type, try bool) Kernel {
	a, b := parts(from), parts(to)
	kids := make([]Kernel, len(a))
	for i := range a {
		switch {
		case a[i].Same(b[i]):
		case try:
			kids[i] = tryKernel(a[i], b[i])
		default:
			kids[i] = castKernel(a[i], b[i])
		}
	}
	return func(ctx *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
		in := args[0]
		out.Off = in.Off
		rows := liveParts(in, sel, n)
		for i, k := range kids {
			kid := in.Kids[i]
			if k == nil {
				out.Kids[i] = kid
				continue
			}
			cast := vec.New(b[i], kid.N, 0)
			if err := k(ctx, []*vec.Vector{kid}, keep(nil, rows, kid.N, kid.Valid), kid.N, cast); err != nil {
				return parentError(in, n, err)
			}
			cast.Valid = vec.And(cast.Valid, kid.Valid, kid.N)
			out.Kids[i] = cast
			if try {
				nullParents(in, kid, cast, sel, n, out)
			}
		}
		return nil
	}
}

// parentError moves an error from the row of a child to that of its parent.
func parentError(in *vec.Vector, n int, err error) error {
	e, ok := err.(*vec.RowError)
	if !ok || in.Off == nil {
		return err
	}
	for r := range n {
		if int(in.Off[r]) <= e.Row && e.Row < int(in.Off[r+1]) {
			return &vec.RowError{Row: r, Msg: e.Msg}
		}
	}
	return err
}

// parts are the types of a nested type's children, as vectors have them.
func parts(t types.Type) []types.Type {
	switch t.Root {
	case types.Array:
		return []types.Type{*t.Elem}
	case types.Multiset:
		return []types.Type{*t.Elem, types.TInt.Required()}
	case types.Map:
		return []types.Type{*t.Key, *t.Elem}
	}
	out := make([]types.Type, len(t.Fields))
	for i, f := range t.Fields {
		out[i] = f.Type
	}
	return out
}

// liveParts are the rows of the children that belong to rows that are selected
// and not NULL; never nil.
func liveParts(in *vec.Vector, sel []int32, n int) []int32 {
	rows := keep(nil, sel, n, in.Valid)
	if in.Off == nil {
		return rows
	}
	out := make([]int32, 0, int(in.Off[n]))
	for _, r := range rows {
		for e := in.Off[r]; e < in.Off[r+1]; e++ {
			out = append(out, e)
		}
	}
	return out
}

// nullParents makes each row NULL of which a part became NULL by casting.
func nullParents(in, kid, cast *vec.Vector, sel []int32, n int, out *vec.Vector) {
	lost := func(e int) bool { return cast.IsNull(e) && !kid.IsNull(e) }
	for _, r := range keep(nil, sel, n, in.Valid) {
		if in.Off == nil {
			if lost(int(r)) {
				out.SetNull(int(r))
			}
			continue
		}
		for e := in.Off[r]; e < in.Off[r+1]; e++ {
			if lost(int(e)) {
				out.SetNull(int(r))
				break
			}
		}
	}
}
