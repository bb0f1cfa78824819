package group

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestGroup runs the histories in testdata/classic. Time stands still between commands. Commands:
//
//	new [delay=S]
//	join ticket=N [id=S] [new=S] [instance=S] [require] [skip] [protocols=a,b] [session=S] [rebalance=S] [type=S]
//	     [subscribe=TOPIC]
//	sync ticket=N id=S gen=N [instance=S] [give=a:x,b:y]
//	heartbeat id=S gen=N [instance=S] | leave id=S [instance=S]
//	wait s=N      time passes, timer by timer
//	commit at=N [id=S] [gen=N] [pid=N] [txn]
//	end pid=N [abort]
//	expire s=N    which offsets are older than that
//	replay        the group is read back from its records
func TestGroup(t *testing.T) {
	datadriven.Walk(t, "testdata/classic", func(t *testing.T, path string) {
		h := &history{now: time.UnixMilli(0)}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			h.t, h.d, h.out = t, d, strings.Builder{}
			h.run(t)
			return h.out.String()
		})
	})
}

type history struct {
	t       *testing.T
	d       *datadriven.TestData
	g       *Group
	now     time.Time
	out     strings.Builder
	records []Record
	offset  int64
}

func (h *history) str(name, def string) string { h.d.MaybeScanArgs(h.t, name, &def); return def }

func (h *history) num(name string, def int64) int64 { h.d.MaybeScanArgs(h.t, name, &def); return def }

func (h *history) instance() *string {
	if s := h.str("instance", ""); s != "" {
		return &s
	}
	return nil
}

func (h *history) seconds(name string, def int64) time.Duration {
	return time.Duration(h.num(name, def)) * time.Second
}

func (h *history) run(t *testing.T) {
	switch id, gen := h.str("id", ""), int32(h.num("gen", -1)); h.d.Cmd {
	case "new":
		h.g = New("g", Config{MinSession: time.Second, MaxSession: time.Minute, InitialDelay: h.seconds("delay", 0)})
	case "join":
		req := JoinRequest{
			Ticket: uint64(h.num("ticket", 0)), MemberID: id, NewID: h.str("new", ""), InstanceID: h.instance(), RequireID: h.d.HasArg("require"),
			MaySkip: h.d.HasArg("skip"), Session: h.seconds("session", 10), Rebalance: h.seconds("rebalance", 20), ProtocolType: h.str("type", "consumer"),
		}
		for _, p := range strings.Split(h.str("protocols", "range"), "+") {
			metadata := []byte(p)
			if topic := h.str("subscribe", ""); topic != "" {
				sub := kmsg.NewConsumerMemberMetadata()
				sub.Topics = []string{topic}
				metadata = sub.AppendTo(nil)
			}
			req.Protocols = append(req.Protocols, Protocol{p, metadata})
		}
		h.g.Join(h.now, req)
	case "sync":
		req := SyncRequest{Ticket: uint64(h.num("ticket", 0)), MemberID: id, InstanceID: h.instance(), Generation: gen, Assignments: map[string][]byte{}}
		for _, a := range strings.Split(h.str("give", ""), "+") {
			if to, what, ok := strings.Cut(a, ":"); ok {
				req.Assignments[to] = []byte(what)
			}
		}
		h.g.Sync(h.now, req)
	case "heartbeat":
		h.say(h.g.Heartbeat(h.now, id, h.instance(), gen))
	case "leave":
		h.say(h.g.Leave(h.now, id, h.instance()))
	case "wait":
		end := h.now.Add(h.seconds("s", 0))
		for next := h.g.Next(); !next.IsZero() && !next.After(end); next = h.g.Next() {
			h.now = next
			h.g.Tick(next)
			h.print()
		}
		h.now = end
	case "commit":
		h.commit(id, gen)
	case "end":
		h.g.EndTxn(h.num("pid", 0), !h.d.HasArg("abort"))
		h.offsets()
	case "expire":
		gone, all := h.g.Expired(h.now, h.seconds("s", 0))
		fmt.Fprintf(&h.out, "expired %v, the group %v\n", gone, all)
	case "replay":
		gs := Groups{}
		for i, r := range h.records {
			if err := gs.Replay(h.g.config, h.now, r.Key, r.Value, int64(i), -1); err != nil {
				t.Fatal(err)
			}
		}
		h.g = gs["g"]
	default:
		t.Fatalf("unknown command %s", h.d.Cmd)
	}
	h.print()
}

func (h *history) say(err *kerr.Error) {
	if err == nil {
		fmt.Fprintln(&h.out, "ok")
	} else {
		fmt.Fprintln(&h.out, err.Message)
	}
}

func (h *history) commit(id string, gen int32) {
	pid := h.num("pid", -1)
	err := h.g.Check(h.now, Committer{MemberID: id, InstanceID: h.instance(), Generation: gen, InTxn: pid >= 0})
	if err == nil {
		o := Offset{At: h.num("at", 0), Time: h.now.UnixMilli()}
		h.g.Commit(Partition{"t", 0}, o, h.offset, pid)
		if pid < 0 {
			h.records = append(h.records, OffsetRecord("g", Partition{"t", 0}, o))
		}
		h.offset++
	}
	h.say(err)
	h.offsets()
}

func (h *history) offsets() {
	o, ok := h.g.Committed(Partition{"t", 0})
	fmt.Fprintf(&h.out, "committed %d %v, unstable %v\n", o.At, ok, h.g.Unstable(Partition{"t", 0}))
}

func (h *history) print() {
	ready := h.g.Take()
	h.records = append(h.records, ready.Records...)
	for _, r := range ready.Replies {
		switch j, s := r.Joined, r.Synced; {
		case j != nil && j.Err != nil:
			fmt.Fprintf(&h.out, "%d: %s %s\n", r.Ticket, j.MemberID, j.Err.Message)
		case j != nil:
			fmt.Fprintf(&h.out, "%d: %s joined generation %d, %s, leader %q", r.Ticket, j.MemberID, j.Generation, j.Protocol, j.Leader)
			for _, m := range j.Members {
				fmt.Fprintf(&h.out, " %s", m.ID)
			}
			if j.SkipAssignment {
				fmt.Fprint(&h.out, " (skip)")
			}
			fmt.Fprintln(&h.out)
		case s.Err != nil:
			fmt.Fprintf(&h.out, "%d: %s\n", r.Ticket, s.Err.Message)
		default:
			fmt.Fprintf(&h.out, "%d: assigned %q\n", r.Ticket, s.Assignment)
		}
	}
	fmt.Fprintf(&h.out, "%ds %s, generation %d, %d records\n", h.now.Unix(), h.g.State, h.g.Generation, len(ready.Records))
}

func TestMalformedRecords(t *testing.T) {
	for _, key := range []string{"", "\x00", "\x00\x01", "\x00\x01\x00\x05ab", "\x00\x02\x00\x09"} {
		if err := (Groups{}).Replay(Config{}, time.Time{}, []byte(key), []byte("?"), 0, -1); !errors.Is(err, ErrRecord) {
			t.Errorf("%q: %v", key, err)
		}
	}
}
