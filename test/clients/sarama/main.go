// Package main is sarama's conversation with a node, whose address is the argument. It prints what it has shown; a false answer ends
// it. It is a module of its own, so that sarama is no dependency of the project.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// long is how long an await may take.
const long = time.Minute

var brokers = os.Args[1:]

func main() {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintln(os.Stderr, p)
			debug.PrintStack()
			os.Exit(1)
		}
	}()
	info, _ := debug.ReadBuildInfo()
	for _, m := range info.Deps {
		if m.Path == "github.com/IBM/sarama" {
			fmt.Println("client sarama", strings.TrimPrefix(m.Version, "v"))
		}
	}
	admin := must(sarama.NewClusterAdmin(brokers, config()))
	produce(admin)
	groups(admin)
	transact(admin)
	administer(admin)
	check(admin.Close())
}

func config() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.MaxVersion
	c.Producer.Return.Successes = true
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.Group.Heartbeat.Interval = 200 * time.Millisecond
	c.Consumer.MaxWaitTime = 100 * time.Millisecond
	c.Metadata.AllowAutoTopicCreation = false
	return c
}

func shown(format string, args ...any) { fmt.Printf("shown "+format+"\n", args...) }

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

func same(what string, got, want any) {
	if !reflect.DeepEqual(got, want) {
		panic(fmt.Sprintf("%s: got %v, want %v", what, got, want))
	}
}

func refused(what string, err, want error) {
	if !errors.Is(err, want) {
		panic(fmt.Sprintf("%s: %v, want %v", what, err, want))
	}
}

func awaited(what string, ask func() bool) {
	for end := time.Now().Add(long); !ask(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			panic("waited in vain for " + what)
		}
	}
}

func create(admin sarama.ClusterAdmin, topic string, partitions int32) {
	check(admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}, false))
}

func values(prefix string, n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("%s %d", prefix, i))
	}
	slices.Sort(out)
	return out
}

// reader reads a partition from its start.
func reader(topic string, partition int32, c *sarama.Config, count int) (out []*sarama.ConsumerMessage) {
	consumer := must(sarama.NewConsumer(brokers, c))
	defer consumer.Close()
	pc := must(consumer.ConsumePartition(topic, partition, sarama.OffsetOldest))
	defer pc.Close()
	for timeout := time.After(long); len(out) < count; {
		select {
		case m := <-pc.Messages():
			out = append(out, m)
		case <-timeout:
			panic(fmt.Sprintf("%d records of %d in %s", len(out), count, topic))
		}
	}
	return out
}

func texts(messages []*sarama.ConsumerMessage) (out []string) {
	for _, m := range messages {
		out = append(out, string(m.Value))
	}
	slices.Sort(out)
	return out
}

func produce(admin sarama.ClusterAdmin) {
	codecs := []sarama.CompressionCodec{sarama.CompressionNone, sarama.CompressionGZIP, sarama.CompressionSnappy, sarama.CompressionLZ4, sarama.CompressionZSTD}
	for _, codec := range codecs {
		topic := "sync-" + codec.String()
		create(admin, topic, 1)
		c := config()
		c.Producer.Compression = codec
		p := must(sarama.NewSyncProducer(brokers, c))
		var batch []*sarama.ProducerMessage
		for i := range 100 {
			batch = append(batch, &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder("k"), Value: sarama.StringEncoder(fmt.Sprintf("%s %d", codec, i)),
				Headers: []sarama.RecordHeader{{Key: []byte("n"), Value: fmt.Append(nil, i)}}})
		}
		check(p.SendMessages(batch))
		_, offset, err := p.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder("last")})
		check(err)
		same("offset", offset, int64(100))
		check(p.Close())
		got := reader(topic, 0, config(), 101)
		same(topic, texts(got[:100]), values(codec.String(), 100))
		same("header", string(got[7].Headers[0].Value), "7")
	}
	shown("a synchronous producer with each of gzip, snappy, lz4, zstd, keys, headers and offsets; read back by partition")

	create(admin, "async", 3)
	c := config()
	c.Producer.Idempotent, c.Producer.RequiredAcks, c.Net.MaxOpenRequests = true, sarama.WaitForAll, 1
	p := must(sarama.NewAsyncProducer(brokers, c))
	var told sync.WaitGroup
	told.Go(func() {
		for range 1000 {
			select {
			case <-p.Successes():
			case err := <-p.Errors():
				panic(err)
			}
		}
	})
	for _, v := range values("async", 1000) {
		p.Input() <- &sarama.ProducerMessage{Topic: "async", Key: sarama.StringEncoder(v), Value: sarama.StringEncoder(v)}
	}
	told.Wait()
	check(p.Close())
	ends := must(admin.ListOffsets(map[string]map[int32]int64{"async": {0: sarama.OffsetNewest, 1: sarama.OffsetNewest, 2: sarama.OffsetNewest}}, nil))
	var all []*sarama.ConsumerMessage
	for partition, end := range ends["async"] {
		all = append(all, reader("async", partition, config(), int(end.Offset))...)
	}
	same("async", texts(all), values("async", 1000))
	shown("an asynchronous idempotent producer")
}

