package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Kafka is an Apache Kafka of one node that answers.
type Kafka struct {
	Addr  string
	Data  string // its log.dirs
	PID   int
	Ready time.Duration // from the formatting of its directory on
}

// KafkaLibs is the folder of Apache Kafka's jars, if they and Java are there.
func KafkaLibs() (string, error) {
	libs := filepath.Join(Root(), ".peers", "kafka")
	_, err := os.Stat(filepath.Join(libs, ".complete"))
	if _, jerr := exec.LookPath("java"); err != nil || jerr != nil {
		return "", errors.New("Apache Kafka is not installed: run `make peers` (test/peers/install says what it needs)")
	}
	return libs, nil
}

// StartKafka starts Apache Kafka in a directory of the test's, with settings over those
// that one node needs, and ends it with the test, which is skipped where it is not
// installed. jvm are the virtual machine's options.
func StartKafka(t testing.TB, jvm []string, settings map[string]string) *Kafka {
	t.Helper()
	libs, err := KafkaLibs()
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	k := &Kafka{Addr: Address(t), Data: filepath.Join(dir, "data")}
	config, log := filepath.Join(dir, "server.properties"), filepath.Join(dir, "log4j2.properties")
	for name, text := range map[string]string{config: kafkaConfig(k, Address(t), settings), log: kafkaLog} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	class := func(args ...string) *exec.Cmd {
		cmd := exec.Command("java", append(append([]string{"-Dlog4j2.configurationFile=" + log, "-cp", filepath.Join(libs, "*")}, jvm...), args...)...)
		cmd.Dir = dir
		return cmd
	}
	begin := time.Now()
	if out, err := class("kafka.tools.StorageTool", "format", "-t", "bWlsbHJhY2UtZGlmZmVyZQ", "-c", config).CombinedOutput(); err != nil {
		t.Fatalf("formatting: %v\n%s", err, out)
	}
	server := class("kafka.Kafka", config)
	var out bytes.Buffer
	server.Stdout, server.Stderr = &out, &out
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Kill()
		server.Wait()
		if said := out.String(); t.Failed() {
			t.Logf("Kafka said:\n%s", said[max(0, len(said)-4000):])
		}
	})
	k.PID = server.Process.Pid
	awaitBroker(t, k.Addr)
	k.Ready = time.Since(begin)
	return k
}

// awaitBroker waits until a broker answers.
func awaitBroker(t testing.TB, addr string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Minute)
	defer stop()
	for cl.Ping(ctx) != nil {
		if ctx.Err() != nil {
			t.Fatal("Kafka does not answer")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

const kafkaLog = `rootLogger.level=WARN
rootLogger.appenderRef.o.ref=O
appender.o.type=Console
appender.o.name=O
appender.o.layout.type=PatternLayout
appender.o.layout.pattern=%d %m%n%ex
`

func kafkaConfig(k *Kafka, controller string, settings map[string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@%[2]s
listeners=PLAINTEXT://%[1]s,CONTROLLER://%[2]s
advertised.listeners=PLAINTEXT://%[1]s
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=%[3]s
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
`, k.Addr, controller, k.Data)
	for name, value := range settings {
		fmt.Fprintf(&b, "%s=%s\n", name, value)
	}
	return b.String()
}
