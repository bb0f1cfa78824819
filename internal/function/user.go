package function

import (
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// users guards the registry against functions that are defined while statements are
// planned elsewhere.
var users sync.RWMutex

// Define adds a user's function, written in Go: one to four arguments and a result, or
// a result and an error, each of a Go type that stands for one of SQL:
//
//	bool BOOLEAN, int32 INT, int64 BIGINT, float64 DOUBLE, string STRING, []byte BYTES
//
// A pointer stands for a value that may be NULL. A function without pointers among its
// arguments is not called where one is NULL: the result is NULL there. It must give the
// same for the same arguments, and may be called by several goroutines.
//
// A name that is taken, or a Go type that stands for nothing, is an error.
func Define(name string, fn any) error {
	v := reflect.ValueOf(fn)
	if name == "" || v.Kind() != reflect.Func || v.IsNil() {
		return fmt.Errorf("function '%s': a Go function is wanted, not %T", name, fn)
	}
	u, err := newUser(v)
	if err != nil {
		return fmt.Errorf("function '%s': %w", name, err)
	}
	upper := strings.ToUpper(name)
	users.Lock()
	defer users.Unlock()
	if registry.scalars[upper] != nil || registry.aggregates[upper] != nil {
		return fmt.Errorf("function '%s': the name is taken", name)
	}
	s := &Scalar{Name: upper, Group: "user", Signature: name + u.text, Doc: "A function of the program's user.", Deterministic: true}
	s.Bind = overloads(upper, u.overload())
	registry.scalars[upper] = s
	registry.names = append(registry.names, upper)
	return nil
}

// user is a function in Go, called by reflection but for the signatures that are met
// most.
type user struct {
	fn    reflect.Value
	in    []goType
	out   goType
	fails bool // the second result is an error
	nulls bool // an argument may be NULL
	text  string
}

// goType is what a Go type stands for.
type goType struct {
	typ  types.Type
	null bool // a pointer
	get  func(v *vec.Vector, r int) reflect.Value
}

var goTypes = map[reflect.Type]goType{
	reflect.TypeFor[bool]():    {typ: types.TBool, get: func(v *vec.Vector, r int) reflect.Value { return reflect.ValueOf(v.Bool[r]) }},
	reflect.TypeFor[int32]():   {typ: types.TInt, get: func(v *vec.Vector, r int) reflect.Value { return reflect.ValueOf(v.I32[r]) }},
	reflect.TypeFor[int64]():   {typ: types.TBigInt, get: func(v *vec.Vector, r int) reflect.Value { return reflect.ValueOf(v.I64[r]) }},
	reflect.TypeFor[float64](): {typ: types.TDouble, get: func(v *vec.Vector, r int) reflect.Value { return reflect.ValueOf(v.F64[r]) }},
	reflect.TypeFor[string]():  {typ: types.TString, get: func(v *vec.Vector, r int) reflect.Value { return reflect.ValueOf(v.Str(r)) }},
	reflect.TypeFor[[]byte]():  {typ: types.TBytes, get: func(v *vec.Vector, r int) reflect.Value { return reflect.ValueOf(v.Bytes(r)) }},
}

func goTypeOf(t reflect.Type) (goType, error) {
	elem := t
	if t.Kind() == reflect.Pointer {
		elem = t.Elem()
	}
	g, ok := goTypes[elem]
	if !ok {
		return g, fmt.Errorf("the Go type %s stands for none of SQL: take bool, int32, int64, float64, string, []byte or a pointer to one", t)
	}
	if elem == t {
		return g, nil
	}
	value := g.get
	g.null = true
	g.get = func(v *vec.Vector, r int) reflect.Value {
		if v.IsNull(r) {
			return reflect.Zero(t)
		}
		p := reflect.New(elem)
		p.Elem().Set(value(v, r))
		return p
	}
	return g, nil
}

func newUser(fn reflect.Value) (*user, error) {
	t := fn.Type()
	u := &user{fn: fn}
	if t.IsVariadic() || t.NumIn() < 1 || t.NumIn() > 4 || t.NumOut() < 1 || t.NumOut() > 2 {
		return nil, fmt.Errorf("%s: one to four arguments and one result are wanted", t)
	}
	var names []string
	for i := range t.NumIn() {
		g, err := goTypeOf(t.In(i))
		if err != nil {
			return nil, err
		}
		u.in = append(u.in, g)
		u.nulls = u.nulls || g.null
		names = append(names, g.typ.SQL())
	}
	u.text = "(" + strings.Join(names, ", ") + ")"
	var err error
	if u.out, err = goTypeOf(t.Out(0)); err != nil {
		return nil, err
	}
	if u.fails = t.NumOut() == 2; u.fails && t.Out(1) != reflect.TypeFor[error]() {
		return nil, fmt.Errorf("%s: the second result must be an error", t)
	}
	return u, nil
}

func (u *user) overload() overload {
	o := overload{text: u.text, fixed: u.out.typ, maybeNull: u.out.null, nullCall: u.nulls}
	for _, g := range u.in {
		o.params = append(o.params, to(g.typ))
	}
	if u.nulls {
		o.fixed = u.out.typ.WithNull(u.out.null)
	}
	if k := quick(u.fn.Interface()); k != nil {
		o.kernel = func(*call) Kernel { return k }
		return o
	}
	o.kernel = func(*call) Kernel { return u.kernel() }
	return o
}

// call calls the function for a row. The result is invalid where it is NULL.
func (u *user) call(args []*vec.Vector, r int) (reflect.Value, error) {
	in := make([]reflect.Value, len(u.in))
	for i, g := range u.in {
		in[i] = g.get(args[i], r)
	}
	out := u.fn.Call(in)
	if u.fails && !out[1].IsNil() {
		return reflect.Value{}, out[1].Interface().(error)
	}
	if !u.out.null {
		return out[0], nil
	}
	return out[0].Elem(), nil // invalid for nil
}

func (u *user) kernel() Kernel {
	if p := u.out.typ.Physical(); p == types.PhysBytes {
		return textOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, out *vec.Vector) ([]byte, error) {
			v, err := u.call(args, r)
			switch {
			case err != nil:
				return dst, err
			case !v.IsValid():
				out.SetNull(r)
				return dst, nil
			case v.Kind() == reflect.String:
				return append(dst, v.String()...), nil
			}
			return append(dst, v.Bytes()...), nil
		})
	}
	return rowsOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, out *vec.Vector) error {
		v, err := u.call(args, r)
		switch {
		case err != nil:
			return err
		case !v.IsValid():
			out.SetNull(r)
			return nil
		}
		switch u.out.typ.Root {
		case types.Boolean:
			out.Bool[r] = v.Bool()
		case types.Integer:
			out.I32[r] = int32(v.Int())
		case types.BigInt:
			out.I64[r] = v.Int()
		case types.Double:
			out.F64[r] = v.Float()
		}
		return nil
	})
}

// quick is the kernel of a signature that needs no reflection, which costs more than
// most functions do; nil for the others.
func quick(fn any) Kernel {
	switch f := fn.(type) {
	case func(string) int64:
		return rowsOf(func(_ *vec.EvalContext, a []*vec.Vector, r int, out *vec.Vector) error {
			out.I64[r] = f(a[0].Str(r))
			return nil
		})
	case func([]byte, []byte) int64:
		return rowsOf(func(_ *vec.EvalContext, a []*vec.Vector, r int, out *vec.Vector) error {
			out.I64[r] = f(a[0].Bytes(r), a[1].Bytes(r))
			return nil
		})
	case func(string, string) int64:
		return rowsOf(func(_ *vec.EvalContext, a []*vec.Vector, r int, out *vec.Vector) error {
			out.I64[r] = f(a[0].Str(r), a[1].Str(r))
			return nil
		})
	case func(string) string:
		return textOf(func(_ *vec.EvalContext, a []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
			return append(dst, f(a[0].Str(r))...), nil
		})
	case func(int64) int64:
		return map1(f)
	case func(float64) float64:
		return map1(f)
	case func(int64, int64) int64:
		return map2(f)
	case func(float64, float64) float64:
		return map2(f)
	}
	return nil
}
