package operator

import (
	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// clock is the watermark that an operator has acted on, in state: after a restore
// what was late is late still. It is alike on all workers.
type clock struct{ table *state.Table }

func openClock(s *state.Store) clock {
	return clock{s.Table(state.TableSpec{
		Name: "clock", Key: []types.Type{types.TInt.Required()}, Value: []types.Type{timeKey}, Broadcast: true,
	})}
}

func (c clock) restored() int { return c.table.Restored() }

func (c clock) now() int64 {
	wm := vec.MinTime
	c.table.Scan(func(id int32) { wm = c.table.Value(0).I64[id] })
	return wm
}

func (c clock) set(wm int64) {
	id := c.table.Make([]*vec.Vector{vec.New(types.TInt.Required(), 1, 0)}, 0)
	c.table.Value(0).I64[id] = wm
	c.table.Touch(id)
}
