package metadata

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/vfs"
)

// edit changes a file of a closed or crashed directory.
func edit(t *testing.T, fs vfs.FS, name string, change func([]byte)) {
	t.Helper()
	f, err := fs.OpenReadWrite(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, _ := f.Size()
	b := make([]byte, size)
	f.ReadAt(b, 0)
	change(b)
	f.WriteAt(b, 0)
	f.Sync()
}

const firstMetadataLog = "/data/__cluster_metadata-0/00000000000000000000.log"

func subject(t *testing.T) *Store {
	s, _ := open(t, vfs.NewMem())
	for i := range 4 {
		if _, err := s.Create(fmt.Sprint("t", i), int32(i+1), map[string]string{"retention.ms": fmt.Sprint(i + 1000)}); err != nil {
			t.Fatal(err)
		}
		put(t, s, fmt.Sprint("t", i), int32(i), "x")
	}
	if _, err := s.AllocateProducerIDs(7); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestFlippedMetadata flips each byte of the metadata log of a node that was closed: nothing is lost, for the log has everything twice.
func TestFlippedMetadata(t *testing.T) {
	s := subject(t)
	want, id := describe(s), s.Identity()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	closed := s.opt.FS.(*vfs.Mem)
	info, err := closed.Stat(firstMetadataLog)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < int(info.Size); at += 3 {
		fs := closed.CrashClone(vfs.CrashOptions{UnsyncedDataPercent: 100})
		edit(t, fs, firstMetadataLog, func(b []byte) { b[at] ^= 1 << (at % 8) })
		after, said := open(t, fs)
		if got := describe(after); got != want || after.Identity() != id {
			t.Fatalf("byte %d: before:\n%safter:\n%s%q", at, want, got, said.list)
		}
		if next, err := after.AllocateProducerIDs(1); err != nil || next < 7 {
			t.Fatalf("byte %d: next producer id %d: %v", at, next, err)
		}
		after.Close()
	}
}

// TestTopicsFoundAgain damages the metadata log of a node that was killed: topics come back under their ids with their records, nothing
// of them is deleted, and producer ids are not given out again.
func TestTopicsFoundAgain(t *testing.T) {
	s := subject(t)
	killed := s.opt.FS.(*vfs.Mem)
	info, err := killed.Stat(firstMetadataLog)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < int(info.Size); at += 11 {
		fs := killed.CrashClone(vfs.CrashOptions{UnsyncedDataPercent: 100})
		edit(t, fs, firstMetadataLog, func(b []byte) { b[at] ^= 1 << (at % 8) })
		for range 2 { // the second start finds what the first has repaired
			after, said := open(t, fs)
			for _, was := range s.Topics() {
				is := after.Topic(was.Name)
				if is == nil || is.ID != was.ID || is.Partitions < was.Partitions {
					t.Fatalf("byte %d: topic %v became %v: %q", at, was, is, said.list)
				}
				if r := is.Configs["retention.ms"]; r != was.Configs["retention.ms"] && r != "-1" {
					t.Fatalf("byte %d: topic %s has retention.ms=%q: %q", at, was.Name, r, said.list)
				}
				log, err := after.PartitionOf(is, was.Partitions-1)
				if err != nil || log.EndOffset() != 1 {
					t.Fatalf("byte %d: topic %s has lost its record: %v", at, was.Name, err)
				}
			}
			if next, err := after.AllocateProducerIDs(1); err != nil || next < 7 {
				t.Fatalf("byte %d: next producer id %d: %v", at, next, err)
			}
			after.Close()
		}
	}
}

// TestLostIdentity damages and removes meta.properties: it comes back as it was; with the metadata log gone too, another is made.
func TestLostIdentity(t *testing.T) {
	s := subject(t)
	id := s.Identity()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		do   func(fs vfs.FS)
		same bool
	}{
		"missing": {func(fs vfs.FS) { fs.Remove("/data/meta.properties") }, true},
		"flipped": {func(fs vfs.FS) { edit(t, fs, "/data/meta.properties", func(b []byte) { b[70] ^= 2 }) }, true},
		"zeros":   {func(fs vfs.FS) { edit(t, fs, "/data/meta.properties", func(b []byte) { clear(b) }) }, true},
		"all": {func(fs vfs.FS) {
			fs.Remove("/data/meta.properties")
			fs.RemoveAll("/data/__cluster_metadata-0")
		}, false},
	} {
		fs := s.opt.FS.(*vfs.Mem).CrashClone(vfs.CrashOptions{UnsyncedDataPercent: 100})
		test.do(fs)
		for range 2 {
			after, said := open(t, fs)
			if (after.Identity() == id) != test.same || after.Identity().ClusterID == "" || len(after.Topics()) != 4 {
				t.Errorf("%s: %v became %v, %d topics: %q", name, id, after.Identity(), len(after.Topics()), said.list)
			}
			id := after.Identity()
			after.Close()
			if again, said := open(t, fs); again.Identity() != id || len(said.list) != 0 {
				t.Errorf("%s: the second start has %v: %q", name, again.Identity(), said.list)
			} else {
				again.Close()
			}
		}
	}
}

// TestForeignTopicDirectory puts a partition of a topic that was deleted where a new one's is: it is not served as that.
func TestForeignTopicDirectory(t *testing.T) {
	s, _ := open(t, vfs.NewMem())
	s.Create("a", 1, nil)
	s.Create("b", 1, nil)
	put(t, s, "a", 0, "a's")
	put(t, s, "b", 0, "b's")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	fs := s.opt.FS
	for _, r := range [][2]string{{"a-0", "c-0"}, {"b-0", "a-0"}, {"c-0", "b-0"}} {
		if err := fs.Rename(filepath.Join("/data", r[0]), filepath.Join("/data", r[1])); err != nil {
			t.Fatal(err)
		}
	}
	after, _ := open(t, fs)
	if _, err := after.Partition("a", 0); err == nil || !strings.Contains(err.Error(), "belongs to another topic") {
		t.Fatal(err)
	}
}
