package broker

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// kafkaVersions are what Apache Kafka 4.3.1 advertises for the APIs of topics, data and transactions.
var kafkaVersions = map[int16][2]int16{
	0: {3, 13}, 1: {4, 18}, 2: {1, 11}, 3: {0, 13}, 18: {0, 4}, 19: {2, 7}, 20: {1, 6}, 21: {0, 2}, 22: {0, 5}, 23: {2, 4},
	24: {0, 5}, 25: {0, 4}, 26: {0, 5}, 27: {1, 2}, 28: {0, 5}, 37: {0, 3}, 43: {0, 2}, 45: {0, 1}, 46: {0, 0}, 60: {0, 2},
	61: {0, 0}, 65: {0, 0}, 66: {0, 2}, 75: {0, 0},
}

func TestVersionsAreKafkas(t *testing.T) {
	for key, v := range kafkaVersions {
		if a := apis[key]; a == nil || a.min != v[0] || a.max != v[1] {
			t.Errorf("%s: %+v, Kafka has %d to %d", kmsg.NameForKey(key), a, v[0], v[1])
		}
	}
}

func TestFeaturesAreTold(t *testing.T) {
	tb := start(t, Config{})
	for version := int16(3); version <= 4; version++ {
		req := kmsg.NewPtrApiVersionsRequest()
		req.Version, req.ClientSoftwareName, req.ClientSoftwareVersion = version, "test", "1"
		resp := tb.dial(t).ask(t, req).(*kmsg.ApiVersionsResponse)
		final, supported := map[string]int16{}, map[string][2]int16{}
		for _, f := range resp.FinalizedFeatures {
			final[f.Name] = f.MaxVersionLevel
		}
		for _, f := range resp.SupportedFeatures {
			supported[f.Name] = [2]int16{f.MinVersion, f.MaxVersion}
		}
		if final["transaction.version"] != 2 || final["metadata.version"] != 30 || supported["metadata.version"] != [2]int16{7, 30} {
			t.Errorf("v%d: finalized %v, supported %v", version, final, supported)
		}
		// Clients of v3 take a least version of 0 for an error (KAFKA-17011).
		if _, told := supported["transaction.version"]; told != (version >= 4) {
			t.Errorf("v%d: supported %v", version, supported)
		}
	}
}

// TestRandomRequests sends requests of every version of every API, filled at random, and wants an answer that kmsg reads to its last
// byte: no field of any version is written where a client does not look for it, and nothing that can be said ends the connection.
func TestRandomRequests(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			tb := start(t, few(Config{}))
			rnd := rand.New(rand.NewPCG(seed, 1))
			c := tb.dial(t)
			for _, a := range apis {
				for v := int16(0); a != nil && v <= a.max; v++ {
					if v < a.min || skipped[a.key] {
						continue
					}
					if tb.Metadata().Topic("t") == nil {
						tb.create(t, "t", 2, nil)
					}
					req := kmsg.RequestForKey(a.key)
					randomize(reflect.ValueOf(req).Elem(), rnd, [16]byte(tb.Metadata().Topic("t").ID), "")
					if p, ok := req.(*kmsg.ProduceRequest); ok {
						p.Acks = -1 // 0 is not answered
					}
					req.SetVersion(v)
					t.Cleanup(func() {
						if t.Failed() {
							t.Logf("%+v", tb.reports.lines)
						}
					})
					c.ask(t, req)
				}
			}
		})
	}
}

// skipped are the APIs whose handlers may change what the connection is: after them the next request means something else.
var skipped = map[int16]bool{17: true, 36: true}

// randomize fills a struct with values of which some mean something.
func randomize(v reflect.Value, rnd *rand.Rand, id [16]byte, field string) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[kmsg.Tags]() {
			return
		}
		for i := range v.NumField() {
			randomize(v.Field(i), rnd, id, v.Type().Field(i).Name)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([][]byte{nil, {}, batch("a"), []byte("junk")}[rnd.IntN(4)])
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), rnd.IntN(3), 3))
		for i := range v.Len() {
			randomize(v.Index(i), rnd, id, field)
		}
	case reflect.Pointer:
		if rnd.IntN(4) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			randomize(v.Elem(), rnd, id, field)
		}
	case reflect.String:
		v.SetString([]string{"t", "t", "missing", "x", "", "a b", "consumer", "1"}[rnd.IntN(8)])
	case reflect.Array:
		if rnd.IntN(2) == 0 {
			v.Set(reflect.ValueOf(id))
		}
	case reflect.Bool:
		v.SetBool(rnd.IntN(2) == 0)
	default:
		if v.CanInt() {
			v.SetInt([]int64{-1, 0, 0, 1, 1, 2, 5, 100}[rnd.IntN(8)])
		}
	}
}
