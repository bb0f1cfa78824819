package broker

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/wire"
	"github.com/millrace/millrace/test/harness"
)

// The texts in testdata/cleaner are what Apache Kafka 4.3.1 answers and leaves on disk. They are run against this broker, and against
// Kafka where its jars are in .peers/kafka; -rewrite takes what the last of the two says. Commands:
//
//	topic [CONFIG=VALUE …]                       a new one, which the following commands are about
//	producer NAME [txn]                          an idempotent, or transactional, producer
//	put [producer=NAME seq=N] [txn] [codec=NAME] [ts=±MS] [raw=…]  KEY=VALUE …    - is null; ts is against now
//	end producer=NAME commit|abort
//	roll                                         a record so late that it begins a segment
//	clean                                        until all but the active segment is clean
//	dump                                         the batches on disk, by segment, and the aborted transactions
//	read                                         what a read_committed consumer gets
type cleanerScript struct {
	*testing.T
	d         *datadriven.TestData
	conn      *rawConn
	dir       string
	topic     string
	topics    int
	rolls     int
	active    int64 // base of the active segment
	producers map[string]int64
	began     map[string]bool
	base      int64 // ms
}

func TestCompactionLikeKafka(t *testing.T) {
	if testing.Short() {
		t.Skip("several cleanings")
	}
	t.Run("millrace", func(t *testing.T) {
		c := onDisk(t)
		c.Settings = map[string]string{"log.cleaner.backoff.ms": "20", "transaction.state.log.num.partitions": "1"}
		tb := start(t, c)
		runCleanerScripts(t, tb.addr, c.Dir)
		dumpWithKafka(t, c.Dir)
	})
	t.Run("kafka", func(t *testing.T) {
		k := harness.StartKafka(t, []string{"-Xmx600m"}, map[string]string{
			"transaction.state.log.num.partitions": "1", "log.cleaner.backoff.ms": "50", // a cleaner that does not wait
		})
		runCleanerScripts(t, k.Addr, k.Data)
	})
}

func runCleanerScripts(t *testing.T, addr, dir string) {
	n := 0
	datadriven.Walk(t, "testdata/cleaner", func(t *testing.T, path string) {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		nc.SetDeadline(time.Now().Add(3 * time.Minute))
		s := &cleanerScript{T: t, conn: &rawConn{Conn: nc}, dir: dir, producers: map[string]int64{}, began: map[string]bool{},
			base: time.Now().UnixMilli()}
		n++
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			s.T, s.d = t, d
			commands := map[string]func() string{"topic": s.create, "producer": s.producer, "put": s.put, "end": s.end, "roll": s.roll,
				"clean": s.clean, "dump": s.dump, "read": s.read}
			return commands[d.Cmd]()
		})
	})
}

func (s *cleanerScript) arg(key string) string {
	var v string
	if s.d.HasArg(key) {
		s.d.ScanArgs(s.T, key, &v)
	}
	return v
}

func (s *cleanerScript) num(key string) (n int64) {
	fmt.Sscan(s.arg(key), &n)
	return n
}

func errorName(code int16) string {
	if err := kerr.TypedErrorForCode(code); err != nil {
		return err.Message
	}
	return "ok"
}

func (s *cleanerScript) create() string {
	s.topics++
	s.topic = fmt.Sprintf("%s-%d", strings.ReplaceAll(filepath.Base(s.d.Pos[:strings.IndexByte(s.d.Pos, ':')]), "_", "-"), s.topics)
	s.active = 0
	req := kmsg.NewPtrCreateTopicsRequest()
	req.SetVersion(5)
	rt := kmsg.NewCreateTopicsRequestTopic()
	rt.Topic, rt.NumPartitions, rt.ReplicationFactor = s.topic, 1, 1
	configs := map[string]string{"segment.ms": "600000", "message.timestamp.after.max.ms": "9223372036854775807",
		"min.cleanable.dirty.ratio": "0.0"}
	for _, a := range s.d.CmdArgs {
		configs[a.Key] = strings.Join(a.Vals, ",")
	}
	for k, v := range configs {
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = k, kmsg.StringPtr(v)
		rt.Configs = append(rt.Configs, c)
	}
	req.Topics = append(req.Topics, rt)
	resp := s.conn.ask(s, req).(*kmsg.CreateTopicsResponse)
	return errorName(resp.Topics[0].ErrorCode) + "\n"
}

