package function

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/sql/parser"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// testContext is the session of examples and tests.
func testContext() *vec.EvalContext {
	return &vec.EvalContext{Now: time.Date(2024, 5, 6, 7, 8, 9, 123e6, time.UTC), Location: time.UTC}
}

// eval computes an expression without columns and gives its text.
func eval(sql string) string { return evalIn(testContext(), sql) }

func evalIn(ctx *vec.EvalContext, sql string) (text string) {
	e, err := compile(sql)
	if err != nil {
		return "error: " + err.Error()
	}
	v, err := e.Eval(ctx, &vec.Batch{N: 1})
	if err != nil {
		return "error: " + err.Error()
	}
	if v.Type.Root == types.TimestampLTZ {
		bound, _ := BindCast(v.Type, types.TString, false)
		v, err = NewCast(bound, e).Eval(ctx, &vec.Batch{N: 1})
		if err != nil {
			return "error: " + err.Error()
		}
	}
	return string(vec.AppendText(nil, v, 0))
}

func typeOf(sql string) string {
	e, err := compile(sql)
	if err != nil {
		return "error: " + err.Error()
	}
	return e.Type().String()
}

func compile(sql string) (vec.Expr, error) {
	ast, err := parser.ParseExpr(sql)
	if err != nil {
		return nil, err
	}
	return bindAST(ast)
}

// columns, while it is not nil, takes the place of literals: each becomes a
// column with a NULL in row 0 and its value in the rows 1 and 2.
var columns *[]*vec.Vector

func asColumn(e vec.Expr, err error) (vec.Expr, error) {
	l := AsLiteral(e)
	if err != nil || columns == nil || l.Value == nil {
		return e, err
	}
	v := vec.Copy(vec.Const(l.Type, l.Value, 1), []int32{-1, 0, 0})
	v.Type = l.Type.Nullable()
	*columns = append(*columns, v)
	return NewColumn(len(*columns)-1, v.Type), nil
}

// bindAST is the least binder that runs the examples; it knows no columns.
func bindAST(x parser.Expr) (vec.Expr, error) {
	switch x := x.(type) {
	case *parser.NumberLit:
		return asColumn(numberLit(x))
	case *parser.StringLit:
		n := max(1, len([]rune(x.Value)))
		return asColumn(NewLiteral(types.Type{Root: types.Char, Precision: n}, x.Value), nil)
	case *parser.BinaryLit:
		return NewLiteral(types.Type{Root: types.Binary, Precision: max(1, len(x.Value))}, x.Value), nil
	case *parser.BoolLit:
		return asColumn(NewLiteral(types.TBool, x.Value), nil)
	case *parser.NullLit:
		return NewLiteral(types.TNull, nil), nil
	case *parser.Symbol:
		return NewLiteral(types.Type{Root: types.Symbol}, x.Name), nil
	case *parser.DatetimeLit:
		return asColumn(datetimeLit(x))
	case *parser.IntervalLit:
		return asColumn(intervalLit(x))
	case *parser.UnaryExpr:
		if n, ok := x.X.(*parser.NumberLit); ok && x.Op == "-" {
			negative := *n
			negative.Text = "-" + n.Text
			return asColumn(numberLit(&negative))
		}
		return callAST(x.Op, x.X)
	case *parser.BinaryExpr:
		return callAST(x.Op, x.L, x.R)
	case *parser.IsExpr:
		not := ""
		if x.Not {
			not = "NOT "
		}
		return callAST("IS "+not+x.What, x.X)
	case *parser.LikeExpr:
		return likeAST(x)
	case *parser.CastExpr:
		return castAST(x)
	case *parser.CaseExpr:
		return caseAST(x)
	case *parser.ArrayExpr:
		return callAST("ARRAY", x.Elems...)
	case *parser.MapExpr:
		return callAST("MAP", x.Elems...)
	case *parser.RowExpr:
		return callAST("ROW", x.Elems...)
	case *parser.IndexExpr:
		return callAST("ITEM", x.X, x.Index)
	case *parser.FieldAccess:
		return fieldAST(x)
	case *parser.FuncCall:
		return funcAST(x)
	}
	return nil, fmt.Errorf("the test binder has no %T", x)
}

