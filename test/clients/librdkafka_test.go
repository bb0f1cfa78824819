package clients

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/millrace/millrace/test/harness"
)

var (
	rdkafkaSummary = regexp.MustCompile(`(?m)^\| (\S+)\s+\|\s+(PASSED|FAILED|SKIPPED) \|\s+\S+ \|(.*)$`)
	rdkafkaVersion = regexp.MustCompile(`(?m)^#define RD_KAFKA_VERSION 0x(..)(..)(..)ff$`)
	escapes        = regexp.MustCompile("\x1b\\[[0-9;]*m")
)

// TestLibrdkafka runs librdkafka's own integration tests against a node, in their quick form; MILLRACE_LIBRDKAFKA names one of them to
// run it alone. Those that fail or are not run are listed, with reasons, in testdata/librdkafka.txt, exactly.
func TestLibrdkafka(t *testing.T) {
	if testing.Short() {
		t.Skip("librdkafka's tests take minutes")
	}
	runRdkafka(t, "classic", "librdkafka.txt")
}

// TestLibrdkafkaConsumer runs them again with every consumer in the consumer protocol (KIP-848); `make clients` asks for it.
func TestLibrdkafkaConsumer(t *testing.T) {
	if os.Getenv("MILLRACE_CLIENTS_LONG") == "" {
		t.Skip("librdkafka's tests in the consumer protocol are part of make clients")
	}
	runRdkafka(t, "consumer", "librdkafka-consumer.txt")
}

// everybody is an authorizer that allows what no ACL speaks of, as librdkafka's own test bench has it.
var everybody = []string{"--set", "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer", "--set", "allow.everyone.if.no.acl.found=true"}

func runRdkafka(t *testing.T, protocol, list string) {
	dir := filepath.Join(harness.Root(), ".peers", "librdkafka")
	if _, err := os.Stat(filepath.Join(dir, ".complete")); err != nil {
		t.Skip("librdkafka's tests are not installed (test/peers/install says why)")
	}
	tools := kafkaPath(t)
	// As in librdkafka's own test bench, members that come at once are in one generation: 0118 wants it.
	s := harness.Serve(t, t.TempDir(), append([]string{"--set", "num.partitions=4", "--set", "group.initial.rebalance.delay.ms=100"}, everybody...)...)
	// runner starts the tests that env chooses; wait gives what they printed, and the summary apart.
	runner := func(env ...string) (wait func() (summary, all string)) {
		// Most of the time they wait: three at a time leave two cores idle.
		cmd := exec.Command(filepath.Join(dir, "tests", "test-runner"), "-L", "-K", "-Q", "-p3")
		cmd.Dir = rdkafkaWork(t, dir, s.Kafka)
		cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+filepath.Join(dir, "src")+":"+filepath.Join(dir, "src-cpp"),
			"TEST_KAFKA_VERSION=4.0.0", "TEST_CONSUMER_GROUP_PROTOCOL="+protocol, "KAFKA_PATH="+tools, "BROKERS="+s.Kafka,
			"CI=true") // its time limits are for a machine that others use as well
		cmd.Env = append(cmd.Env, env...)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return func() (string, string) {
			ended := cmd.Wait()
			summary := escapes.ReplaceAllString(out.String(), "")
			return summary, fmt.Sprintf("%s\n%s\n%v\n", escapes.ReplaceAllString(errs.String(), ""), summary, ended)
		}
	}
	if only := os.Getenv("MILLRACE_LIBRDKAFKA"); only != "" {
		_, all := runner("TESTS="+only, "TEST_LEVEL=2")()
		t.Log(all)
		return
	}
	// 0076 closes a socket that librdkafka goes on to use; in a process with other tests the number may be another's by then.
	together, alone := runner("TESTS_SKIP=0076"), runner("TESTS=0076")
	summary, all := together()
	summary2, all2 := alone()
	known := knownRdkafka(t, list)
	passed, ran := 0, 0
	for _, m := range rdkafkaSummary.FindAllStringSubmatch(summary+summary2, -1) {
		if m[1] == "<MAIN>" || strings.Contains(m[3], "included in TESTS_SKIP list") {
			continue
		}
		ran++
		want, listed := known[m[1]]
		delete(known, m[1])
		switch {
		case m[2] == "PASSED" && !listed:
			passed++
		case m[2] == "SKIPPED" && strings.Contains(m[3], "Filtered due to"):
		case !listed:
			t.Errorf("%s %s:%s", m[1], m[2], m[3])
		case want != m[2]:
			t.Errorf("%s %s, testdata/%s says %s", m[1], m[2], list, want)
		}
	}
	for name := range known {
		t.Errorf("%s is in testdata/%s and was not run", name, list)
	}
	if t.Failed() || ran == 0 {
		log := filepath.Join(harness.Root(), ".peers", "librdkafka-"+protocol+"-run.log")
		t.Errorf("of %d tests %d passed; all they printed is in %s, %v", ran, passed, log, os.WriteFile(log, []byte(all+all2), 0o600))
	}
	header, err := os.ReadFile(filepath.Join(dir, "src", "rdkafka.h"))
	version := rdkafkaVersion.FindSubmatch(header)
	if version == nil {
		t.Fatalf("librdkafka's header does not say its version (%v)", err)
	}
	shows(t, "librdkafka (its own tests)", rdkafkaNumber(version[1:]))("%d of its integration tests, in their quick form and the %s protocol of groups; those that do not pass or are not run, and why: test/clients/testdata/%s", passed, protocol, list)
}

