package nexmark

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/bench/nexmark"
)

var (
	oracle   = flag.Bool("oracle", false, "record Apache Flink's answers (make oracle)")
	only     = flag.String("queries", "all", "the queries to record, separated by commas")
	flinkDir = flag.String("flink", "../../.peers/flink/pyflink/lib", "Apache Flink's jars")
)

// sizes are how many events answers are recorded over: variations go by the small
// number, one run by the large one.
var sizes = []int64{100_000, 1_000_000}

// recordedOver says whether a query is recorded over so many events. Flink's time on
// patterns over the hottest keys grows with the square of the events.
func recordedOver(q nexmark.Query, events int64) bool {
	return events == sizes[0] || !strings.HasPrefix(q.Name, "cep")
}

// streaming are the queries that Flink refuses in batch mode. They run over one file in
// the order of time, so that no row is late.
var streaming = map[string]bool{"q11": true}

// questions are the statements that Flink is asked instead of a query that it has no
// answer to, or that hangs on the clock.
var questions = map[string]string{
	// Refused (FLINK-19059); a twin in Go answers.
	"q6": "",
	// Of windows of processing time only the total is the same in every run.
	"q12": "SELECT bidder, COUNT(*), MIN(`dateTime`), MAX(`dateTime`) FROM bid GROUP BY bidder",
	// A file cannot be looked up in: a join with the same file is the same.
	"q13": "SELECT B.auction, B.bidder, B.price, B.`dateTime`, S.`value` FROM bid B JOIN side_input AS S ON MOD(B.auction, 10000) = S.key",
}

// TestRecord asks Apache Flink, which test/peers/install flink brings.
func TestRecord(t *testing.T) {
	if !*oracle {
		t.Skip("records Apache Flink's answers with -args -oracle (make oracle)")
	}
	queries, err := nexmark.Select(*only)
	if err != nil {
		t.Fatal(err)
	}
	for _, events := range sizes {
		dir := t.TempDir()
		queries := slices.DeleteFunc(slices.Clone(queries), func(q nexmark.Query) bool { return !recordedOver(q, events) })
		answered := func(name string) error { return record(dir, name, events) }
		if err := ask(dir, events, queries, answered); err != nil {
			t.Fatal(err)
		}
		for _, q := range queries {
			if refused, err := os.ReadFile(filepath.Join(dir, q.Name+".error")); err == nil {
				t.Errorf("%s: %s", q.Name, refused)
			}
		}
	}
}

// record writes down what Flink has answered to a query, as soon as it has.
func record(dir, name string, events int64) error {
	q, err := nexmark.Find(name)
	if err != nil {
		return err
	}
	f, err := os.Open(filepath.Join(dir, name+".rows"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // refused
	}
	if err != nil {
		return err
	}
	defer os.RemoveAll(filepath.Join(dir, name+".parts"))
	defer os.Remove(f.Name())
	defer f.Close()
	r, err := digestOf(q, f)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := r.write(path(name, events)); err != nil {
		return err
	}
	return nexmark.RecordAnswer("../../bench/nexmark/answers.txt", q, events, r.digest)
}

// ask runs the queries in one Flink over files of events.
func ask(dir string, events int64, queries []nexmark.Query, answered func(name string) error) error {
	data, side := filepath.Join(dir, "events"), filepath.Join(dir, "side.csv")
	if err := nexmark.WriteFiles(context.Background(), data, events, 1); err != nil {
		return err
	}
	if err := nexmark.WriteSide(side); err != nil {
		return err
	}
	prologue := nexmark.Table(fmt.Sprintf("'connector' = 'filesystem', 'path' = 'file://%s', 'format' = 'json'", data)) +
		fmt.Sprintf(";CREATE TABLE side_input (key BIGINT, `value` STRING) WITH ('connector' = 'filesystem', 'path' = 'file://%s', 'format' = 'csv')", side)
	if err := os.WriteFile(filepath.Join(dir, "prologue.sql"), []byte(withoutComments(prologue)), 0o666); err != nil {
		return err
	}
	for _, q := range queries {
		sql, other := questions[q.Name]
		if !other {
			sql = q.Statement()
		}
		if sql == "" {
			continue
		}
		if streaming[q.Name] {
			sql = "-- streaming\n" + sql
		}
		if err := os.WriteFile(filepath.Join(dir, q.Name+".query"), []byte(sql), 0o666); err != nil {
			return err
		}
	}
	return flink(dir, answered)
}

// withoutComments: a semicolon in one would end a statement.
func withoutComments(sql string) string {
	var b strings.Builder
	for line := range strings.Lines(sql) {
		if !strings.HasPrefix(line, "--") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// flink runs Oracle.java, with a heap of 2 GiB, and says which queries are answered.
func flink(dir string, answered func(name string) error) error {
	jars, err := filepath.Glob(filepath.Join(*flinkDir, "*.jar"))
	if err != nil || len(jars) == 0 {
		return fmt.Errorf("no jars in %s: run test/peers/install flink (%v)", *flinkDir, err)
	}
	classes := strings.Join(jars, ":")
	// A user function must be a class that Flink can load by its name.
	if out, err := exec.Command("javac", "-cp", classes, "-d", dir, "Oracle.java").CombinedOutput(); err != nil {
		return fmt.Errorf("javac: %w\n%s", err, out)
	}
	// Many short jobs: what the second compiler costs does not come back.
	args := []string{"-Xmx2g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", classes + ":" + dir}
	for _, p := range []string{"lang", "lang.reflect", "net", "io", "nio", "text", "time", "util", "util.concurrent", "util.concurrent.atomic", "util.concurrent.locks"} {
		args = append(args, "--add-opens=java.base/java."+p+"=ALL-UNNAMED")
	}
	args = append(args, "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED", "--add-exports=java.base/sun.net.util=ALL-UNNAMED", "Oracle", dir)
	cmd := exec.Command("java", args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(dir, "flink.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		return err
	}
	var failed error
	for lines := bufio.NewScanner(out); lines.Scan(); {
		fmt.Fprintln(os.Stderr, lines.Text())
		if name, _, ok := strings.Cut(lines.Text(), ": "); ok {
			failed = errors.Join(failed, answered(name))
		}
	}
	if err := cmd.Wait(); err != nil {
		end, _ := os.ReadFile(log.Name())
		return fmt.Errorf("Flink: %w\n%s", err, end[max(0, len(end)-4000):])
	}
	return failed
}