func (s *cleanerScript) producer() string {
	name := s.d.CmdArgs[0].Key
	req := kmsg.NewPtrInitProducerIDRequest()
	req.SetVersion(2)
	req.ProducerID, req.ProducerEpoch = -1, -1
	if s.d.HasArg("txn") {
		req.TransactionalID = kmsg.StringPtr(s.topic + name)
		req.TransactionTimeoutMillis = 60000
		find := kmsg.NewPtrFindCoordinatorRequest() // which makes the coordinator's topic
		find.SetVersion(2)
		find.CoordinatorKey, find.CoordinatorType = s.topic+name, 1
		if out := s.retry(func() int16 { return s.conn.ask(s, find).(*kmsg.FindCoordinatorResponse).ErrorCode }); out != "ok\n" {
			return out
		}
	}
	return s.retry(func() int16 {
		resp := s.conn.ask(s, req).(*kmsg.InitProducerIDResponse)
		s.producers[name] = resp.ProducerID
		return resp.ErrorCode
	})
}

// retry asks until the coordinator is there.
func (s *cleanerScript) retry(fn func() int16) string {
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		code := fn()
		err := kerr.TypedErrorForCode(code)
		if err == nil || !err.Retriable && err != kerr.ConcurrentTransactions || time.Now().After(until) {
			return errorName(code) + "\n"
		}
	}
}

func (s *cleanerScript) batch() []byte {
	b := wire.NewBuilder(nil)
	if name := s.arg("producer"); name != "" {
		b.SetProducer(s.producers[name], 0, int32(s.num("seq")))
	}
	b.SetTransactional(s.d.HasArg("txn"))
	codec, _ := wire.ParseCodec(s.arg("codec"))
	b.SetCodec(codec)
	ts := s.base + s.num("ts")
	for _, kv := range strings.Fields(s.d.Input) {
		k, v, _ := strings.Cut(kv, "=")
		b.Append(ts, orNil(k), orNil(v), nil)
	}
	return append([]byte(nil), b.Bytes()...)
}

func orNil(s string) []byte {
	if s == "-" {
		return nil
	}
	return []byte(s)
}

func (s *cleanerScript) join(name string) string {
	if s.began[name] {
		return "ok\n"
	}
	s.began[name] = true
	req := kmsg.NewPtrAddPartitionsToTxnRequest()
	req.SetVersion(2)
	req.TransactionalID, req.ProducerID = s.topic+name, s.producers[name]
	rt := kmsg.NewAddPartitionsToTxnRequestTopic()
	rt.Topic, rt.Partitions = s.topic, []int32{0}
	req.Topics = append(req.Topics, rt)
	return s.retry(func() int16 {
		return s.conn.ask(s, req).(*kmsg.AddPartitionsToTxnResponse).Topics[0].Partitions[0].ErrorCode
	})
}

func (s *cleanerScript) put() string {
	var txnID *string
	if name := s.arg("producer"); s.d.HasArg("txn") {
		txnID = kmsg.StringPtr(s.topic + name)
		if out := s.join(name); out != "ok\n" {
			return out
		}
	}
	return s.produce(s.batch(), txnID)
}

func (s *cleanerScript) produce(batch []byte, txnID *string) (out string) {
	req := kmsg.NewPtrProduceRequest()
	req.SetVersion(9)
	req.TransactionID, req.Acks, req.TimeoutMillis = txnID, -1, 10000
	rt := kmsg.NewProduceRequestTopic()
	rt.Topic = s.topic
	rp := kmsg.NewProduceRequestTopicPartition()
	rp.Records = batch
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	s.retry(func() int16 {
		p := s.conn.ask(s, req).(*kmsg.ProduceResponse).Topics[0].Partitions[0]
		if p.ErrorCode == 0 {
			out = fmt.Sprintf("offset %d", p.BaseOffset)
			if p.LogAppendTime >= 0 {
				out += " stamped"
			}
			out += "\n"
			return 0
		}
		out = errorName(p.ErrorCode) + "\n"
		if p.ErrorMessage != nil && len(p.ErrorRecords) > 0 {
			out += s.general(*p.ErrorMessage) + "\n"
		}
		for _, r := range p.ErrorRecords {
			text := "no message"
			if r.ErrorMessage != nil {
				text = s.general(*r.ErrorMessage)
			}
			out += fmt.Sprintf("record %d: %s\n", r.RelativeOffset, text)
		}
		return p.ErrorCode
	})
	return out
}

// general takes what differs from run to run out of a message.
func (s *cleanerScript) general(text string) string {
	var out []string
	for _, word := range strings.Fields(text) {
		if digits := strings.Trim(word, "[],."); len(digits) == 13 && strings.Trim(digits, "0123456789") == "" {
			word = strings.Replace(word, digits, "TIME", 1)
		}
		out = append(out, word)
	}
	return strings.Join(out, " ")
}

