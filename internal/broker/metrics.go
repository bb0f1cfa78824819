package broker

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/group"
	"github.com/millrace/millrace/internal/broker/telemetry"
	"github.com/millrace/millrace/internal/metrics"
)

// Metrics of the log have the names that Prometheus' JMX exporter makes of Kafka's MBeans
// (its sample configuration, lower case); those of groups are kafka_exporter's.
func family(kind metrics.Kind, name, help string, labels ...string) *metrics.Family {
	return &metrics.Family{Name: "kafka_" + name, Kind: kind, Labels: labels, Help: help}
}

var (
	messagesIn   = family(metrics.Counter, "server_brokertopicmetrics_messagesin_total", "Records appended to the topic, by clients, jobs and coordinators.", "topic")
	bytesIn      = family(metrics.Counter, "server_brokertopicmetrics_bytesin_total", "Bytes appended to the topic.", "topic")
	bytesOut     = family(metrics.Counter, "server_brokertopicmetrics_bytesout_total", "Bytes of the topic that were sent to clients.", "topic")
	requests     = family(metrics.Counter, "network_requestmetrics_requests_total", "Requests answered.", "request")
	requestTime  = family(metrics.Summary, "network_requestmetrics_totaltimems", "Milliseconds from the reading of a request until its answer was written, a fetch's waiting included; quantiles of the last five to ten minutes.", "request")
	flushTime    = family(metrics.Summary, "log_logflushstats_logflushrateandtimems", "Milliseconds that the disk took to make records durable; quantiles of the last five to ten minutes.")
	connections  = family(metrics.Gauge, "server_socket_server_metrics_connection_count", "Connections that are open.")
	accepted     = family(metrics.Counter, "server_socket_server_metrics_connection_creation_total", "Connections accepted.")
	failedLogins = family(metrics.Counter, "server_socket_server_metrics_failed_authentication_total", "TLS handshakes and SASL logins that failed.")
	controller   = family(metrics.Gauge, "controller_kafkacontroller_activecontrollercount", "1: the node is its own controller.")
	topicCount   = family(metrics.Gauge, "controller_kafkacontroller_globaltopiccount", "Topics.")
	allParts     = family(metrics.Gauge, "controller_kafkacontroller_globalpartitioncount", "Partitions.")
	partCount    = family(metrics.Gauge, "server_replicamanager_partitioncount", "Partitions that are open: one is opened when it is first used.")
	leaderCount  = family(metrics.Gauge, "server_replicamanager_leadercount", "Partitions that are open and led here: all of them.")
	offline      = family(metrics.Gauge, "server_replicamanager_offlinereplicacount", "Open partitions that a failed disk took offline.")
	logSize      = family(metrics.Gauge, "log_log_size", "Bytes of the partition's records, of partitions that are open.", "topic", "partition")
	logStart     = family(metrics.Gauge, "log_log_logstartoffset", "The partition's first offset.", "topic", "partition")
	logEnd       = family(metrics.Gauge, "log_log_logendoffset", "The offset that the partition's next record gets.", "topic", "partition")
	logStable    = family(metrics.Gauge, "cluster_partition_laststableoffsetlag", "Offsets that open transactions hide from read_committed consumers.", "topic", "partition")
	groupOffset  = family(metrics.Gauge, "consumergroup_current_offset", "The offset that the group has committed.", "consumergroup", "topic", "partition")
	groupLag     = family(metrics.Gauge, "consumergroup_lag", "Offsets between what the group has committed and the end of the partition.", "consumergroup", "topic", "partition")
	throttled    = [throttleKinds]*metrics.Family{
		family(metrics.Gauge, "server_produce_throttle_time", "Milliseconds that a producer over its quota was last told to be silent, for half a minute.", "user", "client_id"),
		family(metrics.Gauge, "server_fetch_throttle_time", "Milliseconds that a consumer over its quota was last told to be silent, for half a minute.", "user", "client_id"),
		family(metrics.Gauge, "server_request_throttle_time", "Milliseconds that a client over its request quota was last told to be silent, for half a minute.", "user", "client_id"),
		family(metrics.Gauge, "server_controllermutation_throttle_time", "Milliseconds that a client that made too many partitions was last told to be silent, for half a minute.", "user", "client_id"),
	}
	pushes = family(metrics.Counter, "server_client_metrics_plugin_export_total", "Pushes of metrics that clients made (KIP-714).")
)

// MetricFamilies are all metrics of the log but those that clients push, in the order of
// the page.
var MetricFamilies = append([]*metrics.Family{
	messagesIn, bytesIn, bytesOut, requests, requestTime, flushTime, connections, accepted, failedLogins,
	controller, topicCount, allParts, partCount, leaderCount, offline, logSize, logStart, logEnd, logStable, groupOffset, groupLag, pushes,
}, throttled[:]...)

