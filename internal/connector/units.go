package connector

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// durationUnits are Flink's spellings (TimeUtils).
var durationUnits = map[string]time.Duration{
	"": time.Millisecond, "ns": time.Nanosecond, "nano": time.Nanosecond, "nanosecond": time.Nanosecond, "µs": time.Microsecond,
	"micro": time.Microsecond, "microsecond": time.Microsecond, "ms": time.Millisecond, "milli": time.Millisecond,
	"millisecond": time.Millisecond, "s": time.Second, "sec": time.Second, "second": time.Second, "m": time.Minute,
	"min": time.Minute, "minute": time.Minute, "h": time.Hour, "hour": time.Hour, "d": 24 * time.Hour, "day": 24 * time.Hour,
}

// ParseDuration reads a duration as Flink writes them: "10 s", "5min", "100" (ms).
func ParseDuration(text string) (time.Duration, error) {
	number, unit := splitUnit(text)
	n, err := strconv.ParseInt(number, 10, 64)
	d, ok := durationUnits[unit]
	if !ok && strings.HasSuffix(unit, "s") {
		d, ok = durationUnits[strings.TrimSuffix(unit, "s")]
	}
	if err != nil || !ok || n > int64(1<<62)/int64(d) {
		return 0, fmt.Errorf("expected a duration such as '10 s' or '5 min', found '%s'", text)
	}
	return time.Duration(n) * d, nil
}

var sizeUnits = map[string]int64{
	"": 1, "b": 1, "bytes": 1, "k": 1 << 10, "kb": 1 << 10, "kibibytes": 1 << 10, "m": 1 << 20, "mb": 1 << 20,
	"mebibytes": 1 << 20, "g": 1 << 30, "gb": 1 << 30, "gibibytes": 1 << 30, "t": 1 << 40, "tb": 1 << 40, "tebibytes": 1 << 40,
}

// ParseSize reads a size as Flink writes them: "128 mb".
func ParseSize(text string) (int64, error) {
	number, unit := splitUnit(text)
	n, err := strconv.ParseInt(number, 10, 64)
	u, ok := sizeUnits[unit]
	if err != nil || !ok || n > (1<<62)/u {
		return 0, fmt.Errorf("expected a size such as '128 mb', found '%s'", text)
	}
	return n * u, nil
}

func splitUnit(text string) (number, unit string) {
	text = strings.TrimSpace(text)
	i := 0
	for i < len(text) && text[i] >= '0' && text[i] <= '9' {
		i++
	}
	return text[:i], strings.ToLower(strings.TrimSpace(text[i:]))
}
