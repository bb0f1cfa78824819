package shell

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// JobLine is what a line of progress says about a job.
type JobLine struct {
	ID, Name  string
	State     string
	Read      int64
	Written   int64
	Late      int64
	NullTime  int64
	Rate      float64 // rows read a second
	Watermark string  // as SQL prints a timestamp; empty if there is none yet
	Elapsed   time.Duration
	Ended     bool
}

// Progress shows the jobs that poll names, until stop is closed: on a terminal a
// line for each that is drawn over, elsewhere a plain line when a job ends and every
// few seconds while it runs.
type Progress struct {
	W        io.Writer
	Terminal bool
	Poll     func() []JobLine

	drawn int
	told  map[string]bool
	last  map[string]time.Time
}

// Run shows progress until stop is closed, and then once more.
func (p *Progress) Run(stop <-chan struct{}) {
	p.told, p.last = map[string]bool{}, map[string]time.Time{}
	every := 100 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			p.Show()
			return
		case <-tick.C:
			p.Show()
		}
	}
}

// Show draws the present state.
func (p *Progress) Show() {
	if p.told == nil {
		p.told, p.last = map[string]bool{}, map[string]time.Time{}
	}
	var ended, running []string
	now := time.Now()
	for _, j := range p.Poll() {
		switch {
		case p.told[j.ID]:
		case j.Ended:
			p.told[j.ID] = true
			ended = append(ended, j.line())
		case p.Terminal:
			running = append(running, j.line())
		case p.last[j.ID].IsZero():
			p.last[j.ID] = now
		case now.Sub(p.last[j.ID]) > 5*time.Second:
			p.last[j.ID] = now
			running = append(running, j.line())
		}
	}
	var b strings.Builder
	if p.Terminal && p.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\x1b[J", p.drawn)
	}
	for _, l := range append(ended, running...) {
		b.WriteString(l + "\n")
	}
	p.drawn = len(running)
	io.WriteString(p.W, b.String())
}

func (j JobLine) line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-9s %-32s %11s rows in  %11s out", strings.ToLower(j.State), clipTo(j.Name, 32), thousands(j.Read), thousands(j.Written))
	if j.NullTime > 0 {
		fmt.Fprintf(&b, "  %s null-time", thousands(j.NullTime))
	}
	fmt.Fprintf(&b, "  %s late", thousands(j.Late))
	if j.Watermark != "" {
		fmt.Fprintf(&b, "  watermark %s", j.Watermark)
	}
	fmt.Fprintf(&b, "  %s rows/s  %.2f s", thousands(int64(j.Rate)), j.Elapsed.Seconds())
	return b.String()
}

func clipTo(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// thousands writes a number with commas.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
