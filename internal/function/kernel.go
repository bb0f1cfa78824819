package function

import (
	"math"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// fixed are the Go types of columns that are one slice.
type fixed interface {
	bool | int8 | int16 | int32 | int64 | float32 | float64 | types.Dec
}

// whole and number are those on which Go's operators are SQL's.
type whole interface {
	int8 | int16 | int32 | int64
}

type number interface {
	whole | float32 | float64
}

// slice is the slice of v's values. Going through a pointer keeps the type
// switch from allocating.
func slice[T fixed](v *vec.Vector) *[]T {
	var zero T
	var p any
	switch any(zero).(type) {
	case bool:
		p = &v.Bool
	case int8:
		p = &v.I8
	case int16:
		p = &v.I16
	case int32:
		p = &v.I32
	case int64:
		p = &v.I64
	case float32:
		p = &v.F32
	case float64:
		p = &v.F64
	case types.Dec:
		p = &v.Dec
	}
	return p.(*[]T)
}

// each calls f for the rows sel, or all n if it is nil.
func each(sel []int32, n int, f func(r int32) error) error {
	if sel == nil {
		for r := range int32(n) {
			if err := f(r); err != nil {
				return err
			}
		}
		return nil
	}
	for _, r := range sel {
		if err := f(r); err != nil {
			return err
		}
	}
	return nil
}

// map1 makes a kernel of a function of one value that cannot fail.
func map1[A, R fixed](f func(A) R) Kernel {
	return func(_ *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
		a, dst := *slice[A](args[0]), *slice[R](out)
		if sel == nil {
			for i, x := range a[:n] {
				dst[i] = f(x)
			}
			return nil
		}
		for _, r := range sel {
			dst[r] = f(a[r])
		}
		return nil
	}
}

// map2 is map1 for two values.
func map2[A, B, R fixed](f func(A, B) R) Kernel {
	return func(_ *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
		a, b, dst := *slice[A](args[0]), *slice[B](args[1]), *slice[R](out)
		if sel == nil {
			for i := range n {
				dst[i] = f(a[i], b[i])
			}
			return nil
		}
		for _, r := range sel {
			dst[r] = f(a[r], b[r])
		}
		return nil
	}
}

// rowsOf makes a kernel of a function that does one row; what it returns as an
// error is given the row.
func rowsOf(f func(ctx *vec.EvalContext, args []*vec.Vector, r int, out *vec.Vector) error) Kernel {
	return func(ctx *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
		return each(sel, n, func(r int32) error {
			if err := f(ctx, args, int(r), out); err != nil {
				return rowError(int(r), err)
			}
			return nil
		})
	}
}

// rowError gives err the row, if it has none.
func rowError(r int, err error) error {
	if _, ok := err.(*vec.RowError); ok {
		return err
	}
	return &vec.RowError{Row: r, Msg: err.Error()}
}

// textFunc appends the value of row r to dst. It may call out.SetNull(r) and
// return dst as it was.
type textFunc func(ctx *vec.EvalContext, args []*vec.Vector, r int, dst []byte, out *vec.Vector) ([]byte, error)

// textOf makes a kernel that gives strings or bytes.
func textOf(f textFunc) Kernel {
	return func(ctx *vec.EvalContext, args []*vec.Vector, sel []int32, n int, out *vec.Vector) error {
		data, next := out.Data, 0
		err := each(sel, n, func(r int32) error {
			// Rows that are not selected are empty.
			for ; next < int(r); next++ {
				out.Off[next+1] = int32(len(data))
			}
			var err error
			if data, err = f(ctx, args, int(r), data, out); err != nil {
				return rowError(int(r), err)
			}
			if len(data) > math.MaxInt32 {
				return vec.RowErrorf(int(r), "the strings of this batch are longer than 2 GB")
			}
			out.Off[r+1] = int32(len(data))
			next = int(r) + 1
			return nil
		})
		for ; next < n; next++ {
			out.Off[next+1] = int32(len(data))
		}
		out.Data = data
		return err
	}
}
