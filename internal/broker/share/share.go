// Package share decides for share groups (KIP-932): who is a member and reads which partitions (Group), which records of a partition are
// given to whom and what has become of them (Partition), what of that is kept in __share_group_state (State), and who fetches (Sessions).
// All are pure state machines: a method takes a command and the time, changes memory, and says what must be written.
//
// A record of a share partition:
//
//	            fetch                 accept
//	Available ────────▶ Acquired ────────────────▶ Acknowledged
//	    ▲                │    │ reject, gap
//	    └────────────────┘    └──────────────────▶ Archived
//	      release, lock over,      release or lock over after the last delivery
//	      session over
//
// Acquired is known to memory only: after a restart such a record is available again, with the deliveries that were written.
package share

import (
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
)

// ErrRecord is a record of a share group that cannot be read.
var ErrRecord = errors.New("malformed record of a share group")

// TopicID is a topic's id.
type TopicID = [16]byte

// Key names a share partition: what one group has of one partition.
type Key struct {
	Group     string
	Topic     TopicID
	Partition int32
}

// String is the key as Kafka finds its place in __share_group_state by.
func (k Key) String() string {
	return fmt.Sprintf("%s:%s:%d", k.Group, base64.RawURLEncoding.EncodeToString(k.Topic[:]), k.Partition)
}

// Record is a key and value of an internal topic; a nil value is a tombstone.
type Record struct{ Key, Value []byte }

// Fault is an error with the sentence that Kafka puts beside its code.
type Fault struct {
	Code *kerr.Error
	Text string
}

// Error implements error.
func (f *Fault) Error() string { return f.Text }

// Unwrap gives the code.
func (f *Fault) Unwrap() error { return f.Code }

func faultf(code *kerr.Error, format string, args ...any) error {
	return &Fault{code, fmt.Sprintf(format, args...)}
}
