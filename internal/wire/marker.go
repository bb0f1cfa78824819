package wire

import (
	"encoding/binary"
	"fmt"
)

// Marker is the end of a transaction: a control batch of one record, after which a reader knows what became of everything that its
// producer wrote before it.
//
//	key:   +-----------+--------------------------+    value: +-----------+---------------------+
//	       | version 2 | type 2: 0 abort 1 commit |           | version 2 | coordinator epoch 4 |
//	       +-----------+--------------------------+           +-----------+---------------------+
type Marker struct {
	Commit           bool
	CoordinatorEpoch int32
}

const (
	markerAbort  = 0
	markerCommit = 1
)

// BuildMarker makes the control batch that ends a transaction.
func BuildMarker(pid int64, epoch int16, commit bool, coordinatorEpoch int32, ts int64) []byte {
	kind := byte(markerAbort)
	if commit {
		kind = markerCommit
	}
	var value [6]byte
	binary.BigEndian.PutUint32(value[2:], uint32(coordinatorEpoch))
	b := NewBuilder(make([]byte, 0, HeaderSize+24))
	b.SetProducer(pid, epoch, -1)
	b.SetTransactional(true)
	b.setControl()
	b.Append(ts, []byte{0, 0, 0, kind}, value[:], nil)
	return b.Bytes()
}

// ParseMarker reads a control batch. Control records of other types than commit and abort, which Kafka's quorum writes, are an error.
func ParseMarker(b Batch) (Marker, error) {
	if !b.IsControl() {
		return Marker{}, fmt.Errorf("%w: not a control batch", ErrRecord)
	}
	it := Records(b, nil)
	if !it.Next() {
		return Marker{}, fmt.Errorf("%w: control batch without a record", ErrRecord)
	}
	r := it.Record()
	if len(r.Key) < 4 || len(r.Value) < 6 {
		return Marker{}, fmt.Errorf("%w: short control record", ErrRecord)
	}
	kind := binary.BigEndian.Uint16(r.Key[2:])
	if kind != markerAbort && kind != markerCommit {
		return Marker{}, fmt.Errorf("%w: control record of type %d", ErrRecord, kind)
	}
	return Marker{Commit: kind == markerCommit, CoordinatorEpoch: int32(binary.BigEndian.Uint32(r.Value[2:]))}, nil
}
