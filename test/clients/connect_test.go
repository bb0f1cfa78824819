package clients

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/millrace/millrace/test/harness"
)

// connectWorker is a process of Kafka Connect.
type connectWorker struct {
	*program
	url string
}

var restListens = regexp.MustCompile(`REST server listening at (http://[^/]+)/`)

// connect starts a worker and waits until its REST interface answers. Its arguments are the class, the worker's properties, and those
// of connectors, each a text.
func connect(t *testing.T, class string, properties ...string) *connectWorker {
	t.Helper()
	jvm := java(t)
	dir := t.TempDir()
	logs := filepath.Join(dir, "log4j2.properties")
	text := `rootLogger.level=WARN
rootLogger.appenderRef.o.ref=O
logger.rest.name=org.apache.kafka.connect.runtime.rest.RestServer
logger.rest.level=INFO
appender.o.type=Console
appender.o.name=O
`
	if err := os.WriteFile(logs, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	command := append(append([]string{}, jvm[:len(jvm)-2]...), "-Dlog4j2.configurationFile="+logs)
	command = append(command, jvm[len(jvm)-2:]...)
	args := []string{"org.apache.kafka.connect.cli." + class}
	for i, p := range properties {
		path := filepath.Join(dir, fmt.Sprintf("%d.properties", i))
		if err := os.WriteFile(path, []byte(p), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	w := &connectWorker{program: launch(t, command, args...)}
	await(t, "Connect's REST interface", func() bool {
		m := restListens.FindStringSubmatch(w.out.String())
		if m == nil {
			select {
			case <-w.done:
				t.Fatalf("Connect ended:\n%s", w.out.String())
			default:
				return false
			}
		}
		w.url = m[1]
		code, _ := w.try("GET", "/connectors", nil)
		return code == http.StatusOK
	})
	return w
}

// try asks the REST interface.
func (w *connectWorker) try(method, path string, body any) (int, string) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, err.Error()
	}
	if body == nil {
		text = nil
	}
	req, err := http.NewRequest(method, w.url+path, bytes.NewReader(text))
	if err != nil {
		return 0, err.Error()
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	out, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(out)
}

// ask asks until the worker is done with what it is at (409: a rebalance) and answers well.
func (w *connectWorker) ask(t *testing.T, method, path string, body any) string {
	t.Helper()
	var out string
	await(t, method+" "+path, func() bool {
		var code int
		code, out = w.try(method, path, body)
		if code >= 400 && code != http.StatusConflict && code != http.StatusNotFound && code != http.StatusInternalServerError {
			t.Fatalf("%s %s: %d %s", method, path, code, out)
		}
		return code >= 200 && code < 300
	})
	return out
}

// goOn starts the source's task again if Kafka's Java producer has failed it by a race of
// its own: at transaction.version 2 its sender asks whether batches are incomplete, and
// then takes the next request; records that are sent and a commit that is called between
// the two let EndTxn overtake the records, and a coordinator (Kafka's too) answers
// INVALID_TXN_STATE to the commit of nothing, which that producer does not survive. It
// was seen once, on a machine with far more to do than it could. Nothing of the
// transaction was written, so that every line is still there once.
func (w *connectWorker) goOn(t *testing.T) {
	t.Helper()
	_, out := w.try("GET", "/connectors/source/status", nil)
	if strings.Contains(out, `"FAILED"`) && strings.Contains(out, "InvalidTxnStateException") {
		t.Log("the source's producer has let EndTxn overtake its records; its task is started again")
		w.try("POST", "/connectors/source/tasks/0/restart", nil)
	}
}

// settles waits until a connector and its tasks are in a state.
func (w *connectWorker) settles(t *testing.T, connector, state string, tasks int) {
	t.Helper()
	var out string
	await(t, connector+" to be "+state, func() bool {
		_, out = w.try("GET", "/connectors/"+connector+"/status", nil)
		var status struct {
			Connector struct{ State string }
			Tasks     []struct{ State, Trace string }
		}
		if json.Unmarshal([]byte(out), &status) != nil || status.Connector.State != state || len(status.Tasks) != tasks {
			return false
		}
		for _, task := range status.Tasks {
			if task.State == "FAILED" {
				t.Fatalf("%s: %s", connector, task.Trace)
			}
			if task.State != state {
				return false
			}
		}
		return true
	})
}

// numbered makes lines from one number to another.
func numbered(from, to int) []string {
	var out []string
	for i := from; i < to; i++ {
		out = append(out, fmt.Sprintf("line %06d of the file", i))
	}
	return out
}

func appendLines(t *testing.T, path string, lines []string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(strings.Join(lines, "\n") + "\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func fileLines(path string) []string {
	text, _ := os.ReadFile(path)
	if len(text) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

const connectCommon = `bootstrap.servers=%s
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
listeners=http://127.0.0.1:0
plugin.discovery=service_load
offset.flush.interval.ms=200
consumer.session.timeout.ms=6000
consumer.heartbeat.interval.ms=500
`

// TestConnectStandalone: a file goes through a topic into another file; a worker that is stopped and started goes on where it was.
func TestConnectStandalone(t *testing.T) {
	java(t)
	if testing.Short() {
		t.Skip("Kafka Connect takes half a minute")
	}
	show := shows(t, "Kafka Connect", javaVersion)
	node := harness.Serve(t, t.TempDir())
	dir := t.TempDir()
	source, sink := filepath.Join(dir, "source.txt"), filepath.Join(dir, "sink.txt")
	worker := fmt.Sprintf(connectCommon, node.Kafka) + "offset.storage.file.filename=" + filepath.Join(dir, "offsets") + "\n"
	from := "name=source\nconnector.class=FileStreamSource\ntasks.max=1\ntopic=lines\nfile=" + source + "\n"
	to := "name=sink\nconnector.class=FileStreamSink\ntasks.max=1\ntopics=lines\nfile=" + sink + "\n"
	appendLines(t, source, numbered(0, 500))
	for turn := range 2 {
		w := connect(t, "ConnectStandalone", worker, from, to)
		await(t, "the lines", func() bool { return len(fileLines(sink)) >= 500*(turn+1) })
		w.stop(t)
		equal(t, "the sink's file", fileLines(sink), numbered(0, 500*(turn+1)))
		if turn == 0 {
			appendLines(t, source, numbered(500, 1000))
		}
	}
	show("standalone: FileStreamSource, a topic, FileStreamSink; stopped and started it goes on where it was")
}

// TestConnectDistributed: the same with a worker that keeps itself in three topics, exactly once for the source: worker and node are
// killed; offsets of source and sink are read and reset through REST.
func TestConnectDistributed(t *testing.T) {
	java(t)
	if testing.Short() {
		t.Skip("Kafka Connect takes a minute")
	}
	show := shows(t, "Kafka Connect", javaVersion)
	data, dir := t.TempDir(), t.TempDir()
	addr := harness.Address(t)
	node := harness.Serve(t, data, "--kafka", addr, "--set", "group.initial.rebalance.delay.ms=0")
	source, sink := filepath.Join(dir, "source.txt"), filepath.Join(dir, "sink.txt")
	worker := fmt.Sprintf(connectCommon, addr) + `group.id=connect
config.storage.topic=connect-configs
offset.storage.topic=connect-offsets
status.storage.topic=connect-status
config.storage.replication.factor=1
offset.storage.replication.factor=1
status.storage.replication.factor=1
offset.storage.partitions=3
status.storage.partitions=2
exactly.once.source.support=enabled
scheduled.rebalance.max.delay.ms=0
session.timeout.ms=6000
heartbeat.interval.ms=500
consumer.isolation.level=read_committed
`
	connector := func(class string, more map[string]string) map[string]string {
		more["connector.class"], more["tasks.max"] = class, "1"
		return more
	}
	appendLines(t, source, numbered(0, 500))
	w := connect(t, "ConnectDistributed", worker)
	w.ask(t, "PUT", "/connectors/source/config", connector("FileStreamSource", map[string]string{"file": source, "topic": "lines", "batch.size": "50", "exactly.once.support": "required"}))
	w.ask(t, "PUT", "/connectors/sink/config", connector("FileStreamSink", map[string]string{"file": sink, "topics": "lines"}))
	await(t, "the first lines", func() bool { return len(fileLines(sink)) >= 500 })
	equal(t, "the sink's file", fileLines(sink), numbered(0, 500))
	policies(t, addr, "connect-configs", "connect-offsets", "connect-status")
	show("distributed: FileStreamSource, a topic, FileStreamSink by REST; its three topics are compacted ones")

	seen := follow(t, addr, "lines")
	appendLines(t, source, numbered(500, 5000))
	await(t, "some of the lines", func() bool { return seen.count() > 600 })
	w.kill()
	w = connect(t, "ConnectDistributed", worker)
	await(t, "all lines after the worker was killed", func() bool {
		if seen.count() >= 5000 {
			return true
		}
		w.goOn(t)
		return false
	})
	node.Kill()
	harness.Serve(t, data, "--kafka", addr, "--set", "group.initial.rebalance.delay.ms=0")
	appendLines(t, source, numbered(5000, 6000))
	await(t, "all lines after the node was killed", func() bool {
		if seen.count() >= 6000 {
			return true
		}
		w.goOn(t)
		return false
	})
	equal(t, "the topic", values(t, addr, "lines"), numbered(0, 6000))
	show("distributed with exactly.once.source.support: worker and node killed with SIGKILL, each line once in the topic")

	w.ask(t, "PUT", "/connectors/source/stop", nil)
	w.settles(t, "source", "STOPPED", 0)
	if out := w.ask(t, "GET", "/connectors/source/offsets", nil); !strings.Contains(out, `"position":`+fmt.Sprint(size(t, source))) {
		t.Errorf("the source's offsets: %s", out)
	}
	w.ask(t, "DELETE", "/connectors/source/offsets", nil)
	w.ask(t, "PUT", "/connectors/source/resume", nil)
	await(t, "all lines again", func() bool { return seen.count() >= 12000 })
	equal(t, "the topic", values(t, addr, "lines"), append(numbered(0, 6000), numbered(0, 6000)...))

	await(t, "the sink's offset", func() bool {
		return strings.Contains(w.ask(t, "GET", "/connectors/sink/offsets", nil), `"kafka_offset":`)
	})
	w.ask(t, "PUT", "/connectors/sink/stop", nil)
	w.settles(t, "sink", "STOPPED", 0)
	if err := os.Remove(sink); err != nil {
		t.Fatal(err)
	}
	w.ask(t, "DELETE", "/connectors/sink/offsets", nil)
	w.ask(t, "PUT", "/connectors/sink/resume", nil)
	await(t, "the sink's lines again", func() bool { return len(fileLines(sink)) >= 12000 })
	equal(t, "the sink's file", fileLines(sink), append(numbered(0, 6000), numbered(0, 6000)...))
	w.ask(t, "DELETE", "/connectors/sink", nil)
	w.ask(t, "DELETE", "/connectors/source", nil)
	await(t, "no connector", func() bool { return w.ask(t, "GET", "/connectors", nil) == "[]" })
	w.stop(t)
	show("distributed: offsets of a source and of a sink read and reset by REST, connectors deleted")
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func values(t *testing.T, addr, topic string) (out []string) {
	t.Helper()
	for _, r := range harness.Records(t, addr, topic) {
		out = append(out, string(r.Value))
	}
	return out
}

// policies checks that topics are compacted ones.
func policies(t *testing.T, addr string, topics ...string) {
	t.Helper()
	req := kmsg.NewPtrDescribeConfigsRequest()
	for _, topic := range topics {
		r := kmsg.NewDescribeConfigsRequestResource()
		r.ResourceType, r.ResourceName, r.ConfigNames = kmsg.ConfigResourceTypeTopic, topic, []string{"cleanup.policy"}
		req.Resources = append(req.Resources, r)
	}
	for _, r := range admin[*kmsg.DescribeConfigsResponse](t, addr, req).Resources {
		if r.ErrorCode != 0 || len(r.Configs) != 1 || *r.Configs[0].Value != "compact" {
			t.Errorf("cleanup.policy of %s: %v", r.ResourceName, r.Configs)
		}
	}
}
