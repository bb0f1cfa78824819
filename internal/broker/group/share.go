package group

import (
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/millrace/millrace/internal/broker/share"
)

// A share group (KIP-932) is a group among the others by its name and its records, and by nothing else: no group becomes one, or ceases to
// be one but by being deleted.

// Share is the share group that this is; nil for others. Commands are given through ShareBeat and ShareDo.
func (g *Group) Share() *share.Group { return g.share }

// ShareBeat takes the heartbeat of a share group's member, which may make the group.
func (g *Group) ShareBeat(now time.Time, b share.Beat) (out share.Beaten, err error) {
	missing := "Share group %s not found."
	if b.Epoch < 0 {
		missing = "Group %s not found."
	}
	err = g.ShareDo(b.Epoch == 0, missing, func(s *share.Group) (err error) {
		out, err = s.Beat(now, b)
		return err
	})
	return out, err
}

// ShareDo runs a command on the share group; with create it makes it of a group that is nothing yet.
func (g *Group) ShareDo(create bool, missing string, command func(*share.Group) error) error {
	switch {
	case g.share != nil:
	case !g.unborn():
		return faultf(kerr.GroupIDNotFound, "Group %s is not a share group.", g.ID)
	case !create:
		return faultf(kerr.GroupIDNotFound, missing, g.ID)
	default:
		g.share = share.NewGroup(g.ID, &g.config.Share)
	}
	err := command(g.share)
	g.settleShare()
	if f := (*share.Fault)(nil); errors.As(err, &f) {
		return &Fault{f.Code, f.Text}
	}
	return err
}

// settleShare takes what the share group has to have written.
func (g *Group) settleShare() {
	g.out.Records = append(g.out.Records, shareRecords(g.share.Take())...)
	g.State, g.ProtocolType = State(g.share.State()), "share"
}

func shareRecords(in []share.Record) []Record {
	out := make([]Record, len(in))
	for i, r := range in {
		out[i] = Record(r)
	}
	return out
}

func (gs Groups) replayShare(config Config, key, value []byte) error {
	id, err := share.GroupOf(key)
	if err != nil {
		return errors.Join(ErrRecord, err)
	}
	g := gs[id]
	if g == nil || g.share == nil {
		if value == nil {
			return nil
		}
		g = gs.Get(id, config)
		g.share = share.NewGroup(id, &g.config.Share)
	}
	if err := g.share.Replay(key, value); err != nil {
		return errors.Join(ErrRecord, err)
	}
	g.State, g.ProtocolType = State(g.share.State()), "share"
	return nil
}
