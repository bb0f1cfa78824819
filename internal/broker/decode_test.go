package broker

import (
	"bytes"
	"reflect"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/internal/vfs"
)

// FuzzDecodeProduce holds the decoder against kmsg's: what kmsg writes it reads alike, and nothing makes it panic.
func FuzzDecodeProduce(f *testing.F) {
	for v := int16(3); v <= 13; v++ {
		f.Add(v, produceRequestOf("t", v, batch("a")).AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, version int16, body []byte) {
		if version < 3 || version > 13 {
			return
		}
		p, err := decodeProduce(body, version)
		if streamed, again := decodeProduceStreamed(body, version); (again == nil) != (err == nil) || err == nil && !reflect.DeepEqual(p, streamed) {
			t.Fatalf("as it comes: %+v, %v, want %+v, %v", streamed, again, p, err)
		}
		if err != nil {
			return
		}
		want := kmsg.NewPtrProduceRequest()
		want.Version = version
		if err := want.ReadFrom(body); err != nil {
			return // kmsg looks into tags, which are passed over here
		}
		if p.acks != want.Acks || p.transactional != (want.TransactionID != nil) || len(p.topics) != len(want.Topics) {
			t.Fatalf("%+v, want %+v", p, want)
		}
		for i, topic := range want.Topics {
			if p.topics[i].name != topic.Topic || p.topics[i].id != topic.TopicID || len(p.topics[i].parts) != len(topic.Partitions) {
				t.Fatalf("topic %d: %+v, want %+v", i, p.topics[i], topic)
			}
			for j, part := range topic.Partitions {
				if got := p.topics[i].parts[j]; got.index != part.Partition || string(got.records) != string(part.Records) {
					t.Fatalf("topic %d partition %d: %+v, want %+v", i, j, got, part)
				}
			}
		}
	})
}

func decodeProduce(body []byte, version int16) (*produceRequest, error) {
	p, r := &produceRequest{version: version}, &reader{b: body}
	p.decodeHeader(r)
	return p, p.decodeTopics(r, nil, nil)
}

// decodeProduceStreamed decodes a request while it comes, and keeps what came.
func decodeProduceStreamed(body []byte, version int16) (*produceRequest, error) {
	var f frame
	f.begin(bytes.NewReader(body), &framePool{}, len(body))
	defer f.end()
	p, r := &produceRequest{version: version}, &reader{frame: &f}
	p.decodeHeader(r)
	return p, p.decodeTopics(r, nil, func(_ *produceTopic, part *producePartition) { part.records = bytes.Clone(part.records) })
}

// FuzzDecodeFetch is the same for Fetch.
func FuzzDecodeFetch(f *testing.F) {
	b, err := Open(Config{FS: vfs.NewMem(), Dir: "/data"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { b.Close() })
	for v := int16(4); v <= 18; v++ {
		req := kmsg.NewPtrFetchRequest()
		req.Version = v
		fill(req, [16]byte{1}, v)
		req.ForgottenTopics = append(req.ForgottenTopics, kmsg.FetchRequestForgottenTopic{Topic: "f", Partitions: []int32{1, 2}})
		f.Add(v, req.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, version int16, body []byte) {
		if version < 4 || version > 18 {
			return
		}
		got, err := (&call{Broker: b, version: version}).decodeFetch(body)
		if err != nil {
			return
		}
		want := kmsg.NewPtrFetchRequest()
		want.Version = version
		if err := want.ReadFrom(body); err != nil {
			return
		}
		if got.minBytes != int(want.MinBytes) || got.maxBytes != int(want.MaxBytes) || got.committed != (want.IsolationLevel == 1) ||
			version >= 7 && (got.sessionID != want.SessionID || got.sessionEpoch != want.SessionEpoch) ||
			version <= 14 && got.replica != want.ReplicaID || version >= 15 && got.replica != want.ReplicaState.ID || len(got.topics) != len(want.Topics) {
			t.Fatalf("%+v, want %+v", got, want)
		}
		var forgotten []sessionKey
		for _, t := range want.ForgottenTopics {
			for _, p := range t.Partitions {
				forgotten = append(forgotten, sessionKey{t.Topic, t.TopicID, p})
			}
		}
		if !slices.Equal(got.forgotten, forgotten) {
			t.Fatalf("forgotten %v, want %v", got.forgotten, forgotten)
		}
		for i, topic := range want.Topics {
			if got.topics[i].name != topic.Topic || got.topics[i].id != topic.TopicID || len(got.topics[i].parts) != len(topic.Partitions) {
				t.Fatalf("topic %d: %+v, want %+v", i, got.topics[i], topic)
			}
			for j, part := range topic.Partitions {
				p := got.topics[i].parts[j]
				if p.index != part.Partition || p.offset != part.FetchOffset || p.maxBytes != int(part.PartitionMaxBytes) || p.epoch != part.CurrentLeaderEpoch ||
					version >= 12 && p.lastEpoch != part.LastFetchedEpoch {
					t.Fatalf("topic %d partition %d: %+v, want %+v", i, j, p, part)
				}
			}
		}
	})
}
