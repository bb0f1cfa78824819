package function

import (
	"fmt"

	"github.com/millrace/millrace/internal/types"
)

// JSONOptions are the trailing clauses of the JSON functions, zero when absent.
type JSONOptions struct {
	Returning *types.Type
	Wrapper   string // "WITHOUT ARRAY", "WITH CONDITIONAL ARRAY" or "WITH UNCONDITIONAL ARRAY"
	OnEmpty   JSONBehavior
	OnError   JSONBehavior
	OnNull    string // "NULL" or "ABSENT"
	// Raw are the indexes of arguments of JSON_OBJECT and JSON_ARRAY that are
	// JSON already: calls of these functions, or followed by FORMAT JSON.
	Raw []int
}

// JSONBehavior is what a JSON function gives ON EMPTY or ON ERROR. Kind is "",
// NULL, ERROR, DEFAULT, TRUE, FALSE, UNKNOWN, EMPTY ARRAY or EMPTY OBJECT.
type JSONBehavior struct {
	Kind    string
	Default *Literal
}

// jsonBinders make the JSON functions that have clauses.
var jsonBinders = map[string]func(opt *JSONOptions) overload{
	"JSON_VALUE": jsonValue, "JSON_QUERY": jsonQuery, "JSON_EXISTS": jsonExists, "JSON_OBJECT": jsonObject, "JSON_ARRAY": jsonArray,
}

// BindJSON binds a JSON function that was called with clauses.
func BindJSON(name string, args []types.Type, lits []*Literal, opt JSONOptions) (Bound, error) {
	make, ok := jsonBinders[name]
	if !ok {
		return Bound{}, fmt.Errorf("%s takes no JSON clauses", name)
	}
	return overloads(name, make(&opt))(args, lits)
}

func jsonFn(name, signature, doc string, examples []Example) *Scalar {
	return &Scalar{Name: name, Group: "json", Signature: signature, Doc: doc, Examples: examples,
		Bind: func(args []types.Type, lits []*Literal) (Bound, error) {
			return BindJSON(name, args, lits, JSONOptions{})
		}}
}