// member is a consumer of a group that keeps what it got and is assigned.
type member struct {
	sync.Mutex
	group    sarama.ConsumerGroup
	assigned int
	got      []*sarama.ConsumerMessage
	stop     func()
}

func join(group, topic string, strategy sarama.BalanceStrategy) *member {
	c := config()
	c.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{strategy}
	m := &member{group: must(sarama.NewConsumerGroup(brokers, group, c))}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		for ctx.Err() == nil {
			if err := m.group.Consume(ctx, []string{topic}, m); err != nil && ctx.Err() == nil {
				panic(err)
			}
		}
	})
	m.stop = func() { cancel(); done.Wait(); check(m.group.Close()) }
	return m
}

func (m *member) Setup(s sarama.ConsumerGroupSession) error {
	m.set(s)
	return nil
}

func (m *member) set(s sarama.ConsumerGroupSession) {
	m.Lock()
	defer m.Unlock()
	m.assigned = 0
	for _, p := range s.Claims() {
		m.assigned += len(p)
	}
}

// Cleanup ends a session: nothing is assigned until the next.
func (m *member) Cleanup(sarama.ConsumerGroupSession) error {
	m.Lock()
	defer m.Unlock()
	m.assigned = 0
	return nil
}

func (m *member) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for msg := range claim.Messages() {
		m.Lock()
		m.got = append(m.got, msg)
		m.Unlock()
		s.MarkMessage(msg, "seen")
	}
	return nil
}

func (m *member) has() int {
	m.Lock()
	defer m.Unlock()
	return m.assigned
}

func (m *member) count() int {
	m.Lock()
	defer m.Unlock()
	return len(m.got)
}

func groups(admin sarama.ClusterAdmin) {
	create(admin, "turns", 4)
	p := must(sarama.NewSyncProducer(brokers, config()))
	for _, v := range values("turn", 200) {
		_, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: "turns", Value: sarama.StringEncoder(v)})
		check(err)
	}
	check(p.Close())
	for _, strategy := range []sarama.BalanceStrategy{sarama.NewBalanceStrategyRange(), sarama.NewBalanceStrategyRoundRobin(), sarama.NewBalanceStrategySticky()} {
		group := "turns-" + strategy.Name()
		one := join(group, "turns", strategy)
		awaited("all four", func() bool { return one.has() == 4 && one.count() == 200 })
		same(group, texts(one.got), values("turn", 200))
		two := join(group, "turns", strategy)
		awaited("two each", func() bool { return one.has() == 2 && two.has() == 2 })
		described := must(admin.DescribeConsumerGroups([]string{group}))
		same("described", []any{described[0].State, described[0].Protocol, len(described[0].Members)}, []any{"Stable", strategy.Name(), 2})
		one.stop()
		awaited("all four again", func() bool { return two.has() == 4 })
		two.stop()
		same("read twice", two.count(), 0)
		offsets := must(admin.ListConsumerGroupOffsets(group, map[string][]int32{"turns": {0, 1, 2, 3}}))
		sum := int64(0)
		for partition := range int32(4) {
			block := offsets.GetBlock("turns", partition)
			sum += max(block.Offset, 0)
			if block.Offset > 0 {
				same("metadata", block.Metadata, "seen")
			}
		}
		same("committed", sum, int64(200))
	}
	shown("groups with the range, roundrobin and sticky assignors: one joins, one leaves, offsets committed with metadata, nothing read twice")
}

