package checker

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestCheck shows the checker histories that it must reject, one anomaly each, and
// some that look odd and are not.
//
//	write process=1 part=0 value=7 [txn=3] [at=5 | refused]     at: acknowledged there
//	txn id=3 committed|aborted
//	read [committed] session=1 part=0 at=5 value=7
//	position part=0 at=5 [fetched]
//	end [committed] part=0 at=5 value=7
func TestCheck(t *testing.T) {
	datadriven.RunTest(t, "testdata/anomalies.txt", func(t *testing.T, d *datadriven.TestData) string {
		h := NewHistory()
		for _, line := range strings.Split(strings.TrimSpace(d.Input), "\n") {
			if err := h.line(line); err != nil {
				d.Fatalf(t, "%s: %v", line, err)
			}
		}
		if found := Check(h); len(found) > 0 {
			return strings.Join(found, "\n") + "\n"
		}
		return "nothing\n"
	})
}

func (h *History) line(line string) error {
	words := strings.Fields(line)
	num := map[string]int64{"at": -1}
	is := map[string]bool{}
	for _, w := range words[1:] {
		k, v, valued := strings.Cut(w, "=")
		is[k] = true
		if !valued {
			continue
		}
		var n int64
		if _, err := fmt.Sscan(v, &n); err != nil {
			return err
		}
		num[k] = n
	}
	at := Place{int32(num["part"]), num["at"]}
	switch words[0] {
	case "write":
		n := h.Sent(Write{Process: int(num["process"]), Partition: at.Partition, Value: num["value"], Txn: num["txn"]})
		switch {
		case is["at"]:
			h.Answered(n, Done, at.Offset)
		case is["refused"]:
			h.Answered(n, Refused, -1)
		}
	case "txn":
		h.Txn(num["id"], map[bool]Outcome{true: Done, false: Refused}[is["committed"]])
	case "read":
		h.Saw(Read{Session: int(num["session"]), Committed: is["committed"], Place: at, Value: num["value"]})
	case "position":
		h.At(Position{Partition: at.Partition, Offset: at.Offset, Fetched: is["fetched"], Outcome: Done})
	case "end":
		h.Final(is["committed"], at, num["value"])
	default:
		return fmt.Errorf("no such line")
	}
	return nil
}
