package broker

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/millrace/millrace/internal/broker/metadata"
	"github.com/millrace/millrace/internal/commitlog"
)

// logErrors are the protocol's words for what a log says.
var logErrors = []struct {
	err  error
	code *kerr.Error
}{
	{commitlog.ErrCorrupt, kerr.CorruptMessage},
	{commitlog.ErrInvalidRecord, kerr.InvalidRecord},
	{commitlog.ErrInvalidTimestamp, kerr.InvalidTimestamp},
	{commitlog.ErrMessageTooLarge, kerr.MessageTooLarge},
	{commitlog.ErrListTooLarge, kerr.RecordListTooLarge},
	{commitlog.ErrOutOfOrderSequence, kerr.OutOfOrderSequenceNumber},
	{commitlog.ErrInvalidProducerEpoch, kerr.InvalidProducerEpoch},
	{commitlog.ErrCoordinatorFenced, kerr.TransactionCoordinatorFenced},
	{commitlog.ErrInvalidTxnState, kerr.InvalidTxnState},
	{commitlog.ErrUnknownProducer, kerr.UnknownProducerID},
	{commitlog.ErrOffsetOutOfRange, kerr.OffsetOutOfRange},
	{commitlog.ErrNoSpace, kerr.KafkaStorageError},
	{commitlog.ErrOffline, kerr.KafkaStorageError},
	{commitlog.ErrClosed, kerr.NotLeaderForPartition},
	{context.DeadlineExceeded, kerr.RequestTimedOut},
	{context.Canceled, kerr.NotLeaderForPartition},
}

// protocolError finds the protocol's word for an error. What has none is a disk's error: on Produce an unknown server error would
// make the Java client send again under new sequence numbers (KAFKA-14034), and so twice.
func protocolError(err error) *kerr.Error {
	var code *kerr.Error
	if errors.As(err, &code) {
		return code
	}
	for _, e := range logErrors {
		if errors.Is(err, e.err) {
			return e.code
		}
	}
	return kerr.KafkaStorageError
}

// codeOf is the number of an error, 0 for nil.
func codeOf(err error) int16 {
	if err == nil {
		return 0
	}
	return protocolError(err).Code
}

// storageCode is codeOf for a version that may be older than KAFKA_STORAGE_ERROR (KIP-112): it is told to look for the leader again.
func storageCode(err error, known bool) int16 {
	code := codeOf(err)
	if code == kerr.KafkaStorageError.Code && !known {
		return kerr.NotLeaderForPartition.Code
	}
	return code
}

// messageOf is the sentence that goes beside the number; nil for no error.
func messageOf(err error) *string {
	if err == nil {
		return nil
	}
	text := err.Error()
	var detailed *metadata.Error
	if errors.As(err, &detailed) {
		text = detailed.Text
	} else if code := (*kerr.Error)(nil); errors.As(err, &code) {
		text = code.Description
	}
	return &text
}