func (s *cleanerScript) end() string {
	name := s.arg("producer")
	s.began[name] = false
	req := kmsg.NewPtrEndTxnRequest()
	req.SetVersion(2)
	req.TransactionalID, req.ProducerID, req.Commit = s.topic+name, s.producers[name], s.d.HasArg("commit")
	before := s.latest()
	out := s.retry(func() int16 { return s.conn.ask(s, req).(*kmsg.EndTxnResponse).ErrorCode })
	// Kafka writes the marker after the answer.
	for until := time.Now().Add(10 * time.Second); out == "ok\n" && s.latest() == before && time.Now().Before(until); {
		time.Sleep(time.Millisecond)
	}
	return out
}

// latest is the end of the topic.
func (s *cleanerScript) latest() int64 {
	req := kmsg.NewPtrListOffsetsRequest()
	req.SetVersion(4)
	req.ReplicaID = -1
	rt := kmsg.NewListOffsetsRequestTopic()
	rt.Topic = s.topic
	rp := kmsg.NewListOffsetsRequestTopicPartition()
	rp.Timestamp = -1
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	return s.conn.ask(s, req).(*kmsg.ListOffsetsResponse).Topics[0].Partitions[0].Offset
}

func (s *cleanerScript) roll() string {
	s.rolls++
	b := wire.NewBuilder(nil)
	b.Append(s.base+int64(s.rolls)*700_000, []byte("roll"), fmt.Append(nil, s.rolls), nil)
	out := s.produce(b.Bytes(), nil)
	fmt.Sscanf(out, "offset %d", &s.active)
	return out
}

func (s *cleanerScript) policy(value string) {
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	rr := kmsg.NewIncrementalAlterConfigsRequestResource()
	rr.ResourceType, rr.ResourceName = kmsg.ConfigResourceTypeTopic, s.topic
	rc := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	rc.Name, rc.Value = "cleanup.policy", kmsg.StringPtr(value)
	rr.Configs = append(rr.Configs, rc)
	req.Resources = append(req.Resources, rr)
	if code := s.conn.ask(s, req).(*kmsg.IncrementalAlterConfigsResponse).Resources[0].ErrorCode; code != 0 {
		s.Fatal(errorName(code))
	}
}

// clean lets the cleaner at the topic: it is compacted only for so long, so that nothing is cleaned before it is all there.
func (s *cleanerScript) clean() string {
	s.policy("compact")
	defer s.policy("delete")
	want := fmt.Sprintf("%s 0 %d", s.topic, s.active)
	for until := time.Now().Add(60 * time.Second); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		b, err := os.ReadFile(filepath.Join(s.dir, cleanerPointsName))
		if err == nil && strings.Contains(string(b)+"\n", want+"\n") {
			return "ok\n"
		}
	}
	b, _ := os.ReadFile(filepath.Join(s.dir, cleanerPointsName))
	return fmt.Sprintf("not clean: want %s, the file says\n%s", want, b)
}

func (s *cleanerScript) name(pid int64) string {
	for name, id := range s.producers {
		if id == pid {
			return name
		}
	}
	return "?"
}

func (s *cleanerScript) dump() string {
	var out strings.Builder
	logs, _ := filepath.Glob(filepath.Join(s.dir, s.topic+"-0", "*.log"))
	for _, path := range logs {
		b, err := os.ReadFile(path)
		if err != nil {
			return err.Error()
		}
		fmt.Fprintf(&out, "%s\n", strings.TrimLeft(filepath.Base(path), "0"))
		for len(b) >= wire.HeaderSize {
			batch, rest, err := wire.ParseBatch(b)
			if err != nil || batch.CheckCRC() != nil {
				break // preallocated, perhaps
			}
			out.WriteString(s.dumpBatch(batch))
			b = rest
		}
	}
	return out.String()
}

