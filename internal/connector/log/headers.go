package log

import (
	"fmt"

	"github.com/millrace/millrace/internal/vec"
	"github.com/millrace/millrace/internal/wire"
)

// The metadata column headers is a MAP<STRING, BYTES>, as in Flink: of headers with the
// same key the last counts, one without a value is NULL; on the way out an entry whose key
// or value is NULL is left out.

// maxLinear is how many headers are compared one by one to find a key given twice.
const maxLinear = 16

// appendHeaders appends the MAP of a record's headers.
func appendHeaders(b *vec.Builder, headers wire.RawHeaders) {
	last := lastOf(headers)
	for n := 0; ; n++ {
		rest := headers
		key, value, ok := headers.Next()
		if !ok {
			break
		}
		if last != nil && last[string(key)] != n || last == nil && again(rest, key) {
			continue
		}
		b.Kid(0).AppendBytes(key)
		if value == nil {
			b.Kid(1).AppendNull()
		} else {
			b.Kid(1).AppendBytes(value)
		}
	}
	b.Close()
}

// again says whether the key of the first of the headers is given again behind it.
func again(headers wire.RawHeaders, first []byte) bool {
	headers.Next()
	for {
		key, _, ok := headers.Next()
		if !ok || string(key) == string(first) {
			return ok
		}
	}
}

// lastOf is the place of each key's last header; nil if there are few.
func lastOf(headers wire.RawHeaders) map[string]int {
	if headers.Len() <= maxLinear {
		return nil
	}
	last := make(map[string]int, headers.Len())
	for n := 0; ; n++ {
		key, _, ok := headers.Next()
		if !ok {
			return last
		}
		last[string(key)] = n
	}
}

// recordMeta are the metadata that a writer takes from a row.
type recordMeta struct {
	timestamp int // position of the column in a batch, -1: none
	headers   int
	names     map[string]string // keys of headers, so that each is made once
	scratch   []wire.Header
}

// maxNames is how many keys of headers are remembered.
const maxNames = 1000

// of gives a row's timestamp, now if it has none, and its headers, which are valid until
// the next call.
func (m *recordMeta) of(b *vec.Batch, r int, now int64) (ts int64, headers []wire.Header, err error) {
	ts = now
	if m.timestamp >= 0 && !b.Cols[m.timestamp].IsNull(r) {
		// As Kafka's producer: what is below zero is no time of a record.
		if ts = b.Cols[m.timestamp].I64[r]; ts < 0 {
			return 0, nil, fmt.Errorf("the timestamp of a record cannot be before 1970, and is %d ms", ts)
		}
	}
	if m.headers < 0 || b.Cols[m.headers].IsNull(r) {
		return ts, nil, nil
	}
	v := b.Cols[m.headers]
	keys, values := v.Kids[0], v.Kids[1]
	m.scratch = m.scratch[:0]
	for k := int(v.Off[r]); k < int(v.Off[r+1]); k++ {
		if !keys.IsNull(k) && !values.IsNull(k) {
			m.scratch = append(m.scratch, wire.Header{Key: m.name(keys.Bytes(k)), Value: values.Bytes(k)})
		}
	}
	return ts, m.scratch, nil
}

func (m *recordMeta) name(key []byte) string {
	if s, ok := m.names[string(key)]; ok {
		return s
	}
	if m.names == nil || len(m.names) >= maxNames {
		m.names = map[string]string{}
	}
	s := string(key)
	m.names[s] = s
	return s
}
