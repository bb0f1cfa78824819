package commitlog

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/vfs"
	"github.com/millrace/millrace/internal/wire"
	"github.com/millrace/millrace/test/harness"
)

// TestKafkaReadsIt has Kafka's own dump tool read and check a log's files. It runs where Kafka's jars are in .peers/kafka.
func TestKafkaReadsIt(t *testing.T) {
	libs := kafkaLibs(t)
	dir := filepath.Join(t.TempDir(), "topic-0")
	records := writeForKafka(t, dir)
	text := dumpLog(t, libs, dir, logSuffix, indexSuffix, timeSuffix, txnSuffix, snapshotSuffix)
	// It says "-1 is followed by N" of any segment that does not begin with offset 0, Kafka's own too.
	if gap := regexp.MustCompile(`(?m)^\s*\d+ is followed by \d+`).FindString(text); gap != "" {
		t.Errorf("Kafka finds a gap: %s", gap)
	}
	if n := len(regexp.MustCompile(`(?m)^\| offset: `).FindAllString(text, -1)); n != records {
		t.Errorf("Kafka reads %d records of %d", n, records)
	}
	mustRead(t, text, "producerId: 7 producerEpoch: 1 coordinatorEpoch: 3", "firstOffset: ", "endTxnMarker: ABORT")
}

// kafkaLibs is the folder of Kafka's jars; without it, or in a short run, the test is skipped.
func kafkaLibs(t *testing.T) string {
	t.Helper()
	libs, err := harness.KafkaLibs()
	if err != nil || testing.Short() {
		t.Skip("without Kafka's dump tool: ", err)
	}
	return libs
}

// dumpLog has Kafka's dump tool read all of a log's files of some kinds, of each of which there is one at least, and gives what it
// prints, which has no complaint.
func dumpLog(t *testing.T, libs, dir string, suffixes ...string) string {
	t.Helper()
	var files []string
	for _, suffix := range suffixes {
		found, _ := filepath.Glob(filepath.Join(dir, "*"+suffix))
		if len(found) == 0 {
			t.Errorf("no file ends with %s", suffix)
		}
		files = append(files, found...)
	}
	out, err := exec.Command("java", "-cp", filepath.Join(libs, "*"), "org.apache.kafka.tools.DumpLogSegments", "--deep-iteration", "--files",
		strings.Join(files, ",")).CombinedOutput()
	text := string(out)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, complaint := range []string{"Found timestamp mismatch", "Mismatches in", "isvalid: false", "rror", "xception"} {
		if i := strings.Index(text, complaint); i >= 0 {
			t.Errorf("Kafka says: %s", text[i:min(i+400, len(text))])
		}
	}
	return text
}

// mustRead says what Kafka should have printed and has not.
func mustRead(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("Kafka does not read %q in\n%s", want, text[max(0, len(text)-2000):])
		}
	}
}

// writeForKafka writes a log of several segments with all that a batch can have, and says how many records it has.
func writeForKafka(t *testing.T, dir string) (records int) {
	c := DefaultConfig()
	c.SegmentBytes, c.IndexIntervalBytes = 20_000, 1000
	l := mustOpen(t, Options{FS: vfs.OS, Dir: dir, Config: c, TopicID: [16]byte{1, 2, 3}})
	now := time.Now().UnixMilli()
	seq := int32(0)
	b := wire.NewBuilder(nil)
	for i := range 200 {
		b.Reset(nil)
		b.SetCodec(wire.Codec(i % 5))
		n := 1 + i%4
		if i%3 == 0 {
			b.SetProducer(7, 1, seq)
			b.SetTransactional(true)
			seq += int32(n)
		}
		for k := range n {
			b.Append(now+int64(i*10)-int64(k), []byte(fmt.Sprint("key", k)), []byte(strings.Repeat("value ", 30)), []wire.Header{{Key: "h", Value: nil}})
		}
		if _, err := l.Append(b.Bytes(), FromClient, int32(i/100)); err != nil {
			t.Fatal(err)
		}
		records += n
		if i%20 == 19 {
			if _, err := l.AppendMarker(7, 1, i%40 == 39, 3); err != nil {
				t.Fatal(err)
			}
			records++
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return records
}