func (s *cleanerScript) dumpBatch(b wire.Batch) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%d to %d count %d %s size %d", b.BaseOffset(), b.LastOffset(), b.RecordCount(), b.Codec(), b.Size())
	if b.Codec() != wire.None || b.HasDeleteHorizon() {
		out.Reset() // compressors differ, and the horizon's distance has one byte or two
		fmt.Fprintf(&out, "%d to %d count %d %s", b.BaseOffset(), b.LastOffset(), b.RecordCount(), b.Codec())
	}
	if b.ProducerID() >= 0 {
		fmt.Fprintf(&out, " producer %s epoch %d sequence %d", s.name(b.ProducerID()), b.ProducerEpoch(), b.BaseSequence())
	}
	if b.IsTransactional() {
		out.WriteString(" transactional")
	}
	m, markerErr := wire.ParseMarker(b)
	if !b.IsControl() {
		fmt.Fprintf(&out, " newest %+d", b.MaxTimestamp()-s.base)
	}
	switch h, ok := b.DeleteHorizon(); {
	case ok && h < s.base:
		fmt.Fprintf(&out, " horizon %d", h)
	case ok:
		out.WriteString(" horizon")
	case b.FirstTimestamp() < 0:
		fmt.Fprintf(&out, " first %d", b.FirstTimestamp())
	case !b.IsControl():
		fmt.Fprintf(&out, " first %+d", b.FirstTimestamp()-s.base)
	}
	if markerErr == nil {
		fmt.Fprintf(&out, " commit %v", m.Commit)
	} else if b.IsControl() {
		out.WriteString(" control")
	}
	out.WriteString("\n")
	var d wire.Decompressor
	for it := wire.Records(b, &d); !b.IsControl() && it.Next(); {
		r := it.Record()
		fmt.Fprintf(&out, "  %d %+d %s=%s\n", r.Offset, r.Timestamp-s.base, shown(r.Key), shown(r.Value))
	}
	return out.String()
}

func shown(b []byte) string {
	if b == nil {
		return "-"
	}
	return string(b)
}

// read fetches from the start, as a read_committed consumer does.
func (s *cleanerScript) read() string {
	var out strings.Builder
	for at := int64(0); ; {
		req := kmsg.NewPtrFetchRequest()
		req.SetVersion(11)
		req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.IsolationLevel, req.SessionEpoch = 0, 0, 1<<20, 1, -1
		rt := kmsg.NewFetchRequestTopic()
		rt.Topic = s.topic
		rp := kmsg.NewFetchRequestTopicPartition()
		rp.FetchOffset, rp.PartitionMaxBytes = at, 200
		rt.Partitions = append(rt.Partitions, rp)
		req.Topics = append(req.Topics, rt)
		p := s.conn.ask(s, req).(*kmsg.FetchResponse).Topics[0].Partitions[0]
		if p.ErrorCode != 0 {
			return out.String() + errorName(p.ErrorCode) + "\n"
		}
		if len(p.RecordBatches) == 0 {
			fmt.Fprintf(&out, "end at %d, last stable %d\n", at, p.LastStableOffset)
			return out.String()
		}
		for rest := p.RecordBatches; ; {
			b, tail, err := wire.ParseBatch(rest)
			if err != nil {
				break
			}
			at, rest = b.NextOffset(), tail
			aborted := b.IsControl()
			for _, a := range p.AbortedTransactions {
				aborted = aborted || b.IsTransactional() && a.ProducerID == b.ProducerID() && a.FirstOffset <= b.BaseOffset()
			}
			var d wire.Decompressor
			for it := wire.Records(b, &d); !aborted && it.Next(); {
				fmt.Fprintf(&out, "%d %s=%s\n", it.Record().Offset, shown(it.Record().Key), shown(it.Record().Value))
			}
		}
	}
}

// dumpWithKafka has Kafka's own tool read what cleaning has left of the topics.
func dumpWithKafka(t *testing.T, dir string) {
	t.Run("dump", func(t *testing.T) {
		libs, err := harness.KafkaLibs()
		if err != nil {
			t.Skip(err)
		}
		var files []string
		for _, suffix := range []string{"log", "index", "timeindex", "txnindex"} {
			found, _ := filepath.Glob(filepath.Join(dir, "*-0", "*."+suffix))
			for _, f := range found {
				if !strings.Contains(f, "__") {
					files = append(files, f)
				}
			}
		}
		out, err := exec.Command("java", "-cp", filepath.Join(libs, "*"), "org.apache.kafka.tools.DumpLogSegments", "--deep-iteration",
			"--files", strings.Join(files, ",")).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for _, complaint := range []string{"Found timestamp mismatch", "Mismatches in", "isvalid: false", "rror", "xception"} {
			if i := strings.Index(string(out), complaint); i >= 0 {
				t.Errorf("Kafka says: %s", out[i:min(i+400, len(out))])
			}
		}
		if !strings.Contains(string(out), "deleteHorizonMs: OptionalLong[1") {
			t.Error("Kafka finds no delete horizon")
		}
	})
}
