package nexmark

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/millrace/millrace/bench/nexmark"
)

func TestSalvage(t *testing.T) {
	for _, q := range nexmark.Queries() {
		for _, events := range sizes {
			if r, err := read(path(q.Name, events)); err == nil && q.Name != "q0x" {
				if events == sizes[0] || q.Name == "q3" {
					nexmark.RecordAnswer("../../bench/nexmark/answers.txt", q, events, r.digest)
				}
			}
		}
		dir := os.Getenv("SALVAGE")
		f, err := os.Open(filepath.Join(dir, q.Name+".rows"))
		if err != nil {
			continue
		}
		r, err := digestOf(q, f)
		if err != nil {
			t.Error(q.Name, err)
			continue
		}
		r.write(path(q.Name, 1_000_000))
		nexmark.RecordAnswer("../../bench/nexmark/answers.txt", q, 1_000_000, r.digest)
		t.Log(q.Name, r.digest.Rows())
	}
}
