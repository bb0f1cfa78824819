package broker

import "github.com/twmb/franz-go/pkg/kerr"

// produceErrors are the errors that Produce may answer with, and whether its client sends the batch again under the same sequence
// numbers. Nothing else leaves the handler: at an error that it does not know the Java client takes the batch for refused, gives the
// next one its sequence numbers under a new epoch, and its user sends the records again (KAFKA-14034): twice, if they are in the log.
//
// Once a batch may be in the log, only errors that repeat are right.
var produceErrors = map[int16]bool{
	kerr.UnknownTopicOrPartition.Code: true, kerr.UnknownTopicID.Code: true, kerr.InconsistentTopicID.Code: true,
	kerr.NotLeaderForPartition.Code: true, kerr.RequestTimedOut.Code: true, kerr.NotEnoughReplicas.Code: true,
	kerr.KafkaStorageError.Code: true, kerr.CorruptMessage.Code: true, kerr.ConcurrentTransactions.Code: true,

	kerr.InvalidTopicException.Code: false, kerr.MessageTooLarge.Code: false, kerr.RecordListTooLarge.Code: false, kerr.InvalidRequiredAcks.Code: false,
	kerr.InvalidTimestamp.Code: false, kerr.InvalidRecord.Code: false, kerr.UnsupportedCompressionType.Code: false,
	kerr.OutOfOrderSequenceNumber.Code: false, kerr.UnknownProducerID.Code: false, kerr.InvalidProducerEpoch.Code: false,
	kerr.InvalidTxnState.Code: false, kerr.InvalidProducerIDMapping.Code: false, kerr.TransactionAbortable.Code: false,
	kerr.TransactionalIDAuthorizationFailed.Code: false, kerr.TopicAuthorizationFailed.Code: false,
	kerr.ClusterAuthorizationFailed.Code: false, kerr.PolicyViolation.Code: false, kerr.RecordListTooLarge.Code: false,
}

// produceCode is the number of an error on Produce; what a producer would misunderstand is a disk's error, which it repeats, and of
// which versions before 4 do not know.
func produceCode(err error, version int16) int16 {
	code := storageCode(err, version >= 4)
	if _, known := produceErrors[code]; !known && code != 0 {
		return storageCode(kerr.KafkaStorageError, version >= 4)
	}
	return code
}