// Collect adds what there is to tell of the log. It opens no partition but those that
// groups have committed offsets of.
func (b *Broker) Collect(p *metrics.Page) {
	now := b.config.Now()
	b.collectTopics(p)
	for key := range b.requests {
		if h := b.requests[key].Load(); h != nil {
			d, name := h.Read(now), kmsg.NameForKey(int16(key))
			p.Add(requests, float64(d.Count), name)
			p.AddSummary(requestTime, d, name)
		}
	}
	p.AddSummary(flushTime, b.meta.SyncTimes().Read(now))
	p.Add(connections, float64(b.stats.Connections.Load()))
	p.Add(accepted, float64(b.stats.Accepted.Load()))
	p.Add(failedLogins, float64(b.stats.FailedLogins.Load()))
	b.collectGroups(p)
	p.Add(pushes, float64(b.clients.Stats().Pushes))
	b.quotas.told.each(now, func(k throttleKey, d time.Duration) {
		p.Add(throttled[k.kind], float64(d.Milliseconds()), k.user, k.client)
	})
	collectPushed(p, b.clients.Reports())
}

func (b *Broker) collectTopics(p *metrics.Page) {
	topics := b.meta.Topics()
	all, opened, broken := 0, 0, 0
	for _, t := range topics {
		all += int(t.Partitions)
		var records, in, out int64
		any := false
		for i := range t.Partitions {
			log := b.meta.Opened(t, i)
			if log == nil {
				continue
			}
			opened++
			any = true
			if log.Err() != nil {
				broken++
			}
			traffic := log.Traffic()
			records, in, out = records+traffic.Records, in+traffic.BytesIn, out+traffic.BytesOut
			partition := strconv.Itoa(int(i))
			p.Add(logSize, float64(log.Size()), t.Name, partition)
			p.Add(logStart, float64(log.StartOffset()), t.Name, partition)
			p.Add(logEnd, float64(log.EndOffset()), t.Name, partition)
			p.Add(logStable, float64(max(0, log.HighWatermark()-log.LastStableOffset())), t.Name, partition)
		}
		if any {
			p.Add(messagesIn, float64(records), t.Name)
			p.Add(bytesIn, float64(in), t.Name)
			p.Add(bytesOut, float64(out), t.Name)
		}
	}
	p.Add(controller, 1)
	p.Add(topicCount, float64(len(topics)))
	p.Add(allParts, float64(all))
	p.Add(partCount, float64(opened))
	p.Add(leaderCount, float64(opened))
	p.Add(offline, float64(broken))
}

// groupMark is an offset that a group has committed.
type groupMark struct {
	group string
	group.Partition
	offset int64
}

// committedOffsets are those of all groups, in order.
func (b *Broker) committedOffsets() (out []groupMark) {
	b.groups.mu.Lock()
	defer b.groups.mu.Unlock()
	if b.groups.load() != nil {
		return nil
	}
	for id, g := range b.groups.state.all {
		for at, o := range g.Offsets() {
			out = append(out, groupMark{id, at, o.At})
		}
	}
	slices.SortFunc(out, func(a, b groupMark) int {
		return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition.Partition, b.Partition.Partition))
	})
	return out
}

func (b *Broker) collectGroups(p *metrics.Page) {
	for _, m := range b.committedOffsets() {
		labels := []string{m.group, m.Topic, strconv.Itoa(int(m.Partition.Partition))}
		p.Add(groupOffset, float64(m.offset), labels...)
		t := b.meta.Topic(m.Topic)
		if t == nil {
			continue
		}
		if log, err := b.meta.OpenLog(t, m.Partition.Partition); err == nil && log != nil {
			p.Add(groupLag, float64(max(0, log.HighWatermark()-m.offset)), labels...)
		}
	}
}

// collectPushed adds what clients tell of themselves (KIP-714), by their own names, as
// OpenTelemetry's collector writes them.
func collectPushed(p *metrics.Page, reports []telemetry.Report) {
	families := map[string]*metrics.Family{}
	for _, r := range reports {
		var names []string
		for name := range r.Client.Labels {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, s := range r.Samples {
			name := metricName(s.Name)
			f := families[name]
			if f == nil {
				f = &metrics.Family{Name: name, Kind: metrics.Gauge, Help: "Told by clients (KIP-714): " + s.Name + "; a sum is what came since the push before."}
				families[name] = f
			}
			labels, values := slices.Clone(names), make([]string, len(names))
			for i, n := range names {
				values[i] = r.Client.Labels[n]
			}
			for _, a := range s.Attributes {
				if key := metricName(a.Key); !slices.Contains(labels, key) {
					labels, values = append(labels, key), append(values, a.Value)
				}
			}
			p.AddLabeled(f, s.Value, labels, values)
		}
	}
}

// metricName replaces what Prometheus does not take in a name.
func metricName(s string) string {
	name := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' {
			return c
		}
		return '_'
	}, s)
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	return name
}
