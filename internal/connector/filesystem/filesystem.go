// Package filesystem is Flink's filesystem connector: tables that are files, or
// folders of files, in any format.
package filesystem

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/format"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vfs"
)

var options = []connector.Option{
	{Name: "path", Type: "string", Required: true, Doc: "A file, or a folder whose files are read in the order of their names (those that begin with '.' or '_' are not). Compressed files are told by their ending: .gz, .bz2, .zst. A relative path starts from the script's folder."},
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
		Summary:  "Files in a folder. A sink writes one file for each worker and commit, which gets its name when the commit is decided.",
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
			if len(t.PartitionedBy) > 0 {
				return nil, fmt.Errorf("table %s: writing partitioned files is not supported yet", t.Path[2])
			}
			_, err = b.format.NewEncoder(b.config())
			return &sink{base: b}, err
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

// config is the format's view of the physical columns.
func (b *base) config() format.Config {
	cfg := format.Config{Options: map[string]string{}, Fields: map[int][]int{}, Location: b.env.Location}
	for i, c := range b.table.Columns {
		if c.Metadata == "" {
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
