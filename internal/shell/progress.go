package shell

import (
	"fmt"
	"io"
	"strings"
	"sync"
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
// few seconds while it runs. Its methods can be called at any time by anybody: who has
// waited for a job calls Show before he goes on, so that the line of its end stands above
// what comes of it.
type Progress struct {
	W        io.Writer
	Terminal bool
	Poll     func() []JobLine

	mu struct {
		sync.Mutex
		drawn int
		told  map[string]bool
		last  map[string]time.Time
	}
}

// Run shows progress until stop is closed, and then once more.
func (p *Progress) Run(stop <-chan struct{}) {
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
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.told == nil {
		p.mu.told, p.mu.last = map[string]bool{}, map[string]time.Time{}
	}
	var ended, running []string
	now := time.Now()
	for _, j := range p.Poll() {
		switch {
		case p.mu.told[j.ID]:
		case j.Ended:
			p.mu.told[j.ID] = true
			ended = append(ended, j.line())
		case p.Terminal:
			running = append(running, j.line())
		case p.mu.last[j.ID].IsZero():
			p.mu.last[j.ID] = now
		case now.Sub(p.mu.last[j.ID]) > 5*time.Second:
			p.mu.last[j.ID] = now
			running = append(running, j.line())
		}
	}
	var b strings.Builder
	b.WriteString(p.erase())
	for _, l := range append(ended, running...) {
		b.WriteString(l + "\n")
	}
	if p.Terminal {
		p.mu.drawn = len(running)
	}
	io.WriteString(p.W, b.String())
}

// erase takes back the lines that are drawn over.
func (p *Progress) erase() string {
	if p.mu.drawn == 0 {
		return ""
	}
	defer func() { p.mu.drawn = 0 }()
	return fmt.Sprintf("\x1b[%dA\x1b[J", p.mu.drawn)
}

// Beside is w for what is printed while progress is shown: on a terminal the lines that
// are drawn over make room for it, or the next drawing would take it away.
func (p *Progress) Beside(w io.Writer) io.Writer { return beside{p, w} }

type beside struct {
	p *Progress
	w io.Writer
}

func (b beside) Write(text []byte) (int, error) {
	b.p.mu.Lock()
	defer b.p.mu.Unlock()
	if s := b.p.erase(); s != "" {
		io.WriteString(b.p.W, s)
	}
	return b.w.Write(text)
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
