package clients

import (
	"testing"

	"github.com/millrace/millrace/test/harness"
)

// TestJavaClients is the conversation of Apache Kafka's own clients, producer, consumer and admin: testdata/Clients.java.
func TestJavaClients(t *testing.T) {
	program := javac(t, "Clients")
	s := harness.Serve(t, t.TempDir(), append([]string{"--set", "group.initial.rebalance.delay.ms=0", "--set", "group.consumer.heartbeat.interval.ms=500"}, everybody...)...)
	told(t, run(t, "", program[0], append(append([]string{}, program[1:]...), s.Kafka)...))
}
