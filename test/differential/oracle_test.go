package differential

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/test/harness"
)

// startKafka starts an Apache Kafka of one node, from its jars, in a directory of the test's.
func startKafka(t testing.TB) string {
	t.Helper()
	libs := filepath.Join(harness.Root(), ".peers", "kafka")
	java, err := exec.LookPath("java")
	if _, serr := os.Stat(filepath.Join(libs, ".complete")); err != nil || serr != nil {
		t.Fatal("Apache Kafka is not installed: run `make peers` (test/peers/install says what it needs)")
	}
	dir := t.TempDir()
	broker, controller := freeAddress(t), freeAddress(t)
	lines := []string{
		"process.roles=broker,controller", "node.id=1", "controller.quorum.voters=1@" + controller, "log.dirs=" + dir + "/data",
		"listeners=PLAINTEXT://" + broker + ",CONTROLLER://" + controller, "advertised.listeners=PLAINTEXT://" + broker,
		"controller.listener.names=CONTROLLER", "inter.broker.listener.name=PLAINTEXT", "offsets.topic.replication.factor=1",
		"transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1", "share.coordinator.state.topic.replication.factor=1",
		"share.coordinator.state.topic.min.isr=1",
	}
	for k, v := range settings {
		lines = append(lines, k+"="+v)
	}
	log4j := "rootLogger.level=INFO\nrootLogger.appenderRef.o.ref=O\nappender.o.type=Console\nappender.o.name=O\nappender.o.layout.type=PatternLayout\nappender.o.layout.pattern=%d %m%n%ex\n"
	config, log := filepath.Join(dir, "server.properties"), filepath.Join(dir, "log4j2.properties")
	for name, text := range map[string]string{config: strings.Join(lines, "\n"), log: log4j} {
		if err := os.WriteFile(name, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	class := func(args ...string) *exec.Cmd {
		cmd := exec.Command(java, append([]string{"-Xmx512m", "-Dlog4j2.configurationFile=" + log, "-cp", filepath.Join(libs, "*")}, args...)...)
		cmd.Dir = dir
		return cmd
	}
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
		if t.Failed() {
			t.Logf("Kafka said:\n%s", tail(out.String(), 4000))
		}
	})
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if nc, err := net.Dial("tcp", broker); err == nil {
			nc.Close()
			return broker
		}
		if time.Now().After(end) {
			t.Fatal("Kafka did not start")
		}
	}
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

func freeAddress(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr())
}
