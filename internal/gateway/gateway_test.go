package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/millrace/millrace/internal/gateway"
	"github.com/millrace/millrace/internal/node"
	"github.com/millrace/millrace/internal/vec"
)

// TestGateway holds conversations with the gateway of a node in memory. Each line of a
// request is METHOD PATH [BODY]; its answer is printed with the status before it.
// Handles have names, in the order in which they were given: S1, S2 for sessions, O1,
// O2 for operations, J1 for jobs, R1 for triggers; times are T, $DIR is a directory. The
// command await asks again until the answer has the text of its argument.
func TestGateway(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		n, err := node.Open(node.Config{HTTP: "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		talk := &conversation{t: t, base: "http://" + n.HTTPAddr(), names: map[string]string{}, dir: t.TempDir()}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var out strings.Builder
			for line := range strings.Lines(d.Input) {
				if d.Cmd == "await" {
					talk.await = d.CmdArgs[0].Vals[0]
				}
				out.WriteString(talk.request(d.Cmd, strings.TrimSuffix(line, "\n")))
			}
			return out.String()
		})
	})
}

type conversation struct {
	t     *testing.T
	base  string
	names map[string]string // of handles
	given map[string]int
	dir   string
	await string
	// location is the last savepoint's, $SAVEPOINT in a request.
	location string
}

var handles = regexp.MustCompile(`"(sessionHandle|operationHandle|jobID|jid|jobid|request-id)":"([0-9a-f-]+)"`)

// passing is what is another in each run.
var passing = []struct{ what, as string }{
	{`("(?:start-time|end-time|last-modification|now|timestamp|next-start|CREATED|INITIALIZING|RUNNING|FINISHED|CANCELED)"):1\d{12}`, "$1:T"},
	{`("duration"):\d+`, "$1:D"},
	{`("commit-ms"):[\d.]+`, "$1:D"},
	{`("why"):"[^"]*"`, "$1:W"},
	{`("epoch"):\d+`, "$1:E"},
	{`("idle"):(?:true|false)`, "$1:I"},
	{`savepoint-[0-9a-f]{6}-[0-9a-f]{12}`, "savepoint-S"},
}

// request sends a line. The command results asks again while an answer is not ready,
// and follows nextResultUri to the end.
func (c *conversation) request(cmd, line string) string {
	method, rest, _ := strings.Cut(line, " ")
	path, body, _ := strings.Cut(rest, " ")
	for name, h := range c.names {
		path = strings.ReplaceAll(path, "$"+name, h)
	}
	body = strings.ReplaceAll(body, "$DIR", c.dir)
	if m := c.location; m != "" {
		body = strings.ReplaceAll(body, "$SAVEPOINT", m)
	}
	body = strings.ReplaceAll(body, "$HUGE", strings.Repeat("x", 17<<20))
	var out strings.Builder
	for {
		code, answer := c.send(method, path, body)
		if cmd == "results" && strings.Contains(answer, `"resultType":"NOT_READY"`) {
			continue
		}
		if cmd == "await" && !strings.Contains(answer, c.await) {
			time.Sleep(time.Millisecond)
			continue
		}
		if m := regexp.MustCompile(`"location":"([^"]+)"`).FindStringSubmatch(answer); m != nil {
			c.location = m[1]
		}
		fmt.Fprintf(&out, "%d %s", code, c.named(answer))
		next := regexp.MustCompile(`"nextResultUri":"([^"]+)"`).FindStringSubmatch(answer)
		if cmd != "results" || next == nil {
			return out.String()
		}
		path = next[1]
	}
}

func (c *conversation) send(method, path, body string) (int, string) {
	ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
	defer stop()
	var in io.Reader
	if body != "" {
		in = bytes.NewReader([]byte(body))
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, in)
	if err != nil {
		c.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// named gives handles their names.
func (c *conversation) named(text string) string {
	if c.given == nil {
		c.given = map[string]int{}
	}
	for _, m := range handles.FindAllStringSubmatch(text, -1) {
		known := false
		for _, h := range c.names {
			known = known || h == m[2]
		}
		if !known {
			letter := strings.ToUpper(m[1][:1])
			c.given[letter]++
			c.names[fmt.Sprint(letter, c.given[letter])] = m[2]
		}
	}
	for name, h := range c.names {
		text = strings.ReplaceAll(text, h, name)
	}
	text = strings.ReplaceAll(text, c.dir, "$DIR")
	for _, p := range passing {
		text = regexp.MustCompile(p.what).ReplaceAllString(text, p.as)
	}
	return text
}

// TestClient reads through the client what was asked, whatever its type.
func TestClient(t *testing.T) {
	n, err := node.Open(node.Config{HTTP: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	ctx := context.Background()
	c, err := gateway.Dial(ctx, n.HTTPAddr(), gateway.Login{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Execute(ctx, `SELECT CAST(NULL AS ARRAY<INT>), ARRAY[1, NULL], MAP['k', ARRAY[X'00ff']], ROW(1, 'x', TRUE), MAP[1, 'no string'],
		TIMESTAMP '0001-01-01 00:00:00.123456', NULL, TO_TIMESTAMP_LTZ(5, 3), CAST('NaN' AS DOUBLE), CAST(12345678901234567890.5 AS DECIMAL(38, 9)), INTERVAL '1' DAY, 'ä "q"'`)
	if err != nil {
		t.Fatal(err)
	}
	b, err := r.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, col := range b.Cols {
		got = append(got, text(col))
	}
	want := []string{"NULL", "[1, NULL]", "{k=[\x00\xff]}", "(1, x, TRUE)", "{1=no string}", "0001-01-01 00:00:00.123456", "NULL", "1970-01-01 00:00:00.005", "NaN",
		"12345678901234567890.500000000", "+1 00:00:00.000", `ä "q"`}
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Errorf("column %d: %q, want %q", i, got, want[i])
		}
	}
	if _, err := r.Next(ctx); err != io.EOF {
		t.Errorf("after the last row: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.Execute(ctx, "SELECT 1"); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("a statement in a closed session: %v", err)
	}
}

// text is the first value of a column.
func text(v *vec.Vector) string {
	if v.IsNull(0) {
		return "NULL"
	}
	return string(vec.AppendText(nil, v, 0))
}
