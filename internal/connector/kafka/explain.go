package kafka

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// explain says which cluster an error is of, and what a person may do about it.
func explain(c *config, err error) error {
	hint := ""
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		hint = "; create the topic, or correct the option 'topic'"
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.GroupAuthorizationFailed), errors.Is(err, kerr.TransactionalIDAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed):
		hint = "; give the user an ACL, or name another one in 'properties.sasl.jaas.config'"
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		hint = "; correct 'properties.sasl.jaas.config'"
	case errors.Is(err, kerr.ProducerFenced), errors.Is(err, kerr.InvalidProducerEpoch):
		hint = "; another instance of this job has taken over, or the transaction took longer than 'properties.transaction.timeout.ms'"
	case errors.Is(err, kerr.InvalidTransactionTimeout):
		hint = "; lower 'properties.transaction.timeout.ms', or raise the cluster's transaction.max.timeout.ms"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, kgo.ErrRecordTimeout), unreachable(err):
		hint = fmt.Sprintf("; it did not answer for %v: check '%s'", c.patience, bootstrap)
	}
	return fmt.Errorf("%s: %w%s", c.where(), err, hint)
}

// unreachable says whether an error is of the way to a broker, and not a broker's.
func unreachable(err error) bool {
	var k *kerr.Error
	return !errors.As(err, &k) && !errors.Is(err, context.Canceled) && !strings.Contains(err.Error(), "SASL")
}