func transact(admin sarama.ClusterAdmin) {
	create(admin, "in", 1)
	create(admin, "out", 1)
	p := must(sarama.NewSyncProducer(brokers, config()))
	for _, v := range values("in", 100) {
		_, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: "in", Value: sarama.StringEncoder(v)})
		check(err)
	}
	check(p.Close())
	input := reader("in", 0, config(), 100)
	c := config()
	c.Producer.Idempotent, c.Producer.RequiredAcks, c.Net.MaxOpenRequests = true, sarama.WaitForAll, 1
	c.Producer.Transaction.ID = "etl"
	tx := must(sarama.NewSyncProducer(brokers, c))
	for i := 0; i < 100; i += 10 {
		for _, commit := range []bool{false, true} { // each part once in vain
			check(tx.BeginTxn())
			for _, m := range input[i : i+10] {
				_, _, err := tx.SendMessage(&sarama.ProducerMessage{Topic: "out", Value: sarama.ByteEncoder(m.Value)})
				check(err)
			}
			check(tx.AddMessageToTxn(input[i+9], "etl", nil))
			if commit {
				check(tx.CommitTxn())
			} else {
				check(tx.AbortTxn())
			}
		}
	}
	offsets := must(admin.ListConsumerGroupOffsets("etl", map[string][]int32{"in": {0}}))
	same("committed", offsets.GetBlock("in", 0).Offset, int64(100))
	committed := config()
	committed.Consumer.IsolationLevel = sarama.ReadCommitted
	same("out", texts(reader("out", 0, committed, 100)), values("in", 100))
	seer := admin.(sarama.TransactionClusterAdmin)
	// What is open is seen by admin; a second producer of the same id ends it and fences the first.
	check(tx.BeginTxn())
	_, _, err := tx.SendMessage(&sarama.ProducerMessage{Topic: "out", Value: sarama.StringEncoder("of a zombie")})
	check(err)
	open := must(seer.ListTransactions([]string{"Ongoing"}, nil, -1))
	same("open transactions", []any{len(open), open[0].TransactionalID}, []any{1, "etl"})
	state := must(seer.DescribeTransactions([]string{"etl"}))["etl"]
	same("its partitions", fmt.Sprint(state.Topics), "[{out [0]}]")
	producers := must(seer.DescribeProducers(map[string][]int32{"out": {0}}))["out"][0]
	same("producers", len(producers.ActiveProducers), 1)
	heir := must(sarama.NewSyncProducer(brokers, c))
	_, _, err = tx.SendMessage(&sarama.ProducerMessage{Topic: "out", Value: sarama.StringEncoder("of a zombie")})
	if err == nil {
		err = tx.CommitTxn()
	}
	if !errors.Is(err, sarama.ErrInvalidProducerEpoch) && !errors.Is(err, sarama.ErrProducerFenced) {
		panic(fmt.Sprintf("a zombie got %v", err))
	}
	check(heir.BeginTxn())
	_, _, err = heir.SendMessage(&sarama.ProducerMessage{Topic: "out", Value: sarama.StringEncoder("last")})
	check(err)
	check(heir.CommitTxn())
	same("out", string(reader("out", 0, committed, 101)[100].Value), "last")
	check(heir.Close())
	tx.Close()
	shown("a transactional producer: offsets in the transaction, aborts, a zombie fenced, each output once for a reader of what is committed")
	shown("admin: open transactions listed and described, the producers of a partition")
}

