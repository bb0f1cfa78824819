package commitlog

import (
	"errors"
	"fmt"
)

// What a caller may be told. Each stands for one of Kafka's error codes, named beside it; errors.Is finds it under the details. All
// of them leave the log as it was, but for ErrOffline.
var (
	ErrCorrupt              = errors.New("record batch is corrupt")                            // CORRUPT_MESSAGE
	ErrInvalidRecord        = errors.New("record batch breaks a rule")                         // INVALID_RECORD
	ErrInvalidTimestamp     = errors.New("record time is out of the allowed range")            // INVALID_TIMESTAMP
	ErrMessageTooLarge      = errors.New("record batch is larger than max.message.bytes")      // MESSAGE_TOO_LARGE
	ErrListTooLarge         = errors.New("record batches are larger than a segment")           // RECORD_LIST_TOO_LARGE
	ErrOutOfOrderSequence   = errors.New("sequence number is out of order")                    // OUT_OF_ORDER_SEQUENCE_NUMBER
	ErrInvalidProducerEpoch = errors.New("producer epoch is older than the newest")            // INVALID_PRODUCER_EPOCH
	ErrCoordinatorFenced    = errors.New("transaction marker comes from a former coordinator") // TRANSACTION_COORDINATOR_FENCED
	ErrInvalidTxnState      = errors.New("record outside a transaction of a producer in one")  // INVALID_TXN_STATE
	ErrOffsetOutOfRange     = errors.New("offset is outside the log")                          // OFFSET_OUT_OF_RANGE
	ErrNoSpace              = errors.New("the disk is full")                                   // KAFKA_STORAGE_ERROR
	ErrOffline              = errors.New("log is offline after an error of its disk")          // KAFKA_STORAGE_ERROR
	ErrClosed               = errors.New("log is closed")                                      // NOT_LEADER_OR_FOLLOWER
)

// ErrUnknownProducer is UNKNOWN_PRODUCER_ID. Since Kafka 2.5 (KIP-360) an append by a producer that the log has forgotten is
// accepted at any sequence number, so Append does not give it; it is what a lookup of such a producer is answered with.
var ErrUnknownProducer = errors.New("producer id is not known")

// DamageError says that the records from First up to, not including, Next cannot be read. It comes beside the Chunk that stands for
// them.
type DamageError struct {
	Path        string
	First, Next int64
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%s: offsets %d to %d are damaged", e.Path, e.First, e.Next-1)
}

func (e *DamageError) Is(target error) bool { return target == ErrCorrupt }

// Finding is damage, or what a crash left, found in a log's files.
type Finding struct {
	// Path is the file, and Pos where in it.
	Path string
	Pos  int64
	// Bytes is how much of it is affected.
	Bytes int64
	// First and Next bound the offsets that are affected, as far as is known; both -1 if none are.
	First, Next int64
	// Cut says that the bytes were cut off: they had never been acknowledged. Otherwise they stay where they are.
	Cut  bool
	What string
}

func (f Finding) String() string {
	s := fmt.Sprintf("%s at %d: %s (%d bytes", f.Path, f.Pos, f.What, f.Bytes)
	if f.First >= 0 {
		s += fmt.Sprintf(", offsets %d to %d", f.First, f.Next-1)
	}
	if f.Cut {
		s += ", cut"
	}
	return s + ")"
}
