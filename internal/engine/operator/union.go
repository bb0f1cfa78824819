package operator

import (
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// union passes on what comes at any port; the engine takes the minimum of the
// ports' watermarks.
type union struct{}

// NewUnion makes UNION ALL of any number of ports.
func NewUnion() Operator { return union{} }

func (union) Open(*Context) error { return nil }

func (union) Process(_ int, b *vec.Batch, out Emit) error { return out(b) }

func (union) Advance(wm int64, _ Emit) (int64, error) { return wm, nil }

// changelogDrop leaves out row kinds.
type changelogDrop struct{ keep types.KindSet }

// NewChangelogDrop leaves out the row kinds that are not in keep: -U, where
// nobody downstream needs it.
func NewChangelogDrop(keep types.KindSet) Operator { return changelogDrop{keep} }

func (changelogDrop) Open(*Context) error { return nil }

func (d changelogDrop) Process(_ int, b *vec.Batch, out Emit) error {
	if b = withKinds(b, d.keep); b.Len() == 0 {
		return nil
	}
	return out(b)
}

func (changelogDrop) Advance(wm int64, _ Emit) (int64, error) { return wm, nil }
