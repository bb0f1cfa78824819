package share

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// args are the arguments of a command.
type args struct {
	t *testing.T
	d *datadriven.TestData
}

func (a args) str(name, def string) string { a.d.MaybeScanArgs(a.t, name, &def); return def }
func (a args) num(name string, def int) int {
	n, err := strconv.Atoi(a.str(name, strconv.Itoa(def)))
	if err != nil {
		a.t.Fatal(err)
	}
	return n
}

// TestPartitionHistories runs testdata/partition. Time stands still between commands. Commands:
//
//	open [start=N] [locks=N] [deliveries=N]         a partition of nothing
//	fetch MEMBER log=0-9+10-19!+… [from=N] [max=N] [exact] [batch=N]     ! marks a batch whose transaction was aborted
//	ack MEMBER FIRST-LAST:types+…                    a accept, l release, r reject, n renew, g gap
//	release MEMBER | wait s=N | trim N | reopen      reopen: of what was written
//	show
func TestPartitionHistories(t *testing.T) {
	var (
		p      *Partition
		lim    Limits
		states States
		at     int64
	)
	key, now := Key{Group: "g"}, time.UnixMilli(0)
	write := func(r Record) {
		if _, err := states.Replay(r.Key, r.Value, at); err != nil {
			t.Fatal(err)
		}
		at++
	}
	datadriven.RunTest(t, "testdata/partition", func(t *testing.T, d *datadriven.TestData) string {
		a, out := args{t, d}, strings.Builder{}
		word := func(i int) string { return d.CmdArgs[i].Key }
		switch d.Cmd {
		case "open":
			lim = Limits{Locks: a.num("locks", 100), Deliveries: int16(a.num("deliveries", 5)), Lock: 10 * time.Second}
			states = States{}
			write(states.Initialize(key, 1, int64(a.num("start", 0)), 0))
			s, _ := states.Get(key)
			p = Open(&s)
		case "fetch":
			w := Wish{Member: word(0), Exact: d.HasArg("exact"), MaxRecords: a.num("max", 100), BatchSize: a.num("batch", 100)}
			var log []LogBatch
			for _, b := range strings.Split(a.str("log", ""), "+") {
				b, aborted := strings.CutSuffix(b, "!")
				first, last, _ := strings.Cut(b, "-")
				f, _ := strconv.ParseInt(first, 10, 64)
				l, _ := strconv.ParseInt(last, 10, 64)
				log = append(log, LogBatch{f, l, aborted})
			}
			from := p.Next()
			fmt.Fprintf(&out, "from %d:", from)
			for _, r := range p.Acquire(now, &lim, w, from, log) {
				fmt.Fprintf(&out, " %d-%d#%d", r.First, r.Last, r.Count)
			}
			out.WriteString("\n")
		case "ack":
			var acks []Ack
			for _, s := range strings.Split(word(1), "+") {
				span, letters, _ := strings.Cut(s, ":")
				first, last, _ := strings.Cut(span, "-")
				ack := Ack{}
				ack.First, _ = strconv.ParseInt(first, 10, 64)
				ack.Last, _ = strconv.ParseInt(last, 10, 64)
				for _, l := range letters {
					ack.Types = append(ack.Types, map[rune]AckType{'g': Gap, 'a': Accept, 'l': Release, 'r': Reject, 'n': Renew}[l])
				}
				acks = append(acks, ack)
			}
			if !CheckAcks(acks, Renew, true) {
				return "malformed\n"
			}
			if err := p.Acknowledge(now, &lim, word(0), acks); err != nil {
				fmt.Fprintf(&out, "%v: %v\n", err.(*Fault).Code.Message, err)
			}
		case "release":
			p.Release(word(0), &lim)
		case "wait":
			now = now.Add(time.Duration(a.num("s", 0)) * time.Second)
			p.Tick(now, &lim)
		case "trim":
			n, _ := strconv.ParseInt(word(0), 10, 64)
			p.Trim(n)
		case "reopen":
			s, _ := states.Get(key)
			p = Open(&s)
		case "show":
		default:
			t.Fatalf("unknown command %s", d.Cmd)
		}
		if u := p.Take(); u != nil {
			fmt.Fprintf(&out, "write start=%d complete=%d", u.Start, u.Complete)
			for _, b := range u.Batches {
				fmt.Fprintf(&out, " %d-%d:%s#%d", b.First, b.Last, stateNames[b.State], b.Count)
			}
			out.WriteString("\n")
			write(states.Write(key, u, 3, now.UnixMilli()))
		}
		fmt.Fprintf(&out, "start=%d next=%d", p.start, p.next)
		for _, b := range p.batches {
			out.WriteString(" [")
			b.each(func(first int64, r *run) {
				if first > b.first {
					out.WriteString(" ")
				}
				fmt.Fprintf(&out, "%d-%d:%s%s#%d", first, r.last, stateNames[r.state], strings.ToUpper(r.member), r.count)
			})
			out.WriteString("]")
		}
		if p.holes() {
			fmt.Fprintf(&out, " holes from %d to %d", p.gap, p.gapEnd)
		}
		if !p.due.IsZero() {
			fmt.Fprintf(&out, " due in %v", p.due.Sub(now))
		}
		return out.String() + "\n"
	})
}

var stateNames = map[RecordState]string{Available: "free", Acquired: "by", Acknowledged: "accepted", Archived: "archived"}

