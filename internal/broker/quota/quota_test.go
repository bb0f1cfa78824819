package quota

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/broker/metadata"
)

// TestAsKafka replays what Kafka's own classes said of random uses (testdata/Record.java).
func TestAsKafka(t *testing.T) {
	f, err := os.Open("testdata/kafka.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var w Window
	var limit float64
	var rate *Rate
	var bucket *Bucket
	lines := 0
	for s := bufio.NewScanner(f); s.Scan(); lines++ {
		var seed, seconds int
		if strings.HasPrefix(s.Text(), "window") {
			if _, err := fmt.Sscanf(s.Text(), "window %d samples=%d seconds=%d limit=%g", &seed, &w.Samples, &seconds, &limit); err != nil {
				t.Fatal(err)
			}
			w.Length, rate, bucket = time.Duration(seconds)*time.Second, &Rate{}, &Bucket{}
			continue
		}
		var ms, over int64
		var amount, perSecond, tokens float64
		if _, err := fmt.Sscan(s.Text(), &ms, &amount, &perSecond, &over, &tokens); err != nil {
			t.Fatal(err)
		}
		now := time.UnixMilli(ms)
		rate.Record(w, amount, now)
		got, gotOver := rate.Measure(w, now)
		if math.Abs(got-perSecond) > 1e-9*perSecond || gotOver.Milliseconds() != over {
			t.Fatalf("%s: rate %v over %v", s.Text(), got, gotOver)
		}
		bucket.Take(w, limit, amount, now)
		bucket.Wait(w, limit, now)
		if math.Abs(bucket.tokens-tokens) > 1e-6 {
			t.Fatalf("%s: tokens %v", s.Text(), bucket.tokens)
		}
		wait := bucket.Wait(w, limit, now)
		if want := time.Duration(math.Round(max(-tokens/limit*1000, 0))) * time.Millisecond; wait != want {
			t.Fatalf("%s: wait %v, want %v", s.Text(), wait, want)
		}
	}
	if lines < 1000 {
		t.Fatalf("%d lines", lines)
	}
}

// TestSilenceSuffices: whoever is silent as long as he is told stays within his limit in the long run.
func TestSilenceSuffices(t *testing.T) {
	w := Window{11, time.Second}
	start := time.UnixMilli(0)
	for _, amount := range []float64{1, 70, 1000, 20000} {
		var r Rate
		now, total := start, 0.0
		for now.Sub(start) < 2000*time.Second {
			r.Record(w, amount, now)
			total += amount
			rate, over := r.Measure(w, now)
			wait := Throttle(rate, 100, over)
			if rate > 100.1 && wait <= 0 {
				t.Fatalf("rate %v and no silence", rate)
			}
			now = now.Add(wait + 7*time.Millisecond)
		}
		if got := total / now.Sub(start).Seconds(); got > 110 || got < 70 {
			t.Errorf("in portions of %v: %v per second, the limit is 100", amount, got)
		}
	}
	if d := Throttle(1e300, 1, time.Second); d != longest {
		t.Fatalf("%v", d)
	}
}

func TestPrecedence(t *testing.T) {
	entity := func(user, client string) (e metadata.QuotaEntity) {
		if user != "-" {
			e.User = metadata.Named(strings.TrimPrefix(user, "*"))
		}
		if client != "-" {
			e.ClientID = metadata.Named(strings.TrimPrefix(client, "*"))
		}
		return e
	}
	order := []struct {
		user, client string
		who          metadata.QuotaEntity
	}{
		{"u", "c", entity("u", "c")}, {"u", "*", entity("u", "c")}, {"u", "-", entity("u", "-")},
		{"*", "c", entity("u", "c")}, {"*", "*", entity("u", "c")}, {"*", "-", entity("u", "-")},
		{"-", "c", entity("-", "c")}, {"-", "*", entity("-", "c")},
	}
	for first := range order {
		rules := Rules{}
		for i := first; i < len(order); i++ {
			rules[entity(order[i].user, order[i].client)] = map[string]float64{"x": float64(i)}
		}
		if first > 0 { // an entity with another limit only is as if it were not there
			rules[entity(order[0].user, order[0].client)] = map[string]float64{"y": 1}
		}
		v, who, ok := rules.Find("x", "u", "c")
		if !ok || v != float64(first) || who != order[first].who {
			t.Errorf("of %v: %v for %v, %v", order[first:], v, who, ok)
		}
	}
	if _, _, ok := (Rules{entity("a", "-"): {"x": 1}}).Find("x", "u", "c"); ok {
		t.Error("another user's limit")
	}
}

// TestManyNames: clients with ever new names do not fill memory.
func TestManyNames(t *testing.T) {
	w := Window{2, time.Second}
	m := NewMeter()
	now := time.UnixMilli(0)
	for i := range 20 * firstSweep {
		m.Use(w, 10, metadata.QuotaEntity{User: metadata.Named(fmt.Sprint(i))}, 1, now)
		m.Take(w, 10, metadata.QuotaEntity{User: metadata.Named(fmt.Sprint(i))}, 1, true, now)
		now = now.Add(10 * time.Millisecond)
	}
	if n := len(m.mu.rates) + len(m.mu.buckets); n > 2*firstSweep {
		t.Errorf("%d names remembered", n)
	}
}
