package broker

import (
	"net"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/broker/metadata"
	"github.com/millrace/millrace/internal/broker/telemetry"
	"github.com/millrace/millrace/internal/wire"
)

// clientMetrics are what clients tell of themselves (KIP-714). Kafka advertises the two APIs only where a plugin takes what comes; here
// the node itself takes it, so they are always there: a client that no subscription asks for anything asks again every five minutes, and
// one that connected before there was a subscription hears of it.
type clientMetrics struct {
	*telemetry.Registry
	meta *metadata.Store
	subs atomic.Pointer[[]telemetry.Subscription]
}

func newClientMetrics(meta *metadata.Store) *clientMetrics {
	m := &clientMetrics{Registry: telemetry.NewRegistry(), meta: meta}
	m.load()
	meta.WatchResources(func(r metadata.Resource) {
		if r.Kind == kmsg.ConfigResourceTypeClientMetrics {
			m.load()
		}
	})
	return m
}

// load takes the subscriptions as they are set.
func (m *clientMetrics) load() {
	var subs []telemetry.Subscription
	for _, name := range m.meta.Resources(kmsg.ConfigResourceTypeClientMetrics) {
		configs := m.meta.ResourceConfigs(metadata.Resource{Kind: kmsg.ConfigResourceTypeClientMetrics, Name: name})
		s, err := subscription(name, configs)
		if err == nil {
			subs = append(subs, s)
		}
	}
	m.subs.Store(&subs)
}

func subscription(name string, configs map[string]string) (s telemetry.Subscription, err error) {
	s = telemetry.Subscription{Name: name, Interval: 5 * time.Minute, Metrics: metadata.SplitList(configs["metrics"])}
	if text, ok := configs["interval.ms"]; ok {
		ms, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return s, err
		}
		s.Interval = time.Duration(ms) * time.Millisecond
	}
	s.Match, err = metadata.ParseClientMatch(metadata.SplitList(configs["match"]))
	return s, err
}

// ClientMetrics are the newest that each client told of itself.
func (b *Broker) ClientMetrics() *telemetry.Registry { return b.clients.Registry }

// software is what a client said of itself in ApiVersions.
type software struct{ name, version string }

func (c *call) telemetryClient(id [16]byte) telemetry.Client {
	host, port, _ := net.SplitHostPort(c.conn.nc.RemoteAddr().String())
	s := c.conn.client
	if s.name == "" {
		s = software{"unknown", "unknown"}
	}
	return telemetry.Client{InstanceID: id, Labels: map[string]string{
		"client_instance_id": metadata.UUID(id).String(), "client_id": c.clientID, "client_software_name": s.name,
		"client_software_version": s.version, "client_source_address": host, "client_source_port": port,
	}}
}

// GetTelemetrySubscriptions, key 71, and PushTelemetry, key 72 (KIP-714).
func init() {
	register(71, 0, 0, handleGetTelemetrySubscriptions)
	register(72, 0, 0, handlePushTelemetry)
}

// The codecs that a push may have, the best first.
var telemetryCodecs = []wire.Codec{wire.Zstd, wire.LZ4, wire.Gzip, wire.Snappy}

func handleGetTelemetrySubscriptions(c *call, req *kmsg.GetTelemetrySubscriptionsRequest) reply {
	resp := req.ResponseKind().(*kmsg.GetTelemetrySubscriptionsResponse)
	id := metadata.UUID(req.ClientInstanceID)
	if id == (metadata.UUID{}) {
		var err error
		if id, err = metadata.NewUUID(nil); err != nil {
			resp.ErrorCode = kerr.UnknownServerError.Code
			return answer(resp)
		}
	}
	a, err := c.clients.Ask(*c.clients.subs.Load(), c.telemetryClient(id), c.config.Now())
	if err != nil {
		resp.ErrorCode = codeOf(err)
		return answer(resp)
	}
	resp.ClientInstanceID, resp.SubscriptionID, resp.RequestedMetrics = id, a.SubscriptionID, a.Metrics
	resp.PushIntervalMillis, resp.DeltaTemporality = int32(a.Interval.Milliseconds()), true
	resp.TelemetryMaxBytes = int32(c.meta.SettingInt("telemetry.max.bytes"))
	for _, codec := range telemetryCodecs {
		resp.AcceptedCompressionTypes = append(resp.AcceptedCompressionTypes, int8(codec))
	}
	return answer(resp)
}

func handlePushTelemetry(c *call, req *kmsg.PushTelemetryRequest) reply {
	resp := req.ResponseKind().(*kmsg.PushTelemetryResponse)
	reserved := []metadata.UUID{{}, metadata.MetadataTopicID}
	if slices.Contains(reserved, metadata.UUID(req.ClientInstanceID)) {
		resp.ErrorCode = kerr.InvalidRequest.Code
		return answer(resp)
	}
	err := c.clients.Push(*c.clients.subs.Load(), c.telemetryClient(req.ClientInstanceID), telemetry.Push{
		SubscriptionID: req.SubscriptionID, Terminating: req.Terminating, Codec: wire.Codec(req.CompressionType), Metrics: req.Metrics,
	}, int(c.meta.SettingInt("telemetry.max.bytes")), c.config.Now())
	resp.ErrorCode = codeOf(err)
	return answer(resp)
}
