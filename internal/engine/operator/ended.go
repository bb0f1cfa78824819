package operator

import (
	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// ended remembers that the final result has been emitted: a job that fails after
// that epoch and before its end sees the end of input again.
type ended struct{ table *state.Table }

func openEnded(s *state.Store) ended {
	return ended{s.Table(state.TableSpec{Name: "ended", Key: []types.Type{types.TInt.Required()}, Broadcast: true})}
}

func (e ended) is() bool { return e.table.Len() > 0 }

func (e ended) set() { e.table.Make([]*vec.Vector{vec.New(types.TInt.Required(), 1, 0)}, 0) }
