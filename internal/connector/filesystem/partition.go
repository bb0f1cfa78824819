package filesystem

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// The rows of a partitioned table lie in a folder for each combination of values, in
// the order of PARTITIONED BY, as in Flink and Hive; the files have the other columns:
//
//	path/dt=2026-01-31/hm=23%3A59/part-…
//
// A value that is NULL or empty is 'partition.default-name'.

const defaultPartition = "__DEFAULT_PARTITION__"

// unsafeInPath are what Flink's PartitionPathUtils writes as %XX.
const unsafeInPath = "\"#%'*/:=?\\{[]^\x7f"

func appendEscaped(dst []byte, s []byte) []byte {
	const hex = "0123456789ABCDEF"
	for _, c := range s {
		if c > 0 && c < ' ' || strings.IndexByte(unsafeInPath, c) >= 0 {
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}

func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		var c byte
		if s[i] == '%' && i+2 < len(s) {
			if n, err := fmt.Sscanf(s[i+1:i+3], "%02X", &c); n == 1 && err == nil {
				b.WriteByte(c)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// partitions knows the folders of a table.
type partitions struct {
	names   []string
	columns []int // of the rows that are written, in the order of PARTITIONED BY
	others  []int // the columns that the files have
	missing string
	text    []byte
}

func newPartitions(t connector.Table) *partitions {
	p := &partitions{missing: t.Options["partition.default-name"]}
	if p.missing == "" {
		p.missing = defaultPartition
	}
	place := map[int]int{}
	for i, c := range t.Columns {
		if !c.Virtual {
			place[i] = len(place)
		}
	}
	by := map[int]bool{}
	for _, c := range t.PartitionedBy {
		p.names = append(p.names, t.Columns[c].Name)
		p.columns = append(p.columns, place[c])
		by[place[c]] = true
	}
	for i := range len(place) {
		if !by[i] {
			p.others = append(p.others, i)
		}
	}
	return p
}

// folder appends the folder of a row.
func (p *partitions) folder(dst []byte, b *vec.Batch, r int) []byte {
	for i, c := range p.columns {
		if i > 0 {
			dst = append(dst, '/')
		}
		dst = append(appendEscaped(dst, []byte(p.names[i])), '=')
		v := b.Cols[c]
		p.text = p.text[:0]
		if !v.IsNull(r) {
			p.text = vec.AppendText(p.text, v, r)
		}
		if len(p.text) == 0 {
			p.text = append(p.text, p.missing...)
		}
		dst = appendEscaped(dst, p.text)
	}
	return dst
}

// values finds the partition's values in a file's path; NULL is not among them.
func (p *partitions) values(path string) map[string]string {
	out := map[string]string{}
	for _, part := range strings.Split(filepath.ToSlash(filepath.Dir(path)), "/") {
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			continue
		}
		if value = unescape(value); value != p.missing {
			out[unescape(name)] = value
		}
	}
	return out
}

// trigger says when a partition is complete, so that those who wait for its success
// file may read it.
type trigger struct {
	on       bool // there is a policy
	time     bool // by the partition's own time and the watermark; else by the clock
	delay    time.Duration
	pattern  string
	location *time.Location
	file     string
}

const (
	optTrigger = "sink.partition-commit.trigger"
	optDelay   = "sink.partition-commit.delay"
	optZone    = "sink.partition-commit.watermark-time-zone"
	optPolicy  = "sink.partition-commit.policy.kind"
	optSuccess = "sink.partition-commit.success-file.name"
	optPattern = "partition.time-extractor.timestamp-pattern"
)

func newTrigger(t connector.Table) (trigger, error) {
	tr := trigger{time: t.Options[optTrigger] == "partition-time", location: time.UTC, file: t.Options[optSuccess], pattern: t.Options[optPattern]}
	if tr.file == "" {
		tr.file = "_SUCCESS"
	}
	for kind := range strings.SplitSeq(t.Options[optPolicy], ",") {
		switch strings.TrimSpace(kind) {
		case "":
		case "success-file":
			tr.on = true
		default:
			return tr, connector.OptionErrorf(optPolicy, "'%s' is not there; success-file is", kind)
		}
	}
	if zone := t.Options[optZone]; zone != "" {
		var err error
		if tr.location, err = time.LoadLocation(zone); err != nil {
			return tr, connector.OptionErrorf(optZone, "'%s' is no time zone", zone)
		}
	}
	if tr.pattern == "" && len(t.PartitionedBy) > 0 {
		tr.pattern = "$" + t.Columns[t.PartitionedBy[0]].Name
	}
	if text := t.Options[optDelay]; text != "" {
		var err error
		if tr.delay, err = connector.ParseDuration(text); err != nil {
			return tr, connector.OptionErrorf(optDelay, "%w", err)
		}
	}
	return tr, nil
}

// complete says whether a partition that got its first row at created is complete. The
// watermark is in ms since 1970; at the end of the input all are.
func (t *trigger) complete(p *partitions, folder string, created, now time.Time, watermark int64) (bool, error) {
	if watermark == vec.MaxTime {
		return true, nil
	}
	if !t.time {
		return t.delay == 0 || now.After(created.Add(t.delay)), nil
	}
	at, err := t.timeOf(p, folder)
	return err == nil && watermark > at.Add(t.delay).UnixMilli(), err
}

// timeOf reads a partition's time out of its values, by the pattern.
func (t *trigger) timeOf(p *partitions, folder string) (time.Time, error) {
	text := t.pattern
	values := p.values(folder + "/x")
	for _, name := range p.names {
		text = strings.ReplaceAll(text, "$"+name, values[name])
	}
	parse := text
	if len(parse) == len("2026-01-31") {
		parse += " 00:00:00"
	}
	ms, err := types.ParseTimestamp([]byte(parse), types.Milli)
	if err != nil {
		return time.Time{}, fmt.Errorf("partition '%s': '%s' is no time; '%s' says where in the partition's values it is", folder, text, optPattern)
	}
	u := time.UnixMilli(ms).UTC()
	return time.Date(u.Year(), u.Month(), u.Day(), u.Hour(), u.Minute(), u.Second(), u.Nanosecond(), t.location), nil
}

// rolling says when a file is finished. Without a policy it is with every commit.
type rolling struct {
	size            int64
	interval, quiet time.Duration
	on              bool
}

const (
	optRollSize     = "sink.rolling-policy.file-size"
	optRollInterval = "sink.rolling-policy.rollover-interval"
	optRollQuiet    = "sink.rolling-policy.inactivity-interval"
)

func newRolling(t connector.Table) (r rolling, err error) {
	// Flink's defaults hold for what is not said.
	r = rolling{size: 128 << 20, interval: 30 * time.Minute, quiet: 30 * time.Minute}
	if text := t.Options[optRollSize]; text != "" {
		r.on = true
		if r.size, err = connector.ParseSize(text); err != nil {
			return r, connector.OptionErrorf(optRollSize, "%w", err)
		}
	}
	for name, to := range map[string]*time.Duration{optRollInterval: &r.interval, optRollQuiet: &r.quiet} {
		if text := t.Options[name]; text != "" {
			r.on = true
			if *to, err = connector.ParseDuration(text); err != nil {
				return r, connector.OptionErrorf(name, "%w", err)
			}
		}
	}
	return r, nil
}

// due says whether a file is to be finished now.
func (r *rolling) due(p *part, now time.Time) bool {
	return !r.on || p.size >= r.size || now.Sub(p.begun) >= r.interval || now.Sub(p.written) >= r.quiet
}
