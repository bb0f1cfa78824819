package broker

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/millrace/millrace/internal/broker/metadata"
	"github.com/millrace/millrace/internal/commitlog"
)

// TestProduceErrorsAreSafe is finding 9 of the reference: an error that a producer does not know makes it duplicate. Whatever error
// there is, Produce's word for it is one that is decided on; and after an append it is one that the producer repeats.
func TestProduceErrorsAreSafe(t *testing.T) {
	for code := int16(-1); code < 200; code++ {
		err := kerr.ErrorForCode(code)
		if err == nil {
			continue
		}
		for _, err := range []error{err, produceError(err), &metadata.Error{Code: kerr.UnknownServerError, Text: err.Error()}} {
			if _, ok := produceErrors[produceCode(err, 9)]; !ok {
				t.Errorf("%v leaves as %d", err, produceCode(err, 9))
			}
		}
	}
	if produceCode(errors.New("whatever"), 9) != kerr.KafkaStorageError.Code || produceCode(kerr.UnknownServerError, 9) != kerr.KafkaStorageError.Code {
		t.Error("an error without a code must be one that the producer repeats")
	}
	// What WaitDurable may say: the batch is written, and perhaps durable.
	for _, after := range []error{commitlog.ErrOffline, commitlog.ErrClosed, context.DeadlineExceeded, context.Canceled} {
		if !produceErrors[produceCode(fmt.Errorf("waiting: %w", after), 9)] {
			t.Errorf("%v after an append is told as final", after)
		}
	}
}

// TestProduceHandlerIsLinted looks for the errors that the handler's files name: each must be decided on in produceErrors.
func TestProduceHandlerIsLinted(t *testing.T) {
	for _, name := range []string{"00_produce.go", "errors.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(".", name), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); !ok || x.Name != "kerr" || sel.Sel.Name == "Error" {
				return true
			}
			if !decided[sel.Sel.Name] {
				t.Errorf("%s names kerr.%s: decide in produce_errors.go whether a producer repeats it, and note it here", name, sel.Sel.Name)
			}
			return true
		})
	}
}

// decided are the names in produceErrors, and those of errors.go that only other APIs meet.
var decided = map[string]bool{
	"UnknownTopicOrPartition": true, "UnknownTopicID": true, "NotLeaderForPartition": true, "RequestTimedOut": true, "KafkaStorageError": true,
	"CorruptMessage": true, "InvalidTopicException": true, "MessageTooLarge": true, "RecordListTooLarge": true, "InvalidRequiredAcks": true, "InvalidTimestamp": true,
	"InvalidRecord": true, "UnsupportedCompressionType": true, "OutOfOrderSequenceNumber": true, "UnknownProducerID": true,
	"InvalidProducerEpoch": true, "InvalidTxnState": true, "InvalidProducerIDMapping": true, "TransactionAbortable": true,
	"TransactionalIDAuthorizationFailed": true, "TopicAuthorizationFailed": true, "ClusterAuthorizationFailed": true,
	// Never on Produce: reading, and markers.
	"OffsetOutOfRange": true, "TransactionCoordinatorFenced": true,
}
