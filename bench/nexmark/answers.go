package nexmark

import (
	_ "embed"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// answers are the digests of Apache Flink's answers: a line for each query and number
// of events.
//
//go:embed answers.txt
var answers string

// Answer is the digest of Flink's answer over so many events, nil if none is recorded.
func Answer(q Query, events int64) (*Digest, error) {
	text, ok := parseAnswers(answers)[answerKey(q.Name, events)]
	if !ok {
		return nil, nil
	}
	return ParseDigest(text)
}

func answerKey(query string, events int64) string { return fmt.Sprintf("%s %d", query, events) }

func parseAnswers(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		if key, digest, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			out[key] = digest
		}
	}
	return out
}

// RecordAnswer writes an answer into a file of answers.
func RecordAnswer(file string, q Query, events int64, d *Digest) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	all := parseAnswers(string(text))
	all[answerKey(q.Name, events)] = d.String()
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "%s: %s\n", key, all[key])
	}
	return os.WriteFile(file, []byte(b.String()), 0o666)
}
