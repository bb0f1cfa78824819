package broker

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestDefaults compares what a new broker says of every config, name by name, with what Apache Kafka said: testdata/defaults, recorded
// with -kafka. What differs stands in testdata/defaults/differences with its reason, and nothing else does.
func TestDefaults(t *testing.T) {
	addr := *kafka
	if addr == "" {
		addr = start(t, Config{}).addr
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	a := &adminScript{ctx: testContext(t), cl: cl}
	if out, err := a.create("defaults", nil, false); err != nil || out != "ok\n" {
		t.Fatal(out, err)
	}
	defer func() {
		if *kafka != "" {
			req := kmsg.NewPtrDeleteTopicsRequest()
			topic := "defaults"
			req.TopicNames, req.Topics = []string{topic}, []kmsg.DeleteTopicsRequestTopic{{Topic: &topic}}
			if _, err := askBroker(a.ctx, cl, req); err != nil {
				t.Error(err)
			}
		}
	}()
	reasons := readDifferences(t)
	for _, c := range []struct{ kind, name string }{{"topic", "defaults"}, {"broker", "1"}, {"group", "g"}} {
		r, err := describeConfigs(a.ctx, cl, resourceKinds[c.kind], c.name, nil)
		if err != nil || r.ErrorCode != 0 {
			t.Fatal(err, r.ErrorCode)
		}
		var lines []string
		for _, config := range r.Configs {
			lines = append(lines, strings.TrimSuffix(configLine(config), "\n"))
			if config.Documentation == nil || *config.Documentation == "" {
				t.Errorf("%s config %s has no documentation", c.kind, config.Name)
			}
		}
		path := filepath.Join("testdata", "defaults", c.kind)
		if *kafka != "" {
			if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o666); err != nil {
				t.Fatal(err)
			}
			continue
		}
		compareDefaults(t, c.kind, readLines(t, path), lines, reasons)
	}
	for name := range reasons {
		if *kafka == "" {
			t.Errorf("%s is said to differ from Kafka, and does not: take it out of the differences", name)
		}
	}
}

// compareDefaults takes the differences that it finds out of reasons.
func compareDefaults(t *testing.T, kind string, theirs, ours []string, reasons map[string]string) {
	t.Helper()
	name := func(line string) string { return line[:strings.IndexByte(line, '=')] }
	byName := map[string]string{}
	for _, l := range ours {
		byName[name(l)] = l
	}
	for _, l := range theirs {
		n := name(l)
		if our := byName[n]; our != l {
			if reasons[kind+" "+n] == "" {
				t.Errorf("%s config %s: Kafka says\n\t%s\nand we\n\t%s", kind, n, l, our)
			}
			delete(reasons, kind+" "+n)
		}
		delete(byName, n)
	}
	for n, l := range byName {
		if reasons[kind+" "+n] == "" {
			t.Errorf("%s config %s is none of Kafka's: %s", kind, n, l)
		}
		delete(reasons, kind+" "+n)
	}
}

// readDifferences reads lines of: kind name: reason.
func readDifferences(t *testing.T) map[string]string {
	t.Helper()
	reasons := map[string]string{}
	for _, l := range readLines(t, filepath.Join("testdata", "defaults", "differences")) {
		if what, why, ok := strings.Cut(l, ": "); ok && !strings.HasPrefix(l, "#") {
			for _, n := range strings.Fields(what)[1:] {
				reasons[strings.Fields(what)[0]+" "+n] = why
			}
		}
	}
	return reasons
}

func readLines(t *testing.T, path string) (lines []string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		lines = append(lines, s.Text())
	}
	return slices.Clip(lines)
}
