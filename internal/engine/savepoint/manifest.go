// Package savepoint keeps a job's state as a directory that can be copied: files with one
// full run of the job's journal, and a manifest that says what they are.
//
//	savepoint-3f2a91-0c4be7d90f12/
//	    state-00001, state-00002, …   record batches, the run of a journal
//	    _metadata                     the manifest, written last
//
// A savepoint is complete when its manifest is there: it is written after the files are
// durable, under another name that is then changed. Each file's length and SHA-256 are in
// the manifest, and the manifest's own is in its first line, so that what was copied badly
// is found before anything is made of it.
package savepoint

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// FormatVersion is the format that is written. Older ones are read, newer ones refused.
const FormatVersion = 1

const (
	manifestName = "_metadata"
	// The first line of a manifest: magic, version, checksum of what follows.
	magic = "millrace-savepoint"
)

// Manifest says what a savepoint holds, for a person and for who restores it.
type Manifest struct {
	// Millrace is the version of the program that wrote it.
	Millrace string    `json:"millrace"`
	Created  time.Time `json:"created"`
	Job      Job       `json:"job"`
	// Epoch is the last one that it holds; Time what its last step took for now.
	Epoch int64     `json:"epoch"`
	Time  time.Time `json:"time"`
	// KeyGroups are for ever, the parallelism is what it was.
	KeyGroups   int        `json:"key-groups"`
	Parallelism int        `json:"parallelism"`
	Operators   []Operator `json:"operators"`
	Files       []File     `json:"files"`

	// Version is the format's, of the manifest's first line.
	Version int `json:"-"`
}

// Job is the job that was saved: all that is needed to plan it again.
type Job struct {
	ID       string            `json:"id"`
	Name     string            `json:"name"`
	SQL      string            `json:"sql"`
	Database [2]string         `json:"database"`
	Settings map[string]string `json:"settings,omitempty"`
	Dir      string            `json:"dir,omitempty"`
}

// Operator is an operator in the order of the journal's begin record, by whose numbers
// state is found.
type Operator struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// StateBytes are the bytes of its state in the files.
	StateBytes int64 `json:"state-bytes"`
	// Splits are a source's.
	Splits []Split `json:"splits,omitempty"`
}

// Split is how far a source's split was read. Position is the connector's.
type Split struct {
	ID       string `json:"id"`
	Position []byte `json:"position"`
	Done     bool   `json:"done,omitempty"`
}

// File is a file of the savepoint.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// encode writes a manifest:
//
//	millrace-savepoint 1 sha256-of-the-rest ⏎
//	{ … }
func (m *Manifest) encode() ([]byte, error) {
	body, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	body = append(body, '\n')
	return append(fmt.Appendf(nil, "%s %d %s\n", magic, FormatVersion, sum(body)), body...), nil
}

// decode reads a manifest; dir is for errors.
func decode(dir string, b []byte) (*Manifest, error) {
	head, body, found := strings.Cut(string(b), "\n")
	var version int
	var want string
	if n, err := fmt.Sscanf(head, magic+" %d %s", &version, &want); !found || n < 1 || version < 1 || err != nil && n < 2 && version <= FormatVersion {
		return nil, fmt.Errorf("savepoint %s: its %s is no manifest of a savepoint", dir, manifestName)
	}
	if version > FormatVersion {
		return nil, fmt.Errorf("savepoint %s is of format %d, this millrace reads up to %d: restore it with the newer version that wrote it", dir, version, FormatVersion)
	}
	if sum([]byte(body)) != want {
		return nil, fmt.Errorf("savepoint %s is damaged: the checksum of its %s is wrong; use a copy of it or an older savepoint", dir, manifestName)
	}
	m := &Manifest{Version: version}
	if err := json.Unmarshal([]byte(body), m); err != nil {
		return nil, fmt.Errorf("savepoint %s: its %s cannot be read: %w", dir, manifestName, err)
	}
	return m, m.check(dir)
}

func (m *Manifest) check(dir string) error {
	seen := map[string]bool{}
	for _, f := range m.Files {
		// A name leads nowhere else.
		if f.Name == "" || strings.ContainsAny(f.Name, `/\`) || seen[f.Name] || f.Size < 0 {
			return fmt.Errorf("savepoint %s: its %s names a file %q", dir, manifestName, f.Name)
		}
		seen[f.Name] = true
	}
	return nil
}