// testTopics are topics that can be made and can grow.
type testTopics map[string]int32

func testID(name string) (id TopicID) { copy(id[:], name); return id }
func (tt testTopics) ByName(name string) (TopicID, int32, bool) {
	n, ok := tt[name]
	return testID(name), n, ok
}
func (tt testTopics) ByID(id TopicID) (string, int32, bool) {
	for name, n := range tt {
		if testID(name) == id {
			return name, n, true
		}
	}
	return "", 0, false
}
func (tt testTopics) Version() (v int64) {
	for _, n := range tt {
		v += int64(n) + 1
	}
	return v + 1
}

// TestGroupHistories runs testdata/group. Commands:
//
//	new [max=N] | topic NAME partitions=N
//	beat ID [epoch=N] [topics=a+b] | wait s=N
//	alter TOPIC:PARTITION | drop TOPIC | show
//
// After each command the group is read back from its records, and must be the same.
func TestGroupHistories(t *testing.T) {
	var (
		g      *Group
		config *Config
		topics testTopics
		log    []Record
	)
	now := time.UnixMilli(0)
	datadriven.RunTest(t, "testdata/group", func(t *testing.T, d *datadriven.TestData) string {
		a, out := args{t, d}, strings.Builder{}
		word := func(i int) string { return d.CmdArgs[i].Key }
		text := func(as Assignment) string {
			var list []string
			as.EachTopic(func(id TopicID, partitions []int32) {
				list = append(list, strings.TrimRight(string(id[:]), "\x00")+fmt.Sprint(partitions))
			})
			return "[" + strings.Join(list, " ") + "]"
		}
		switch d.Cmd {
		case "new":
			topics, log = testTopics{}, nil
			config = &Config{
				Topics: topics, MaxSize: a.num("max", 0),
				Of: func(string) (time.Duration, time.Duration) { return 10 * time.Second, time.Second },
			}
			g = NewGroup("g", config)
		case "topic":
			topics[word(0)] = int32(a.num("partitions", 1))
		case "beat":
			b := Beat{MemberID: word(0), Epoch: int32(a.num("epoch", 0)), ClientID: "c", ClientHost: "/h"}
			if d.HasArg("topics") {
				b.Topics = strings.Split(a.str("topics", ""), "+")
			}
			r, err := g.Beat(now, b)
			if err != nil {
				fmt.Fprintf(&out, "%s: %v\n", err.(*Fault).Code.Message, err)
				break
			}
			fmt.Fprintf(&out, "epoch=%d", r.Epoch)
			if r.Assignment != nil {
				out.WriteString(" " + text(r.Assignment))
			}
			for _, k := range r.Initialize {
				fmt.Fprintf(&out, " init %s:%d@%d", strings.TrimRight(string(k.Topic[:]), "\x00"), k.Partition, r.StateEpoch)
			}
			out.WriteString("\n")
		case "wait":
			now = now.Add(time.Duration(a.num("s", 0)) * time.Second)
			g.Tick(now)
		case "alter":
			topic, i, _ := strings.Cut(word(0), ":")
			n, _ := strconv.Atoi(i)
			if epoch, err := g.Alter([]Key{{"g", testID(topic), int32(n)}}); err != nil {
				fmt.Fprintf(&out, "%v\n", err)
			} else {
				fmt.Fprintf(&out, "at epoch %d\n", epoch)
			}
		case "drop":
			fmt.Fprintf(&out, "%d dropped\n", len(g.Drop(testID(word(0)))))
		case "show":
			s := g.Describe()
			fmt.Fprintf(&out, "%s epoch=%d target=%d initialized=%d\n", s.State, s.Epoch, s.TargetEpoch, len(g.Keys()))
			for _, m := range s.Members {
				fmt.Fprintf(&out, "%s epoch=%d %v has %s wants %s\n", m.ID, m.Epoch, m.Topics, text(m.Assigned), text(g.target[m.ID]))
			}
		default:
			t.Fatalf("unknown command %s", d.Cmd)
		}
		records := g.Take()
		log = append(log, records...)
		var kinds []string
		for _, r := range records {
			kind := strconv.Itoa(int(r.Key[1]))
			if r.Value == nil {
				kind = "-" + kind
			}
			kinds = append(kinds, kind)
		}
		if kinds != nil {
			fmt.Fprintf(&out, "records %s\n", strings.Join(kinds, " "))
		}
		again := NewGroup("g", config)
		for _, r := range log {
			if err := again.Replay(r.Key, r.Value); err != nil {
				t.Fatal(err)
			}
		}
		sameGroup(t, g, again)
		return out.String()
	})
}

func sameGroup(t *testing.T, a, b *Group) {
	t.Helper()
	same := a.epoch == b.epoch && a.targetEpoch == b.targetEpoch && a.hash == b.hash && a.Unused() == b.Unused() && slices.Equal(a.Keys(), b.Keys()) &&
		len(a.members) == len(b.members) && maps.EqualFunc(a.target, b.target, func(x, y Assignment) bool { return maps.Equal(x, y) })
	for id, m := range a.members {
		o := b.members[id]
		same = same && o != nil && m.equal(&o.memberSpec) && m.epoch == o.epoch && m.previous == o.previous && maps.Equal(m.assigned, o.assigned)
	}
	if !same {
		t.Fatalf("read back as %+v, was %+v", b, a)
	}
}
