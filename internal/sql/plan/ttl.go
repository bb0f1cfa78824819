package plan

import (
	"fmt"
	"strings"
	"time"
)

// StateTTL is what a STATE_TTL hint says of an operator's state: how long a row of it
// is kept after it was last written. 0: nothing; ForEver: it does not expire, whatever
// table.exec.state.ttl says.
type StateTTL time.Duration

// ForEver is the hint '0 ms'.
const ForEver StateTTL = -1

// Or is the time to live where the job's is def; 0: for ever.
func (t StateTTL) Or(def time.Duration) time.Duration {
	switch t {
	case 0:
		return def
	case ForEver:
		return 0
	}
	return time.Duration(t)
}

// ttlText shows hints in a plan, by the names of what they are for.
func ttlText(names []string, ttls ...StateTTL) string {
	var items []string
	for i, t := range ttls {
		if t != 0 {
			items = append(items, fmt.Sprintf("%s=%d ms", names[i], t.Or(0).Milliseconds()))
		}
	}
	if len(items) == 0 {
		return ""
	}
	return ", stateTtlHints=[[[STATE_TTL options:{" + strings.Join(items, ", ") + "}]]]"
}
