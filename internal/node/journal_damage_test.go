package node

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/internal/engine"
	"github.com/millrace/millrace/internal/vfs"
)

// TestDamagedJournal flips a byte somewhere in the files of a job's journal, by seed. The
// job goes on and gives the right results, if the damage hit nothing that it needs; or it
// says what is damaged and writes nothing more. It never guesses.
func TestDamagedJournal(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	runs, stopped := 0, 0
	length := 8 * time.Second
	if testing.Short() {
		length = time.Second
	}
	for end := time.Now().Add(length); time.Now().Before(end) && !t.Failed(); runs++ {
		synctest.Test(t, func(t *testing.T) {
			s := &simulation{T: t, random: rand.New(rand.NewPCG(seed+uint64(runs), 4)), acked: map[string]map[string]bool{}}
			s.tell("seed %d", seed+uint64(runs))
			defer s.end()
			if s.damagedJournal() {
				stopped++
			}
		})
	}
	t.Logf("%d runs from seed %d, in %d of them the job says that it cannot go on", runs, seed, stopped)
}

// damagedJournal says whether the job did not go on.
func (s *simulation) damagedJournal() (stopped bool) {
	s.disk = vfs.NewMem()
	s.start()
	s.jobs = simJobs[:1]
	runScript(s.T, s.node, simTables+s.jobs[0].text)
	s.rest()
	s.produce(10 + s.random.IntN(40))
	s.quiet()
	failed := s.random.IntN(4) == 0
	if failed {
		s.disk = s.power.fail(s.options())
	}
	s.tell("the power fails: %v", failed)
	s.node.Close()
	s.rest()
	s.damage()
	s.reopen()
	s.quiet()
	if failed && strings.Contains(strings.Join(s.story, "\n"), "torn tail") {
		return false // docs/gaps.md: rot just before a power failure looks like a torn write
	}
	st := s.node.Jobs()[0].Status()
	if st.State == engine.Running {
		for k := range simKeys {
			s.sent++
			s.send("src", srcRecord(srcRow{ID: s.sent, K: k, TS: simFar}))
		}
		s.quiet()
		s.check()
		return false
	}
	s.tell("the job is %s: %v", st.State, st.Err)
	if st.Err == nil || !strings.Contains(st.Err.Error(), "journal") {
		s.Errorf("the job is %s and does not say what is damaged: %v", st.State, st.Err)
	}
	s.partial = true
	checkCopies(s)
	return true
}

// reopen starts without a failure.
func (s *simulation) reopen() {
	jobs := s.jobs
	s.jobs = nil
	s.start()
	s.jobs = jobs
}

// damage flips a byte of a file of a journal.
func (s *simulation) damage() {
	var files []string
	dirs, err := s.disk.List("data")
	if err != nil {
		s.Fatal(err)
	}
	for _, dir := range dirs {
		if !strings.HasPrefix(dir, journalPrefix) {
			continue
		}
		names, err := s.disk.List("data/" + dir)
		if err != nil {
			s.Fatal(err)
		}
		for _, name := range names {
			path := "data/" + dir + "/" + name
			if info, err := s.disk.Stat(path); err == nil && info.Size > 0 && (strings.HasSuffix(name, ".log") || s.random.IntN(8) == 0) {
				files = append(files, path)
			}
		}
	}
	if len(files) == 0 {
		s.Fatal("there is no journal")
	}
	path := files[s.random.IntN(len(files))]
	f, err := s.disk.OpenReadWrite(path)
	if err != nil {
		s.Fatal(err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		s.Fatal(err)
	}
	var b [1]byte
	at := s.random.Int64N(size)
	if _, err := f.ReadAt(b[:], at); err != nil {
		s.Fatal(err)
	}
	before := b[0]
	b[0] ^= byte(1 + s.random.IntN(255))
	if _, err := f.WriteAt(b[:], at); err != nil {
		s.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		s.Fatal(err)
	}
	s.tell("%s", fmt.Sprintf("byte %d of %d of %s is %#x, was %#x", at, size, path, b[0], before))
}