func bindAll(xs []parser.Expr) ([]vec.Expr, error) {
	out := make([]vec.Expr, len(xs))
	for i, x := range xs {
		var err error
		if out[i], err = bindAST(x); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func callAST(name string, args ...parser.Expr) (vec.Expr, error) {
	es, err := bindAll(args)
	if err != nil {
		return nil, err
	}
	return Call(name, es...)
}

func numberLit(x *parser.NumberLit) (vec.Expr, error) {
	switch x.Kind {
	case parser.Approximate:
		f, err := strconv.ParseFloat(x.Text, 64)
		return NewLiteral(types.TDouble, f), err
	case parser.Integer:
		if n, err := strconv.ParseInt(x.Text, 10, 32); err == nil {
			return NewLiteral(types.TInt, n), nil
		}
		if n, err := strconv.ParseInt(x.Text, 10, 64); err == nil {
			return NewLiteral(types.TBigInt, n), nil
		}
	}
	digits := strings.TrimLeft(strings.ReplaceAll(x.Text, ".", ""), "-0")
	scale := 0
	if i := strings.IndexByte(x.Text, '.'); i >= 0 {
		scale = len(x.Text) - i - 1
	}
	p := max(len(digits), scale, 1)
	d, err := types.ParseDec([]byte(x.Text), p, scale)
	return NewLiteral(types.TDecimal(p, scale), d), err
}

func datetimeLit(x *parser.DatetimeLit) (vec.Expr, error) {
	switch x.Type {
	case parser.TypeDate:
		d, err := types.ParseDate([]byte(x.Value))
		return NewLiteral(types.TDate, int64(d)), err
	case parser.TypeTime:
		t, err := types.ParseTime([]byte(x.Value))
		return NewLiteral(types.TTime, int64(t)), err
	}
	p := 0
	if i := strings.IndexByte(x.Value, '.'); i >= 0 {
		p = len(x.Value) - i - 1
	}
	t := types.TTimestamp(p)
	v, err := types.ParseTimestamp([]byte(x.Value), t.Unit())
	return NewLiteral(t, v), err
}

func intervalLit(x *parser.IntervalLit) (vec.Expr, error) {
	t := types.Type{Root: types.IntervalDayTime, Precision: 2, Scale: 3}
	q := x.Qualifier
	if q.From == "YEAR" || q.From == "MONTH" || q.From == "QUARTER" {
		t = types.Type{Root: types.IntervalYearMonth, Precision: 2}
	}
	sign := int64(1)
	if x.Negative {
		sign = -1
	}
	if q.To != "" {
		v, err := types.ParseInterval([]byte(x.Value), t)
		return NewLiteral(t, sign*v), err
	}
	f, err := strconv.ParseFloat(x.Value, 64)
	if err != nil {
		return nil, err
	}
	per := map[string]float64{"YEAR": 12, "QUARTER": 3, "MONTH": 1, "WEEK": 7 * dayMillis, "DAY": dayMillis,
		"HOUR": 3600e3, "MINUTE": 60e3, "SECOND": 1e3}[q.From]
	return NewLiteral(t, sign*int64(f*per)), nil
}

func likeAST(x *parser.LikeExpr) (vec.Expr, error) {
	args := []parser.Expr{x.X, x.Pattern}
	if x.Escape != nil {
		args = append(args, x.Escape)
	}
	e, err := callAST(x.Op, args...)
	if err != nil || !x.Not {
		return e, err
	}
	return Call("NOT", e)
}

func castAST(x *parser.CastExpr) (vec.Expr, error) {
	arg, err := bindAST(x.X)
	if err != nil {
		return nil, err
	}
	to, err := typeAST(x.Type)
	if err != nil {
		return nil, err
	}
	bound, err := BindCast(arg.Type(), to, x.Try)
	if err != nil {
		return nil, err
	}
	return NewCast(bound, arg), nil
}

func caseAST(x *parser.CaseExpr) (vec.Expr, error) {
	var whens, thens []vec.Expr
	for _, w := range x.Whens {
		c, err := bindAST(w.Conds[0])
		if err == nil && x.Operand != nil {
			c, err = callAST("=", x.Operand, w.Conds[0])
		}
		if err != nil {
			return nil, err
		}
		t, err := bindAST(w.Then)
		if err != nil {
			return nil, err
		}
		whens, thens = append(whens, c), append(thens, t)
	}
	all := thens
	if x.Else != nil {
		e, err := bindAST(x.Else)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	ts := make([]types.Type, len(all))
	for i, e := range all {
		ts[i] = e.Type()
	}
	t, err := CommonResult("CASE", ts)
	if err != nil {
		return nil, err
	}
	for i, e := range all {
		if all[i], err = CastTo(e, t); err != nil {
			return nil, err
		}
	}
	var els vec.Expr
	if x.Else != nil {
		els = all[len(thens)]
	}
	return NewCase(whens, all[:len(thens)], els), nil
}

func fieldAST(x *parser.FieldAccess) (vec.Expr, error) {
	row, err := bindAST(x.X)
	if err != nil {
		return nil, err
	}
	for i, f := range row.Type().Fields {
		if f.Name == x.Field.Name {
			return NewField(row, i), nil
		}
	}
	return nil, errors.New("no field " + x.Field.Name)
}

func funcAST(x *parser.FuncCall) (vec.Expr, error) {
	name := x.Name.Parts[len(x.Name.Parts)-1].Name
	args, err := bindAll(x.Args)
	if err != nil {
		return nil, err
	}
	if x.JSON == nil {
		return Call(name, args...)
	}
	opt, err := jsonOptions(x.JSON)
	if err != nil {
		return nil, err
	}
	ts, lits := make([]types.Type, len(args)), make([]*Literal, len(args))
	for i, a := range args {
		ts[i], lits[i] = a.Type(), AsLiteral(a)
	}
	b, err := BindJSON(name, ts, lits, opt)
	if err != nil {
		return nil, err
	}
	if args, err = CastArgs(b, args); err != nil {
		return nil, err
	}
	return NewCall(b, args), nil
}

func jsonOptions(c *parser.JSONClause) (opt JSONOptions, err error) {
	opt.Wrapper, opt.OnNull = c.Wrapper, c.OnNull
	if c.Returning != nil {
		t, err := typeAST(c.Returning)
		if err != nil {
			return opt, err
		}
		opt.Returning = &t
	}
	behavior := func(b *parser.JSONBehavior) JSONBehavior {
		if b == nil {
			return JSONBehavior{}
		}
		out := JSONBehavior{Kind: b.Kind}
		if b.Default != nil {
			saved := columns
			columns = nil // a default is a constant
			var e vec.Expr
			if e, err = bindAST(b.Default); err == nil {
				out.Default = AsLiteral(e)
			}
			columns = saved
		}
		return out
	}
	opt.OnEmpty, opt.OnError = behavior(c.OnEmpty), behavior(c.OnError)
	return opt, err
}

func typeAST(n *parser.TypeName) (types.Type, error) {
	arg := func(i, def int) int {
		if i < len(n.Args) {
			return n.Args[i]
		}
		return def
	}
	t := types.TNull
	switch n.Name {
	case parser.TypeString:
		t = types.TString
	case parser.TypeBytes:
		t = types.TBytes
	case parser.TypeChar:
		t = types.Type{Root: types.Char, Precision: arg(0, 1)}
	case parser.TypeVarchar:
		t = types.Type{Root: types.Varchar, Precision: arg(0, 1)}
	case parser.TypeBinary:
		t = types.Type{Root: types.Binary, Precision: arg(0, 1)}
	case parser.TypeVarbinary:
		t = types.Type{Root: types.Varbinary, Precision: arg(0, 1)}
	case parser.TypeDecimal:
		t = types.TDecimal(arg(0, 10), arg(1, 0))
	case parser.TypeTime:
		t = types.Type{Root: types.Time, Precision: arg(0, 0)}
	case parser.TypeTimestamp:
		t = types.TTimestamp(arg(0, 6))
	case parser.TypeTimestampLTZ:
		t = types.TTimestampLTZ(arg(0, 6))
	case parser.TypeArray, parser.TypeMap:
		elem, err := typeAST(n.Elem)
		if err != nil {
			return t, err
		}
		if n.Name == parser.TypeArray {
			return types.TArray(elem), nil
		}
		key, err := typeAST(n.Key)
		return types.TMap(key, elem), err
	case parser.TypeRow:
		var fs []types.Field
		for _, f := range n.Fields {
			ft, err := typeAST(f.Type)
			if err != nil {
				return t, err
			}
			fs = append(fs, types.Field{Name: f.Name.Name, Type: ft})
		}
		return types.TRow(fs...), nil
	default:
		roots := map[string]types.Type{parser.TypeBoolean: types.TBool, parser.TypeTinyInt: types.TTinyInt, parser.TypeSmallInt: types.TSmall,
			parser.TypeInt: types.TInt, parser.TypeBigInt: types.TBigInt, parser.TypeFloat: types.TFloat, parser.TypeDouble: types.TDouble, parser.TypeDate: types.TDate}
		var ok bool
		if t, ok = roots[n.Name]; !ok {
			return t, errors.New("the test binder has no type " + n.Name)
		}
	}
	return t.WithNull(!n.NotNull), nil
}

// TestExamples runs the examples of all functions.
func TestExamples(t *testing.T) {
	seen := map[*Scalar]bool{}
	for _, f := range registry.scalars {
		if seen[f] {
			continue
		}
		seen[f] = true
		if f.Doc == "" || f.Signature == "" || f.Group == "" {
			t.Errorf("%s: the entry has no group, signature or documentation", f.Name)
		}
		if len(f.Examples) == 0 && f.Deterministic {
			t.Errorf("%s: the entry has no example", f.Name)
		}
		for _, ex := range f.Examples {
			if got := eval(ex.SQL); got != ex.Want {
				t.Errorf("%s = %s, want %s", ex.SQL, got, ex.Want)
			}
		}
	}
}

// needsConstants are functions whose result type comes from a constant.
var needsConstants = map[string]bool{"ROUND": true, "TRUNCATE": true, "TYPEOF": true, "RAND_INTEGER": true}

// TestExamplesOnColumns runs the examples with columns for constants, over a
// batch in which the first row is NULL, with and without a selection.
func TestExamplesOnColumns(t *testing.T) {
	defer func() { columns = nil }()
	for _, f := range registry.scalars {
		for _, ex := range f.Examples {
			if needsConstants[f.Name] {
				continue
			}
			for _, sel := range [][]int32{nil, {2}, {0, 2}} {
				cols := []*vec.Vector{}
				columns = &cols
				e, err := compile(ex.SQL)
				columns = nil
				if err != nil {
					t.Fatalf("%s: %v", ex.SQL, err)
				}
				if got := lastText(t, e, &vec.Batch{N: 3, Cols: cols, Sel: sel}); got != ex.Want {
					t.Errorf("%s of columns, selection %v = %s, want %s", ex.SQL, sel, got, ex.Want)
				}
			}
		}
	}
}

// lastText is the text of the last of three rows.
func lastText(t *testing.T, e vec.Expr, b *vec.Batch) string {
	v, err := e.Eval(testContext(), b)
	if err != nil {
		var row *vec.RowError
		if !errors.As(err, &row) {
			t.Errorf("the error %q has no row", err)
		}
		return "error: " + err.Error()
	}
	if v.N != b.N {
		t.Errorf("the vector has %d rows", v.N)
	}
	if v.Valid != nil && v.Type.NotNull && v.IsNull(2) {
		t.Errorf("NULL in a column of %s", v.Type)
	}
	return string(vec.AppendText(nil, v, 2))
}
