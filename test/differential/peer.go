package differential

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"reflect"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// patience bounds how long an answer may say "later".
const patience = 20 * time.Second

// peer is a broker that conversations are had with.
type peer struct {
	addr  string
	nc    net.Conn
	next  int32
	names *names
}

func (p *peer) close() {
	if p.nc != nil {
		p.nc.Close()
		p.nc = nil
	}
}

// have has a conversation: answers holds what was answered to each step.
func (p *peer) have(c *conversation) (answers [][]string, err error) {
	p.names = newNames()
	defer p.close()
	for i, s := range c.steps {
		a, err := p.say(s.line)
		if err != nil {
			return nil, fmt.Errorf("step %d, %s: %w", i+1, s.line, err)
		}
		answers = append(answers, a)
	}
	return answers, nil
}

func (p *peer) say(line string) ([]string, error) {
	if id, ok := strings.CutPrefix(line, "settle "); ok {
		return nil, p.settle(strings.TrimSpace(id))
	}
	line, once := cutWord(line, "once")
	req, err := p.request(line)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		resp, err := p.ask(req)
		if err == errClosed {
			return []string{"closed"}, nil
		}
		if err != nil || resp == nil {
			return nil, err
		}
		if once || time.Now().After(end) || !saysLater(reflect.ValueOf(resp).Elem()) {
			canonical(reflect.ValueOf(resp), p.names)
			answer := render(resp, p.names)
			return answer, p.created(req, resp)
		}
	}
}

func cutWord(line, word string) (string, bool) {
	rest, ok := strings.CutPrefix(line, word+" ")
	return rest, ok
}

// request reads a line: name, version, fields.
func (p *peer) request(line string) (kmsg.Request, error) {
	name, rest, _ := strings.Cut(line, " ")
	version, fields, _ := strings.Cut(rest, " ")
	var v int16
	if _, err := fmt.Sscan(version, &v); err != nil {
		return nil, fmt.Errorf("version %q: %w", version, err)
	}
	for key := int16(0); key < 128; key++ {
		req := kmsg.RequestForKey(key)
		if req == nil || !strings.EqualFold(kmsg.NameForKey(key), name) {
			continue
		}
		if d, ok := req.(interface{ Default() }); ok {
			d.Default()
		}
		if err := parseMessage(req, fields, p.names); err != nil {
			return nil, err
		}
		req.SetVersion(v)
		return req, nil
	}
	return nil, fmt.Errorf("no API is called %s", name)
}

var errClosed = fmt.Errorf("the connection was closed")

// ask sends a request and reads its answer, which is nil for a Produce request that wants none.
func (p *peer) ask(req kmsg.Request) (kmsg.Response, error) {
	if p.nc == nil {
		nc, err := net.DialTimeout("tcp", p.addr, patience)
		if err != nil {
			return nil, err
		}
		p.nc = nc
	}
	p.nc.SetDeadline(time.Now().Add(patience))
	p.next++
	if _, err := p.nc.Write(kmsg.NewRequestFormatter(kmsg.FormatterClientID("differential")).AppendRequest(nil, req, p.next)); err != nil {
		return nil, err
	}
	if pr, ok := req.(*kmsg.ProduceRequest); ok && pr.Acks == 0 {
		return nil, nil
	}
	body, err := p.frame()
	if err != nil {
		p.close()
		return nil, errClosed
	}
	if got := int32(binary.BigEndian.Uint32(body)); got != p.next {
		return nil, fmt.Errorf("answer to request %d, want %d", got, p.next)
	}
	body = body[4:]
	if req.IsFlexible() && req.Key() != 18 {
		body = body[1:] // of the header: no tags
	}
	return decode(req, body)
}

// decode reads an answer and wants nothing left over. ApiVersions of an unknown version is answered in version 0.
func decode(req kmsg.Request, body []byte) (kmsg.Response, error) {
	resp := req.ResponseKind()
	err := resp.ReadFrom(body)
	if err == nil && len(resp.AppendTo(nil)) != len(body) {
		err = fmt.Errorf("%d bytes, of which %d are understood", len(body), len(resp.AppendTo(nil)))
	}
	if err != nil && req.Key() == 18 {
		resp.SetVersion(0)
		err = resp.ReadFrom(body)
	}
	return resp, err
}

