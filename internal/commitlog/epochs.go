package commitlog

import (
	"fmt"
	"strings"
)

// epochs is where each leader epoch begins in the log (KIP-101), both growing: Kafka's leader-epoch-checkpoint.
//
//	0              version
//	2              entries
//	0 0            epoch, start offset
//	5 1200
type epochs []epochStart

type epochStart struct {
	epoch int32
	start int64
}

// last is the newest epoch, -1 if there is none.
func (e epochs) last() int32 {
	if len(e) == 0 {
		return -1
	}
	return e[len(e)-1].epoch
}

// add notes that a batch of an epoch is at an offset; changed says that the epoch is new.
func (e epochs) add(epoch int32, offset int64) (_ epochs, changed bool) {
	if epoch <= e.last() {
		return e, false
	}
	return append(e, epochStart{epoch, offset}), true
}

// cut forgets epochs that begin at or after the end of the log.
func (e epochs) cut(end int64) epochs {
	for len(e) > 0 && e[len(e)-1].start >= end {
		e = e[:len(e)-1]
	}
	return e
}

// end is the greatest epoch not above the one asked for, and where the next one begins; -1 and -1 for an epoch that the log has not
// reached.
func (e epochs) end(epoch int32, logEnd int64) (int32, int64) {
	if epoch < 0 || epoch > e.last() {
		return -1, -1
	}
	found, next := int32(-1), logEnd
	for i := len(e) - 1; i >= 0; i-- {
		if e[i].epoch <= epoch {
			found = e[i].epoch
			break
		}
		next = e[i].start
	}
	if found < 0 {
		found = epoch
	}
	return found, next
}

func (e epochs) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "0\n%d\n", len(e))
	for _, s := range e {
		fmt.Fprintf(&b, "%d %d\n", s.epoch, s.start)
	}
	return b.String()
}

func parseEpochs(text string) (epochs, error) {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	var version, n int
	if len(lines) < 2 {
		return nil, fmt.Errorf("%s: %d lines", epochsName, len(lines))
	}
	if _, err := fmt.Sscanf(lines[0]+" "+lines[1], "%d %d", &version, &n); err != nil || version != 0 || n != len(lines)-2 {
		return nil, fmt.Errorf("%s: bad header %q", epochsName, lines[:2])
	}
	var e epochs
	for _, line := range lines[2:] {
		var s epochStart
		if _, err := fmt.Sscanf(line, "%d %d", &s.epoch, &s.start); err != nil || s.epoch <= e.last() {
			return nil, fmt.Errorf("%s: bad entry %q", epochsName, line)
		}
		e = append(e, s)
	}
	return e, nil
}
