package node

import (
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/millrace/millrace/internal/broker"
	"github.com/millrace/millrace/internal/commitlog"
	"github.com/millrace/millrace/internal/engine"
	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
)

// TestTopicsGone takes topics away from jobs, or records that they have not read, while
// they run and while the node is down. What they read must be what they began to read:
// otherwise they end, say why, and disturb nobody.
func TestTopicsGone(t *testing.T) {
	gone := func(topic string) func(*simulation, *broker.Broker) {
		return func(s *simulation, b *broker.Broker) {
			if err := b.Metadata().Delete(topic); err != nil {
				s.Error(err)
			}
		}
	}
	again := func(s *simulation, b *broker.Broker) {
		gone("src")(s, b)
		if _, err := b.Metadata().Create("src", 2, nil); err != nil {
			s.Error(err)
		}
	}
	for _, c := range []struct {
		name    string
		do      func(*simulation, *broker.Broker)
		running bool // the job is there meanwhile
		want    string
	}{
		{"source deleted", gone("src"), true, "src"},
		{"source made again", again, true, "src"},
		{"source made again meanwhile", again, false, "topic src was deleted and made again since this job began to read it"},
		{"sink deleted", gone("dst"), true, "dst"},
		{"sink deleted meanwhile", gone("dst"), false, ""},
		{"records deleted before they were read", func(s *simulation, b *broker.Broker) {
			for i := range int32(2) {
				log, err := b.Metadata().Partition("src", i)
				if err != nil {
					s.Fatal(err)
				}
				batch := wire.NewBuilder(nil)
				batch.Append(0, nil, srcRecord(srcRow{ID: -1, TS: simFar}).Value, nil)
				info, err := log.Append(batch.Bytes(), commitlog.Internal, 0)
				if err == nil {
					err = log.WaitDurable(s.Context(), info.LastOffset)
				}
				if err == nil {
					_, err = log.DeleteBefore(info.LastOffset + 1)
				}
				if err != nil {
					s.Error(err)
				}
			}
		}, false, "records were deleted before they were read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &simulation{T: t, random: rand.New(rand.NewPCG(1, 1)), acked: map[string]map[string]bool{}, disk: vfs.NewMem()}
				defer s.end()
				s.start()
				runScript(t, s.node, simTables+"INSERT INTO dst SELECT id, k, v FROM src; INSERT INTO looped SELECT id, n + 1 FROM looped WHERE n < 3;")
				s.rest()
				s.produce(20)
				s.quiet()
				if !c.running {
					s.withoutJobs(c.do)
				} else {
					c.do(s, s.node.broker)
					s.produce(20)
				}
				s.quiet()
				st := s.node.Jobs()[0].Status()
				if state := map[bool]engine.State{true: engine.Running, false: engine.Failed}[c.want == ""]; st.State != state {
					t.Errorf("the job is %s, want %s: %v", st.State, state, st.Err)
				} else if c.want != "" && !strings.Contains(st.Err.Error(), c.want) {
					t.Errorf("the job says %q, want %q", st.Err, c.want)
				}
				t.Logf("the job is %s: %v", st.State, st.Err)
				s.send("looped", &Record{Value: []byte(`{"id":-1,"n":0}`)})
				s.quiet()
				checkLoop(s)
				s.settled("dst", "looped")
			})
		})
	}
}

// withoutJobs does something to the log while there is no node.
func (s *simulation) withoutJobs(do func(*simulation, *broker.Broker)) {
	if err := s.node.Close(); err != nil {
		s.Error(err)
	}
	s.rest()
	b, err := broker.Open(broker.Config{FS: s.disk, Dir: "data", Report: func(line string) { s.tell("reported: %s", line) }})
	if err != nil {
		s.Fatal(err)
	}
	do(s, b)
	if err := b.Close(); err != nil {
		s.Error(err)
	}
	s.rest()
	s.start()
}

// settled: no transaction is left open in the topics.
func (s *simulation) settled(topics ...string) {
	for _, name := range topics {
		topic := s.node.broker.Metadata().Topic(name)
		if topic == nil {
			continue
		}
		for i := range topic.Partitions {
			log, err := s.node.broker.Metadata().Partition(name, int32(i))
			if err != nil {
				s.Fatal(err)
			}
			if log.LastStableOffset() < log.EndOffset() {
				s.Errorf("topic %s, partition %d: a transaction is open at %d of %d", name, i, log.LastStableOffset(), log.EndOffset())
			}
		}
	}
}
