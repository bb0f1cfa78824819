package differential

import (
	"testing"

	"github.com/millrace/millrace/test/harness"
)

// startKafka starts the oracle. Who asked for it must have it.
func startKafka(t testing.TB) string {
	t.Helper()
	if _, err := harness.KafkaLibs(); err != nil {
		t.Fatal(err)
	}
	return harness.StartKafka(t, []string{"-Xmx512m"}, settings).Addr
}
