package telemetry

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/millrace/millrace/internal/wire"
)

// message writes a field of bytes.
func message(n int, parts ...[]byte) []byte {
	var body []byte
	for _, p := range parts {
		body = append(body, p...)
	}
	b := binary.AppendUvarint(nil, uint64(n)<<3|2)
	return append(binary.AppendUvarint(b, uint64(len(body))), body...)
}

func text(n int, s string) []byte { return message(n, []byte(s)) }

func fixed(n int, v uint64) []byte {
	return binary.LittleEndian.AppendUint64(binary.AppendUvarint(nil, uint64(n)<<3|1), v)
}

func metrics(list ...[]byte) []byte {
	return message(1, message(1, text(1, "resource")), message(2, append([][]byte{message(1, text(1, "scope"))}, list...)...))
}

var pushed = metrics(
	message(2, text(1, "a.gauge"), text(3, "ms"), message(5, message(1, message(7, text(1, "node"), message(2, text(1, "7"))), fixed(4, math.Float64bits(2.5))))),
	message(2, text(1, "a.sum"), message(7, message(1, fixed(6, 42)), message(1, message(7, text(1, "on"), message(2, []byte{2<<3 | 0, 1})), fixed(6, 43)), []byte{2 << 3, 1})),
	message(2, text(1, "a.histogram"), message(9, message(1, fixed(2, 1)))),
)

func TestDecode(t *testing.T) {
	got, err := Decode(pushed)
	want := []Sample{
		{Name: "a.gauge", Unit: "ms", Attributes: []Attribute{{"node", "7"}}, Value: 2.5},
		{Name: "a.sum", Value: 42, Sum: true}, {Name: "a.sum", Attributes: []Attribute{{"on", "true"}}, Value: 43, Sum: true},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v, %v", got, err)
	}
	for i := range pushed {
		if _, err := Decode(pushed[:i]); err == nil && i > 0 {
			t.Errorf("cut off at %d of %d bytes it is read", i, len(pushed))
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(pushed)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if samples, _ := Decode(b); len(samples) > maxSamples {
			t.Fatalf("%d samples", len(samples))
		}
	})
}

func someone(id byte, name string) Client {
	return Client{InstanceID: [16]byte{id}, Labels: map[string]string{"client_id": name, "client_software_name": "test"}}
}

func TestSubscriptions(t *testing.T) {
	match := func(name, pattern string) map[string]*regexp.Regexp {
		return map[string]*regexp.Regexp{name: regexp.MustCompile("^(?:" + pattern + ")$")}
	}
	subs := []Subscription{
		{Metrics: []string{"b.", "a."}, Interval: time.Second, Match: match("client_id", "x.*")},
		{Metrics: []string{"a.", "c."}, Interval: 2 * time.Second, Match: match("client_id", ".*y")},
		{Metrics: []string{"*"}, Interval: time.Minute, Match: match("client_software_name", "other")},
	}
	for name, want := range map[string]string{"x": "[a. b.] 1s", "xy": "[a. b. c.] 1s", "y": "[a. c.] 2s", "z": "[] 5m0s"} {
		if a := answerFor(subs, someone(1, name)); fmt.Sprint(a.Metrics, a.Interval) != want {
			t.Errorf("%s: %v %v, want %s", name, a.Metrics, a.Interval, want)
		}
	}
	subs[2].Match = nil
	if a := answerFor(subs, someone(1, "xy")); fmt.Sprint(a.Metrics) != "[*]" {
		t.Errorf("%v", a.Metrics)
	}
	if answerFor(subs, someone(1, "x")).SubscriptionID == answerFor(subs[:1], someone(1, "x")).SubscriptionID {
		t.Error("another subscription has the same id")
	}
}

// TestPushes walks through a client's life: who is heard when, and what he is told otherwise.
func TestPushes(t *testing.T) {
	r := NewRegistry()
	subs := []Subscription{{Metrics: []string{"*"}, Interval: time.Second}}
	now := time.UnixMilli(0)
	c := someone(1, "c")
	ask := func() (Answer, error) { return r.Ask(subs, c, now) }
	push := func(p Push) error { return r.Push(subs, c, p, 1000, now) }
	expect := func(what string, err error, want *kerr.Error) {
		t.Helper()
		if want == nil && err != nil || want != nil && !errors.Is(err, want) {
			t.Fatalf("%s: %v, want %v", what, err, want)
		}
	}
	a, err := ask()
	expect("first", err, nil)
	_, err = ask()
	expect("again at once", err, kerr.ThrottlingQuotaExceeded)
	zipped, _ := wire.Compress(nil, wire.Zstd, pushed)
	now = now.Add(time.Millisecond)
	expect("first push, early", push(Push{SubscriptionID: a.SubscriptionID, Codec: wire.Zstd, Metrics: zipped}), nil)
	if rs := r.Reports(); len(rs) != 1 || len(rs[0].Samples) != 3 {
		t.Fatalf("%+v", rs)
	}
	expect("second push, early", push(Push{SubscriptionID: a.SubscriptionID}), kerr.ThrottlingQuotaExceeded)
	now = now.Add(time.Second)
	expect("another subscription", push(Push{SubscriptionID: 1}), kerr.UnknownSubscriptionID)
	_, err = ask()
	expect("asking for the new one", err, nil)
	now = now.Add(time.Millisecond)
	expect("no codec", push(Push{SubscriptionID: a.SubscriptionID, Codec: 7}), kerr.UnsupportedCompressionType)
	now = now.Add(time.Second)
	expect("too large", push(Push{SubscriptionID: a.SubscriptionID, Metrics: make([]byte, 1001)}), kerr.TelemetryTooLarge)
	now = now.Add(time.Second)
	expect("damaged", push(Push{SubscriptionID: a.SubscriptionID, Codec: wire.Gzip, Metrics: zipped}), kerr.InvalidRecord)
	now = now.Add(time.Second)
	expect("the last", push(Push{SubscriptionID: a.SubscriptionID, Terminating: true}), nil)
	now = now.Add(time.Hour)
	expect("after the last", push(Push{SubscriptionID: a.SubscriptionID}), kerr.InvalidRequest)
	want := Stats{Clients: 1, Samples: 3, Pushes: 3, Refused: 5, Unread: 1}
	if s := r.Stats(); s != want {
		t.Fatalf("%+v, want %+v", s, want)
	}
}

// TestRoom: clients with ever new ids, and what they push, are forgotten in time.
func TestRoom(t *testing.T) {
	r := NewRegistry()
	now := time.UnixMilli(0)
	var many [][]byte
	for range 1000 {
		many = append(many, message(2, text(1, "m"), message(5, message(1, fixed(6, 1)))))
	}
	payload := metrics(many...)
	for i := range maxClients + 500 {
		c := Client{}
		binary.BigEndian.PutUint32(c.InstanceID[:], uint32(i+1))
		a, err := r.Ask(nil, c, now)
		if err != nil {
			t.Fatal(err)
		}
		if i%20 == 0 {
			if err := r.Push(nil, c, Push{SubscriptionID: a.SubscriptionID, Metrics: payload}, 1<<20, now); err != nil {
				t.Fatal(err)
			}
		}
	}
	s := r.Stats()
	kept := 0
	for _, report := range r.Reports() {
		kept += len(report.Samples)
	}
	if s.Clients > maxClients || s.Samples > maxKept || s.Samples != kept || s.Forgotten == 0 || s.Clients != r.mu.recent.Len() {
		t.Fatalf("%+v, %d kept", s, kept)
	}
}
