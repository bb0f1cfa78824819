package differential

import (
	"fmt"
	"strconv"
	"strings"
)

// names gives ids and times names, in the order in which they appear.
type names struct {
	uuids   map[[16]byte]string
	byName  map[string][16]byte
	numbers map[string]map[int64]string // by kind
	values  map[string]int64
}

func newNames() *names {
	return &names{
		map[[16]byte]string{{}: "T0", otherID: "Tx"}, map[string][16]byte{"T0": {}, "Tx": otherID},
		map[string]map[int64]string{}, map[string]int64{},
	}
}

// kindOf is the letter of the names of a field whose numbers differ from run to run.
func kindOf(field string) string {
	switch field {
	case "ProducerID", "ProducerIDFilters":
		return "P"
	case "SessionID":
		return "S"
	}
	return ""
}

// masked fields differ from run to run, or are what tests of their own hold.
func masked(field string) bool {
	switch field {
	case "ClusterID", "SupportedFeatures", "FinalizedFeatures", "Host", "Port", "Brokers", "ApiKeys", "FinalizedFeaturesEpoch":
		return true
	}
	return false
}

func isTime(field string) bool {
	return strings.HasSuffix(field, "Timestamp") && field != "Timestamp" || field == "LogAppendTime"
}

// otherID is a topic id that no topic has.
var otherID = [16]byte{77, 15: 9}

func (n *names) uuid(s string) [16]byte {
	id, ok := n.byName[s]
	if !ok {
		panic(fmt.Errorf("topic id %q has not been seen", s))
	}
	return id
}

func (n *names) nameUUID(id [16]byte) string {
	if n.uuids[id] == "" {
		s := fmt.Sprintf("T%d", len(n.uuids)-1)
		n.uuids[id], n.byName[s] = s, id
	}
	return n.uuids[id]
}

func (n *names) number(field, s string) (int64, bool) {
	if v, ok := n.values[s]; ok && s != "" {
		return v, true
	}
	if field == "ProducerID" && s == "Px" {
		return 1 << 40, true // nobody's
	}
	v, err := strconv.ParseInt(s, 0, 64)
	return v, err == nil
}

func (n *names) nameNumber(field string, v int64) string {
	kind := kindOf(field)
	switch {
	case field == "ErrorCode":
		return errorName(v)
	case isTime(field) && v > 0:
		return "…"
	case kind == "" || v < 0 || v == 0 && kind == "S":
		return strconv.FormatInt(v, 10)
	case v == 1<<40:
		return "Px"
	}
	if n.numbers[kind] == nil {
		n.numbers[kind] = map[int64]string{}
	}
	if n.numbers[kind][v] == "" {
		s := fmt.Sprintf("%s%d", kind, len(n.numbers[kind])+1)
		n.numbers[kind][v], n.values[s] = s, v
	}
	return n.numbers[kind][v]
}
