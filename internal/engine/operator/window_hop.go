package operator

import (
	"fmt"
	"slices"

	"github.com/millrace/millrace/internal/engine/state"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// tier holds the panes of a HOP merged to blocks of one length, aligned as the
// panes are:
//
//	tier 2  ├───────────────────────────────┤       64 panes
//	tier 1  ├───┼───┼───┼───┼───┼───┼───┼───┤        8 panes
//	panes   ├┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┼┤
//	window         ├┼┼┼───┼───┼───┼───┼┼┤
//
// A block is merged from the tier below when its last pane is in a window that
// fires: from then on rows come to its panes only by way of extras, which go to
// the blocks above too. It goes when its first pane is in no window any more.
type tier struct {
	table  *state.Table // keys, end of block -> cells
	span   int64
	blocks ends
}

const (
	tierFactor    = 8
	untieredPanes = 16
)

func (o *windowAgg) openTiers(table func(name string, times ...types.Type) *state.Table) {
	if o.grid.size/o.grid.pane < untieredPanes {
		return
	}
	for span := o.grid.pane * tierFactor; span <= o.grid.size; span *= tierFactor {
		o.tiers = append(o.tiers, &tier{table: table(fmt.Sprintf("tier%d", len(o.tiers)+1), timeKey), span: span})
	}
}

// block is the end of the tier's block that ends at or after end.
func (t *tier) block(end, offset int64) int64 { return floorTo(end-1, offset, t.span) + t.span }

// fireHop merges the window's panes and blocks in the scratch table and emits it.
func (o *windowAgg) fireHop(end int64, out Emit) error {
	if err := o.foldExtras(end); err != nil {
		return err
	}
	if err := o.buildBlocks(end); err != nil {
		return err
	}
	o.scratch.Clear()
	if err := o.combine(end); err != nil {
		return err
	}
	for _, s := range o.sets {
		if err := s.combine(o, end); err != nil {
			return err
		}
	}
	ids := countUp(nil, o.scratch.Len())
	err := inPieces(ids, func(ids []int32) error { return o.emit(o.scratch, ids, &end, out) })
	o.expire(end)
	return err
}

// foldExtras moves the rows that count from this window on to their panes, and
// to the blocks of those panes that are merged already.
func (o *windowAgg) foldExtras(end int64) error {
	return o.eachPiece(o.extras, end, func(ids []int32) error {
		n := len(o.spec.Keys)
		keys := gatherKeys(o.extras, n+1, ids)
		if err := o.mergeKeys(o.slices, keys, o.extras, ids); err != nil {
			return err
		}
		for _, t := range o.tiers {
			if err := o.foldInto(t, keys, ids); err != nil {
				return err
			}
		}
		for _, id := range ids {
			o.extras.Delete(id)
		}
		return nil
	})
}

// foldInto folds extras into a tier; the last of keys holds their panes.
func (o *windowAgg) foldInto(t *tier, keys []*vec.Vector, ids []int32) error {
	panes := keys[len(keys)-1].I64
	var rows, from []int32
	blocks := vec.New(timeKey, len(ids), 0)
	for i := range ids {
		blocks.I64[i] = t.block(panes[i], o.grid.offset)
		if blocks.I64[i] <= o.fired {
			rows, from = append(rows, int32(i)), append(from, ids[i])
			t.blocks.add(blocks.I64[i])
		}
	}
	if len(rows) == 0 {
		return nil
	}
	o.mapped = sized(o.mapped, len(rows))
	keys = append(slices.Clone(keys[:len(keys)-1]), blocks)
	t.table.Lookup(keys, rows, true, o.mapped)
	t.table.TouchAll(o.mapped)
	return o.calls.merge(t.table.Values(), o.mapped, o.extras.Values(), from, o.plain)
}

// gatherKeys gathers the first n key columns of rows.
func gatherKeys(t *state.Table, n int, ids []int32) []*vec.Vector {
	out := make([]*vec.Vector, n)
	for c := range out {
		out[c] = t.Key(c).Gather(ids)
	}
	return out
}

// buildBlocks merges the blocks that have become complete since the last window
// that fired.
func (o *windowAgg) buildBlocks(end int64) error {
	below, belowEnds := o.slices, o.panes
	for _, t := range o.tiers {
		from := 0
		if o.fired != vec.MinTime {
			from, _ = slices.BinarySearch(belowEnds, o.fired-t.span)
		}
		for _, child := range belowEnds[from:] {
			block := t.block(child, o.grid.offset)
			if block <= o.fired {
				continue
			}
			if block > end {
				break
			}
			err := o.eachPiece(below, child, func(ids []int32) error { return o.mergeInto(t.table, &block, below, ids) })
			if err != nil {
				return err
			}
			t.blocks.add(block)
		}
		below, belowEnds = t.table, t.blocks
	}
	return nil
}

// combine merges the pieces that make up a window, the largest that fit.
func (o *windowAgg) combine(end int64) error {
	for pos := end - o.grid.size; pos < end; {
		table, span, has := o.slices, o.grid.pane, o.panes
		for _, t := range o.tiers {
			if pos+t.span <= end && floorTo(pos, o.grid.offset, t.span) == pos {
				table, span, has = t.table, t.span, t.blocks
			}
		}
		pos += span
		if !has.has(pos) {
			continue
		}
		err := o.eachPiece(table, pos, func(ids []int32) error { return o.mergeInto(o.scratch, nil, table, ids) })
		if err != nil {
			return err
		}
	}
	return nil
}

// expire deletes what no window after this one contains.
func (o *windowAgg) expire(end int64) {
	for len(o.panes) > 0 && o.grid.last(o.panes[0]) <= end {
		o.drop(o.slices, o.panes[0])
		for _, s := range o.sets {
			o.drop(s.table, o.panes[0])
		}
		o.panes.shift()
	}
	begin := end + o.grid.step - o.grid.size
	for _, t := range o.tiers {
		for len(t.blocks) > 0 && t.blocks[0]-t.span < begin {
			o.drop(t.table, t.blocks[0])
			t.blocks.shift()
		}
	}
}