func administer(admin sarama.ClusterAdmin) {
	create(admin, "adm", 2)
	refused("again", admin.CreateTopic("adm", &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false), sarama.ErrTopicAlreadyExists)
	check(admin.CreatePartitions("adm", 4, nil, false))
	same("partitions", must(admin.ListTopics())["adm"].NumPartitions, int32(4))
	same("described", len(must(admin.DescribeTopics([]string{"adm"}))[0].Partitions), 4)
	nodes, controller, err := admin.DescribeCluster()
	check(err)
	same("nodes", []any{len(nodes), controller}, []any{1, nodes[0].ID()})

	hour := "3600000"
	check(admin.IncrementalAlterConfig(sarama.TopicResource, "adm", map[string]sarama.IncrementalAlterConfigsEntry{"retention.ms": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &hour}}, false))
	for _, e := range must(admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: "adm", ConfigNames: []string{"retention.ms"}})) {
		same(e.Name, e.Value, hour)
	}

	p := must(sarama.NewSyncProducer(brokers, config()))
	for _, v := range values("adm", 50) {
		_, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: "adm", Key: sarama.StringEncoder("one"), Value: sarama.StringEncoder(v)})
		check(err)
	}
	check(p.Close())
	partitions := map[int32]int64{0: sarama.OffsetNewest, 1: sarama.OffsetNewest, 2: sarama.OffsetNewest, 3: sarama.OffsetNewest}
	for partition, end := range must(admin.ListOffsets(map[string]map[int32]int64{"adm": partitions}, nil))["adm"] {
		if end.Offset == 0 {
			continue
		}
		same("end", end.Offset, int64(50))
		check(admin.DeleteRecords("adm", map[int32]int64{partition: 20}))
		first := must(admin.ListOffsets(map[string]map[int32]int64{"adm": {partition: sarama.OffsetOldest}}, nil))
		same("first", first["adm"][partition].Offset, int64(20))
	}
	shown("admin: topics and partitions, configurations, offsets listed, records deleted, the cluster described")

	must(admin.AlterConsumerGroupOffsets("moved", map[string]map[int32]sarama.OffsetAndMetadata{"adm": {0: {Offset: 7, Metadata: "by hand", LeaderEpoch: -1}}}, nil))
	block := must(admin.ListConsumerGroupOffsets("moved", map[string][]int32{"adm": {0}})).GetBlock("adm", 0)
	same("moved", []any{block.Offset, block.Metadata}, []any{int64(7), "by hand"})
	check(admin.DeleteConsumerGroupOffset("moved", "adm", 0))
	same("deleted", must(admin.ListConsumerGroupOffsets("moved", map[string][]int32{"adm": {0}})).GetBlock("adm", 0).Offset, int64(-1))
	if _, ok := must(admin.ListConsumerGroups())["turns-range"]; !ok {
		panic("a group is not listed")
	}
	check(admin.DeleteConsumerGroup("turns-range"))
	if _, ok := must(admin.ListConsumerGroups())["turns-range"]; ok {
		panic("a deleted group is listed")
	}
	dirs := must(admin.DescribeLogDirs([]int32{controller}))
	same("log directories", len(dirs[controller]), 1)
	shown("admin: groups listed, described, deleted, their offsets altered and deleted; log directories")

	who := []sarama.QuotaEntityComponent{{EntityType: sarama.QuotaEntityUser, MatchType: sarama.QuotaMatchExact, Name: "alice"}}
	check(admin.AlterClientQuotas(who, sarama.ClientQuotasOp{Key: "producer_byte_rate", Value: 1e6}, false))
	quotas := must(admin.DescribeClientQuotas([]sarama.QuotaFilterComponent{{EntityType: sarama.QuotaEntityUser, MatchType: sarama.QuotaMatchExact, Match: "alice"}}, false))
	same("quotas", quotas[0].Values, map[string]float64{"producer_byte_rate": 1e6})
	shown("admin: client quotas")
	check(admin.DeleteTopic("adm"))
	awaited("the deletion", func() bool { _, there := must(admin.ListTopics())["adm"]; return !there })
}
