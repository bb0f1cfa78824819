package function

import (
	"strings"
	"sync"
	"time"
)

// shortZones are Java's zone names of three letters, which the IANA database has
// not, or not as Java means them.
var shortZones = map[string]string{
	"ACT": "Australia/Darwin", "AET": "Australia/Sydney", "AGT": "America/Argentina/Buenos_Aires", "ART": "Africa/Cairo", "AST": "America/Anchorage",
	"BET": "America/Sao_Paulo", "BST": "Asia/Dhaka", "CAT": "Africa/Harare", "CNT": "America/St_Johns", "CST": "America/Chicago", "CTT": "Asia/Shanghai",
	"EAT": "Africa/Addis_Ababa", "ECT": "Europe/Paris", "IET": "America/Indiana/Indianapolis", "IST": "Asia/Kolkata", "JST": "Asia/Tokyo",
	"MIT": "Pacific/Apia", "NET": "Asia/Yerevan", "NST": "Pacific/Auckland", "PLT": "Asia/Karachi", "PNT": "America/Phoenix", "PRT": "America/Puerto_Rico",
	"PST": "America/Los_Angeles", "SST": "Pacific/Guadalcanal", "VST": "Asia/Ho_Chi_Minh",
}

var zones sync.Map // name -> *time.Location

// javaZone is a zone by the names that Java knows: America/Los_Angeles, PST,
// GMT+02:00. As in Java an unknown name is GMT.
func javaZone(name string) *time.Location {
	if z, ok := zones.Load(name); ok {
		return z.(*time.Location)
	}
	z := findZone(name)
	zones.Store(name, z)
	return z
}

func findZone(name string) *time.Location {
	full := name
	if s, ok := shortZones[name]; ok {
		full = s
	}
	if full != "" && full != "Local" {
		if z, err := time.LoadLocation(full); err == nil {
			return z
		}
	}
	for _, prefix := range []string{"GMT", "UTC", ""} {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok || rest == "" {
			continue
		}
		if h := strings.IndexByte(rest, ':'); h == 2 { // +8:00
			rest = rest[:1] + "0" + rest[1:]
		}
		var d parsed
		if left, ok := takeZone([]byte(rest), &d); ok && len(left) == 0 {
			return time.FixedZone(name, int(d.offset))
		}
	}
	return time.UTC
}