func (p *peer) frame() ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(p.nc, size[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(size[:]))
	_, err := io.ReadFull(p.nc, body)
	return body, err
}

// later are errors by which a broker asks for patience.
var later = map[int16]bool{
	kerr.ConcurrentTransactions.Code: true, kerr.CoordinatorLoadInProgress.Code: true, kerr.CoordinatorNotAvailable.Code: true,
	kerr.NotCoordinator.Code: true, kerr.LeaderNotAvailable.Code: true,
}

func saysLater(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer:
		return !v.IsNil() && saysLater(v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			if saysLater(v.Index(i)) {
				return true
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Name == "ErrorCode" && later[int16(v.Field(i).Int())] || saysLater(v.Field(i)) {
				return true
			}
		}
	}
	return false
}

// settle waits until a transaction's markers are written.
func (p *peer) settle(id string) error {
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		req := kmsg.NewPtrDescribeTransactionsRequest()
		req.TransactionalIDs = []string{id}
		resp, err := p.ask(req)
		if err != nil {
			return err
		}
		if s := resp.(*kmsg.DescribeTransactionsResponse).TransactionStates[0].State; s != "" && !strings.HasPrefix(s, "Prepare") {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("transaction of %s does not settle", id)
		}
	}
}

// created waits until the partitions of topics that were created are there: Kafka answers before.
func (p *peer) created(req kmsg.Request, resp kmsg.Response) error {
	var names []string
	grown := map[string]int32{}
	switch r := resp.(type) {
	case *kmsg.CreateTopicsResponse:
		for _, t := range r.Topics {
			if t.ErrorCode == 0 && !req.(*kmsg.CreateTopicsRequest).ValidateOnly {
				names = append(names, t.Topic)
			}
		}
	case *kmsg.CreatePartitionsResponse:
		for _, t := range r.Topics {
			if t.ErrorCode == 0 && !req.(*kmsg.CreatePartitionsRequest).ValidateOnly {
				names = append(names, t.Topic)
			}
		}
		for _, t := range req.(*kmsg.CreatePartitionsRequest).Topics {
			grown[t.Topic] = t.Count
		}
	case *kmsg.MetadataResponse:
		for _, t := range req.(*kmsg.MetadataRequest).Topics {
			if t.Topic != nil && req.(*kmsg.MetadataRequest).AllowAutoTopicCreation && req.GetVersion() >= 4 {
				names = append(names, *t.Topic)
			}
		}
	}
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		ready, err := p.ready(names, grown)
		if err != nil || ready {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("topics %q are not ready", names)
		}
	}
}

// ready says whether the partitions of the topics, as many as they have grown to, have leaders that answer.
func (p *peer) ready(names []string, grown map[string]int32) (bool, error) {
	if len(names) == 0 {
		return true, nil
	}
	meta := kmsg.NewPtrMetadataRequest()
	meta.Version = 9
	list := kmsg.NewPtrListOffsetsRequest()
	list.Version, list.ReplicaID = 6, -1
	for _, name := range names {
		meta.Topics = append(meta.Topics, kmsg.MetadataRequestTopic{Topic: &name})
	}
	resp, err := p.ask(meta)
	if err != nil {
		return false, err
	}
	for _, t := range resp.(*kmsg.MetadataResponse).Topics {
		if t.ErrorCode != 0 || int32(len(t.Partitions)) < grown[*t.Topic] {
			return false, nil
		}
		lt := kmsg.NewListOffsetsRequestTopic()
		lt.Topic = *t.Topic
		for _, part := range t.Partitions {
			lp := kmsg.NewListOffsetsRequestTopicPartition()
			lp.Partition, lp.Timestamp = part.Partition, -1
			lt.Partitions = append(lt.Partitions, lp)
		}
		list.Topics = append(list.Topics, lt)
	}
	if resp, err = p.ask(list); err != nil {
		return false, err
	}
	for _, t := range resp.(*kmsg.ListOffsetsResponse).Topics {
		for _, part := range t.Partitions {
			if part.ErrorCode != 0 {
				return false, nil
			}
		}
	}
	return true, nil
}