// rdkafkaNumber makes 2.12.0 of 02, 0c and 00.
func rdkafkaNumber(parts [][]byte) string {
	var out []string
	for _, p := range parts {
		n, _ := strconv.ParseUint(string(p), 16, 8)
		out = append(out, strconv.FormatUint(n, 10))
	}
	return strings.Join(out, ".")
}

// rdkafkaWork makes the folder that the tests run in: they look for the sources beside it, and build Java programs in it.
func rdkafkaWork(t *testing.T, dir, address string) string {
	t.Helper()
	root := t.TempDir()
	work := filepath.Join(root, "tests")
	for _, err := range []error{
		os.Symlink(filepath.Join(dir, "src"), filepath.Join(root, "src")),
		os.CopyFS(filepath.Join(work, "java"), os.DirFS(filepath.Join(dir, "tests", "java"))),
		os.Chmod(filepath.Join(work, "java", "run-class.sh"), 0o700),
		os.WriteFile(filepath.Join(work, "Makefile"), []byte(".PHONY: java\njava:\n\t$(MAKE) -C java\n"), 0o600),
		os.WriteFile(filepath.Join(work, "test.conf"), []byte("bootstrap.servers="+address+"\n"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return work
}

// kafkaPath makes the folder of Kafka's scripts that librdkafka's tests call.
func kafkaPath(t *testing.T) string {
	t.Helper()
	command := java(t)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	for script, class := range map[string]string{"kafka-topics.sh": "org.apache.kafka.tools.TopicCommand", "kafka-acls.sh": "org.apache.kafka.tools.AclCommand"} {
		text := fmt.Sprintf("#!/bin/sh\nexec %s %s \"$@\"\n", shellWords(command), class)
		if err := os.WriteFile(filepath.Join(dir, "bin", script), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	libs := filepath.Join(harness.Root(), ".peers", "kafka")
	jvm := command[:len(command)-2] // without its class path
	text := fmt.Sprintf("#!/bin/sh\nexec %s -cp \"$CLASSPATH:%s/*\" \"$@\"\n", shellWords(jvm), libs)
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "bin", "kafka-run-class.sh"), []byte(text), 0o700), os.Symlink(libs, filepath.Join(dir, "libs"))); err != nil {
		t.Fatal(err)
	}
	return dir
}

func shellWords(words []string) string {
	var quoted []string
	for _, w := range words {
		quoted = append(quoted, "'"+strings.ReplaceAll(w, "'", `'\''`)+"'")
	}
	return strings.Join(quoted, " ")
}

// knownRdkafka reads lines of a test's name, how it ends, and why.
func knownRdkafka(t *testing.T, list string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", list))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]string{}
	for _, line := range strings.Split(string(text), "\n") {
		if f := strings.Fields(line); len(f) > 2 && f[0] != "#" {
			known[f[0]] = f[1]
		}
	}
	return known
}
