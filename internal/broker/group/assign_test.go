package group

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestAssignorsAgainstKafka: range gives what Kafka gives. uniform loads the members at least as evenly as Kafka does, and where
// it is as even it moves no more partitions; who gets one more than others depends on the order of Kafka's hash tables, and is not
// compared.
func TestAssignorsAgainstKafka(t *testing.T) {
	text, err := os.ReadFile("testdata/assign/kafka")
	if err != nil {
		t.Fatal(err)
	}
	for n, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
		f := strings.Split(line, " | ")
		topics := map[string]int32{}
		for _, s := range strings.Fields(f[1]) {
			count, _ := strconv.Atoi(s[1:])
			topics[s[:1]] = int32(count)
		}
		as := &assignees{}
		want := map[string]Assignment{}
		results := strings.Split(f[3], " ; ")
		for i, s := range strings.Split(f[2], " ; ") {
			w := strings.Fields(s)
			a := assignee{id: w[0], instance: strings.TrimPrefix(w[1], "-"), wants: map[TopicID]int32{}, had: parsePartitions(w[3])}
			for _, name := range w[2] {
				a.wants[TopicID{byte(name)}] = topics[string(name)]
			}
			as.members = append(as.members, a)
			want[a.id] = parsePartitions(results[i])
		}
		got := assignors[f[0]](as)
		checkShares(t, n, as, got)
		if f[0] == "range" {
			for id := range want {
				if !maps.Equal(got[id], want[id]) {
					t.Errorf("case %d: %s\n%s gets %v", n, line, id, partitionText(got[id]))
				}
			}
			continue
		}
		g, w := unevenness(got), unevenness(want)
		if g > w {
			t.Errorf("case %d: %s\nloads %v, Kafka's %v", n, line, loads(got), loads(want))
		}
		if mine, theirs := kept(as, got), kept(as, want); g == w && mine < theirs {
			t.Errorf("case %d: %s\n%d kept, Kafka keeps %d", n, line, mine, theirs)
		}
	}
}

// checkShares: every partition that somebody wants is given once, to somebody who wants it.
func checkShares(t *testing.T, n int, as *assignees, got map[string]Assignment) {
	t.Helper()
	given, wanted := map[IDPartition]bool{}, map[IDPartition]bool{}
	for _, m := range as.members {
		for id, count := range m.wants {
			for p := range count {
				wanted[IDPartition{id, p}] = true
			}
		}
		for p := range got[m.id] {
			if n, ok := m.wants[p.ID]; !ok || p.Partition >= n || given[p] {
				t.Fatalf("case %d: %s gets %v", n, m.id, p)
			}
			given[p] = true
		}
	}
	if len(given) != len(wanted) {
		t.Fatalf("case %d: %d partitions given, %d wanted", n, len(given), len(wanted))
	}
}

func parsePartitions(s string) Assignment {
	out := Assignment{}
	for _, p := range strings.Split(s, ",") {
		if p != "-" {
			n, _ := strconv.Atoi(p[1:])
			out[IDPartition{TopicID{p[0]}, int32(n)}] = 0
		}
	}
	return out
}

func partitionText(a Assignment) (out []string) {
	a.EachTopic(func(id TopicID, partitions []int32) { out = append(out, fmt.Sprint(string(id[:1]), partitions)) })
	return out
}

func loads(all map[string]Assignment) (out []int) {
	for _, a := range all {
		out = append(out, len(a))
	}
	slices.Sort(out)
	return out
}

// unevenness is the sum of the squares of the loads: of two assignments of the same partitions the more even one has less.
func unevenness(all map[string]Assignment) (n int) {
	for _, a := range all {
		n += len(a) * len(a)
	}
	return n
}

func kept(as *assignees, all map[string]Assignment) (n int) {
	for _, m := range as.members {
		for p := range m.had {
			if _, ok := all[m.id][p]; ok {
				n++
			}
		}
	}
	return n
}
