// Package filesystem is Flink's filesystem connector: tables that are files, or
// folders of files, in any format.
package filesystem

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/format"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vfs"
)

var options = []connector.Option{
	{Name: "path", Type: "string", Required: true, Doc: "A file, or a folder whose files are read in the order of their names (those that begin with '.' or '_' are not). Compressed files are told by their ending: .gz, .bz2, .zst. A relative path starts from the script's folder."},
	{Name: "partition.default-name", Type: "string", Default: defaultPartition, Doc: "The folder of a partition value that is NULL or empty."},
	{Name: "partition.time-extractor.kind", Type: "enum", Values: []string{"default"}, Default: "default", Doc: "How a partition's time is found: by the pattern."},
	{Name: optPattern, Type: "string", Doc: "A partition's time, yyyy-MM-dd or yyyy-MM-dd HH:mm:ss, made of its values: '$dt $hour:00:00'. The first value if not given."},
	{Name: optTrigger, Type: "enum", Values: []string{"process-time", "partition-time"}, Default: "process-time", Doc: "What completes a partition: the clock since its first row, or the watermark, compared with the partition's time."},
	{Name: optDelay, Type: "duration", Default: "0 s", Doc: "How long after that a partition is complete."},
	{Name: optZone, Type: "string", Default: "UTC", Doc: "The time zone that partitions' times are in."},
	{Name: optPolicy, Type: "string", Doc: "What is done with a complete partition: success-file."},
	{Name: optSuccess, Type: "string", Default: "_SUCCESS", Doc: "The name of the empty file that says so."},
	{Name: optRollSize, Type: "size", Default: "128MB", Doc: "A file of this size is finished. Without any rolling policy a file is finished with every commit."},
	{Name: optRollInterval, Type: "duration", Default: "30 min", Doc: "A file of this age is finished, with the next commit."},
	{Name: optRollQuiet, Type: "duration", Default: "30 min", Doc: "A file that got no row for so long is finished, with the next commit."},
	{Name: "sink.rolling-policy.check-interval", Type: "duration", Default: "1 min", Doc: "Accepted for Flink's sake: files are looked at with every commit."},
}

var metadata = []connector.Column{
	{Name: "file.path", Metadata: "file.path", Type: types.TString.Required(), Virtual: true},
	{Name: "file.name", Metadata: "file.name", Type: types.TString.Required(), Virtual: true},
	{Name: "file.size", Metadata: "file.size", Type: types.TBigInt.Required(), Virtual: true},
}

// Factory is the connector over a file system.
func Factory(fs vfs.FS) *connector.Factory {
	return &connector.Factory{
		Name:     "filesystem",
		Summary:  "Files in a folder. A sink writes a file for each worker and partition, which gets its name when the commit that finishes it is decided.",
		Options:  options,
		Formats:  connector.OneFormat,
		Metadata: metadata,
		NewSource: func(t connector.Table, env connector.Env) (connector.Source, error) {
			b, err := newBase(t, env, fs)
			return &source{base: b}, err
		},
		NewSink: func(t connector.Table, env connector.Env) (connector.Sink, error) {
			b, err := newBase(t, env, fs)
			if err != nil {
				return nil, err
			}
			return newSink(b)
		},
	}
}

// base is what source and sink have in common.
type base struct {
	table  connector.Table
	env    connector.Env
	fs     vfs.FS
	path   string
	format *format.Factory
	used   map[int][]int // fields of a ROW column, where not all are used
}

func newBase(t connector.Table, env connector.Env, fs vfs.FS) (base, error) {
	b := base{table: t, env: env, fs: fs, path: strings.TrimPrefix(t.Options["path"], "file://"), used: map[int][]int{}}
	if !filepath.IsAbs(b.path) {
		b.path = filepath.Join(t.Dir, b.path)
	}
	var ok bool
	if b.format, ok = format.Lookup(t.Options["format"]); !ok {
		return b, fmt.Errorf("option 'format' of table %s: unknown format '%s', there are %s", t.Path[2], t.Options["format"], strings.Join(format.Names(), ", "))
	}
	return b, nil
}

// inFiles is the format's view of the physical columns that files have: all but those
// that a table is partitioned by.
func (b *base) inFiles() format.Config {
	cfg := format.Config{Options: map[string]string{}, Fields: map[int][]int{}, Location: b.env.Location}
	for i, c := range b.table.Columns {
		if c.Metadata == "" && !slices.Contains(b.table.PartitionedBy, i) {
			if used, ok := b.used[i]; ok {
				cfg.Fields[len(cfg.Columns)] = used
			}
			cfg.Columns = append(cfg.Columns, format.Column{Name: c.Name, Type: c.Type})
		}
	}
	for k, v := range b.table.Options {
		if rest, ok := strings.CutPrefix(k, b.format.Name+"."); ok {
			cfg.Options[rest] = v
		}
	}
	return cfg
}
