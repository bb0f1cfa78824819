package function

import (
	"fmt"

	"github.com/millrace/millrace/internal/types"
)

// CommonResult is the type of the branches of CASE and the like, to which each of
// them is then cast: Flink's least restrictive type.
func CommonResult(name string, ts []types.Type) (types.Type, error) {
	t, ok := types.LeastRestrictive(ts)
	if !ok {
		return t, fmt.Errorf("%s: %s have no common type", name, typeList(ts))
	}
	return t.Plain(), nil
}
