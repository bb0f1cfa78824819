package nexmark

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/internal/connector"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func textField(name string) types.Field   { return types.Field{Name: name, Type: types.TString} }
func numberField(name string) types.Field { return types.Field{Name: name, Type: types.TBigInt} }
func timeField(name string) types.Field   { return types.Field{Name: name, Type: types.TTimestamp(3)} }

var columns = []connector.Column{
	{Name: "event_type", Type: types.TInt},
	{Name: "person", Type: types.TRow(numberField("id"), textField("name"), textField("emailAddress"), textField("creditCard"),
		textField("city"), textField("state"), timeField("dateTime"), textField("extra"))},
	{Name: "auction", Type: types.TRow(numberField("id"), textField("itemName"), textField("description"), numberField("initialBid"),
		numberField("reserve"), timeField("dateTime"), timeField("expires"), numberField("seller"), numberField("category"), textField("extra"))},
	{Name: "bid", Type: types.TRow(numberField("auction"), numberField("bidder"), numberField("price"), textField("channel"), textField("url"),
		timeField("dateTime"), textField("extra"))},
}

func testTable(options ...string) connector.Table {
	o := connector.Options{"splits": "1"}
	for i := 0; i < len(options); i += 2 {
		o[options[i]] = options[i+1]
	}
	return connector.Table{Path: [3]string{"c", "d", "nexmark"}, Columns: columns, Options: o}
}

func open(t testing.TB, s connector.Source, split connector.Split, columns ...int) connector.Reader {
	t.Helper()
	r, err := s.Open(context.Background(), split, columns, func() {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func newTestSource(t testing.TB, table connector.Table, env connector.Env) connector.Source {
	t.Helper()
	s, err := Factory().NewSource(table, env)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// rowsOf reads what there is now, limit rows at a time.
func rowsOf(t testing.TB, r connector.Reader, limit int) []string {
	t.Helper()
	var out []string
	for {
		b, err := r.Poll(limit)
		if err != nil {
			t.Fatal(err)
		}
		if b == nil {
			return out
		}
		for i := range b.N {
			var row []byte
			for _, c := range b.Cols {
				row = append(vec.AppendText(row, c, i), '|')
			}
			out = append(out, string(row))
		}
	}
}

// all reads all splits of a table, limit rows at a time.
func all(t testing.TB, table connector.Table, limit int) []string {
	t.Helper()
	s := newTestSource(t, table, connector.Env{})
	splits, err := s.Splits(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, sp := range splits {
		r := open(t, s, sp, 0, 1, 2, 3)
		out = append(out, rowsOf(t, r, limit)...)
		if !r.Status().Done {
			t.Errorf("%s: not done at the end", sp.ID)
		}
	}
	return out
}

// TestFirst writes the first events out: recorded results hang on them.
func TestFirst(t *testing.T) {
	want := []string{
		"0|(1000, Jean Gauss, oujb@ae.com, 3536 1163 9774 7444, San Francisco, CA, 2015-07-15 00:00:00.000,",
		"1||(1000, kuujkcosvzqncl, mkehqulhgiqchgei sekkpzmpyceqvtmiifbirtzlcta umhg ay ph rmmgefmomsgs ypbjcjduibqntcprzcndlnrcu, 262, 175376, 2015-07-15 00:00:00.000, 2015-07-15 00:00:00.116, 1000, 13,",
		"1||(1001,",
		"1||(1002,",
		"2|||(1005, 2006, 949098, Google, https://www.nexmark.com/nj/jnu/ino/item.htm?query=1, 2015-07-15 00:00:00.000, fkzcgevccqtnapiyoozstkbztkjwelzncmxwbctfozethcjxgkyfkbbqmwnioa)",
	}
	got := all(t, testTable("events.num", "5"), 100)
	for i, w := range want {
		if g := strings.ReplaceAll(got[i], "NULL", ""); !strings.HasPrefix(g, w) {
			t.Errorf("event %d:\n got %s\nwant %s …", i, g, w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d events", len(got))
	}
}

// TestSame: how many splits there are, and how much is asked for at once, changes
// nothing in the events; another seed changes them.
func TestSame(t *testing.T) {
	want := all(t, testTable("events.num", "1234"), 4096)
	if len(want) != 1234 {
		t.Fatalf("%d events", len(want))
	}
	slices.Sort(want)
	for _, splits := range []string{"1", "2", "3", "7", "100"} {
		for _, limit := range []int{1, 49, 4096} {
			got := all(t, testTable("events.num", "1234", "splits", splits), limit)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s splits, %d at a time: other events", splits, limit)
			}
		}
	}
	mixed := all(t, testTable("events.num", "1200", "out-of-order.group-size", "100"), 64)
	if slices.Equal(mixed, want[:1200]) {
		t.Error("events in groups are in order")
	}
	slices.Sort(mixed)
	inOrder := all(t, testTable("events.num", "1200"), 64)
	slices.Sort(inOrder)
	if !slices.Equal(mixed, inOrder) {
		t.Error("events out of order are not the events in order")
	}
	other := all(t, testTable("events.num", "1234", "seed", "1"), 4096)
	slices.Sort(other)
	if slices.Equal(other, want) {
		t.Error("another seed gives the same events")
	}
}

// TestRestore goes on from every position, with what the table says of splits
// changed meanwhile.
func TestRestore(t *testing.T) {
	s := newTestSource(t, testTable("events.num", "300", "splits", "2"), connector.Env{})
	later := newTestSource(t, testTable("events.num", "300", "splits", "5"), connector.Env{})
	splits, _ := s.Splits(context.Background())
	for _, sp := range splits {
		want := rowsOf(t, open(t, s, sp, 0, 3), 4096)
		first := open(t, s, sp, 0, 3)
		for i := range want {
			again := open(t, later, connector.Split{ID: sp.ID, Start: first.Position(), End: sp.End}, 0, 3)
			if got := rowsOf(t, again, 17); !slices.Equal(got, want[i:]) {
				t.Fatalf("%s from event %d on: other events", sp.ID, i)
			}
			if _, err := first.Poll(1); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, bad := range []connector.Split{{ID: "x", Start: encode(0)}, {ID: "events-2-of-2", Start: encode(0)}, {ID: "events-0-of-2", Start: []byte{1}}} {
		if _, err := s.Open(context.Background(), bad, nil, nil); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
}

// TestFields: a field is the same whichever others are used.
func TestFields(t *testing.T) {
	whole := newTestSource(t, testTable("events.num", "500"), connector.Env{})
	splits, _ := whole.Splits(context.Background())
	want, err := open(t, whole, splits[0], 1, 2, 3).Poll(1000)
	if err != nil {
		t.Fatal(err)
	}
	for c := 1; c <= 3; c++ {
		for f := range columns[c].Type.Fields {
			s := newTestSource(t, testTable("events.num", "500"), connector.Env{})
			s.(connector.FieldPruner).UseFields(c, []int{f})
			got, err := open(t, s, splits[0], c).Poll(1000)
			if err != nil {
				t.Fatal(err)
			}
			for r := range got.N {
				a, b := got.Cols[0], want.Cols[c-1]
				if a.IsNull(r) != b.IsNull(r) || !a.IsNull(r) && vec.Compare(a.Kids[f], r, b.Kids[f], r) != 0 {
					t.Fatalf("%s.%s of event %d is not the same alone", columns[c].Name, columns[c].Type.Fields[f].Name, r)
				}
				if other := (f + 1) % len(a.Kids); !a.Kids[other].IsNull(r) {
					t.Fatalf("%s.%s is made though nobody uses it", columns[c].Name, columns[c].Type.Fields[other].Name)
				}
			}
		}
	}
}

// TestShares holds the proportions of the public generator, over 200,000 events.
func TestShares(t *testing.T) {
	const n = 200_000
	s := newTestSource(t, testTable("events.num", fmt.Sprint(n)), connector.Env{})
	splits, _ := s.Splits(context.Background())
	r := open(t, s, splits[0], 0, 1, 2, 3)
	counts := map[string]float64{}
	var bidBytes float64
	for {
		b, err := r.Poll(4096)
		if err != nil {
			t.Fatal(err)
		}
		if b == nil {
			break
		}
		for i := range b.N {
			switch b.Cols[0].I32[i] {
			case 0:
				counts["person"]++
				counts["in "+b.Cols[1].Kids[5].Str(i)]++
			case 1:
				counts["auction"]++
				if b.Cols[2].Kids[7].I64[i]%100 == 0 {
					counts["hot seller"]++
				}
				if b.Cols[2].Kids[8].I64[i] == 10 {
					counts["category 10"]++
				}
			case 2:
				counts["bid"]++
				k := b.Cols[3].Kids
				if k[0].I64[i]%100 == 0 {
					counts["hot auction"]++
				}
				if k[1].I64[i]%100 == 1 {
					counts["hot bidder"]++
				}
				if !strings.HasPrefix(k[3].Str(i), "channel-") {
					counts["hot channel"]++
				} else if strings.Contains(k[4].Str(i), "&channel_id=") {
					counts["with channel_id"]++
				}
				if k[2].I64[i] < 10000 {
					counts["cheap"]++
				}
				bidBytes += 32 + float64(len(k[6].Bytes(i)))
			}
		}
	}
	for _, c := range []struct {
		what, of string
		share    float64
	}{
		{"hot seller", "auction", 0.75}, {"category 10", "auction", 0.2}, {"hot auction", "bid", 0.5}, {"hot bidder", "bid", 0.75},
		{"hot channel", "bid", 0.5}, {"with channel_id", "bid", 0.45}, {"cheap", "bid", 1. / 3}, {"in OR", "person", 1. / 6},
	} {
		if got := counts[c.what] / counts[c.of]; got < c.share*0.95 || got > c.share*1.05+0.012 {
			t.Errorf("%s: %.3f of all %ss, want %.3f", c.what, got, c.of, c.share)
		}
	}
	if counts["person"] != n/50 || counts["auction"] != 3*n/50 || counts["bid"] != 46*n/50 {
		t.Errorf("%v", counts)
	}
	if avg := bidBytes / counts["bid"]; avg < 99 || avg > 101 {
		t.Errorf("a bid has %.1f bytes on average", avg)
	}
}

// TestClock: times follow the rates, and never go back.
func TestClock(t *testing.T) {
	for _, c := range []struct {
		first, next int64
		sine        bool
		at          map[int64]int64
	}{
		{1000, 1000, false, map[int64]int64{0: 0, 1: 1, 5000: 5000}},
		{3_000_000, 3_000_000, false, map[int64]int64{3000: 1, 3_000_000: 1000}},
		{1000, 10, false, map[int64]int64{4999: 4999, 5000: 5000, 5001: 5100, 5050: 10_000, 5051: 10_001, 10100: 20_000}},
		{1000, 10, true, map[int64]int64{999: 999, 1000: 1000, 5050: 10_000}},
	} {
		k := newClock(0, c.first, c.next, 10*time.Second, c.sine, 1)
		for n, want := range c.at {
			if got := k.at(n); got != want {
				t.Errorf("%d/%d sine %t: event %d is at %d ms, want %d", c.first, c.next, c.sine, n, got, want)
			}
		}
		for n := int64(1); n < 12_000; n++ {
			if k.at(n) < k.at(n-1) {
				t.Fatalf("%d/%d sine %t: event %d is before the one before it", c.first, c.next, c.sine, n)
			}
		}
	}
	for _, group := range []int64{1, 2, 3, 953, 1000, 1906} {
		k := newClock(0, 1, 1, 0, false, group)
		seen := map[int64]bool{}
		for n := range 2 * group {
			m := k.shuffled(n)
			if seen[m] || m/group != n/group {
				t.Fatalf("groups of %d: %d comes at %d", group, m, n)
			}
			seen[m] = true
		}
	}
}

// TestPace: with a limited rate an event is there when it is due, and not before.
func TestPace(t *testing.T) {
	now := time.Unix(1000, 0)
	s := newTestSource(t, testTable("rate.limited", "true", "first-event.rate", "1000", "events.num", "5000"), connector.Env{Now: func() time.Time { return now }})
	splits, _ := s.Splits(context.Background())
	r := open(t, s, splits[0], 0)
	for i, c := range []struct {
		after time.Duration
		rows  int
	}{{0, 1}, {0, 0}, {10 * time.Millisecond, 10}, {time.Second, 1000}, {time.Hour, 3989}, {0, 0}} {
		now = now.Add(c.after)
		if got := len(rowsOf(t, r, 4096)); got != c.rows {
			t.Errorf("step %d: %d events, want %d", i, got, c.rows)
		}
	}
	if st := r.Status(); !st.Done || !st.Drained {
		t.Errorf("at the end: %+v", st)
	}
}

// TestStops: 'stop-at' and 'keep-alive' leave a source open.
func TestStops(t *testing.T) {
	for _, c := range []struct {
		options []string
		rows    int
		bounded bool
	}{
		{[]string{"events.num", "100", "stop-at", "60"}, 60, false},
		{[]string{"events.num", "100", "keep-alive", "true"}, 100, false},
		{[]string{"events.num", "100"}, 100, true},
		{[]string{"stop-at", "60"}, 60, false},
	} {
		s := newTestSource(t, testTable(c.options...), connector.Env{})
		splits, _ := s.Splits(context.Background())
		r := open(t, s, splits[0], 0)
		got := len(rowsOf(t, r, 7))
		if st := r.Status(); got != c.rows || s.Bounded() != c.bounded || st.Done != c.bounded || !st.Drained {
			t.Errorf("%v: %d events, bounded %t, %+v", c.options, got, s.Bounded(), st)
		}
	}
}

func TestBadTables(t *testing.T) {
	for _, c := range []struct {
		columns []connector.Column
		options []string
		want    string
	}{
		{[]connector.Column{{Name: "x", Type: types.TInt}}, nil, "has no column 'x'"},
		{[]connector.Column{{Name: "event_type", Type: types.TString}}, nil, "it must be an INT"},
		{[]connector.Column{{Name: "bid", Type: types.TString}}, nil, "it must be a ROW"},
		{[]connector.Column{{Name: "bid", Type: types.TRow(numberField("x"))}}, nil, "has no field 'x'"},
		{[]connector.Column{{Name: "bid", Type: types.TRow(textField("price"))}}, nil, "it must be a BIGINT"},
		{[]connector.Column{{Name: "bid", Type: types.TRow(numberField("dateTime"))}}, nil, "it must be a TIMESTAMP(3)"},
		{columns, []string{"bid.avg-size", "huge"}, "option 'bid.avg-size'"},
		{columns, []string{"rate.period", "long"}, "option 'rate.period'"},
	} {
		table := testTable(c.options...)
		table.Columns = c.columns
		if err := Factory().Check(table); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v %v: %v, want %s", c.columns, c.options, err, c.want)
		}
	}
}

// BenchmarkBids reads the columns of bids that most queries use, and all of them.
func BenchmarkBids(b *testing.B) {
	for _, c := range []struct {
		name   string
		fields []int
	}{{"auction,bidder,price,dateTime", []int{0, 1, 2, 5}}, {"all", []int{0, 1, 2, 3, 4, 5, 6}}} {
		b.Run(c.name, func(b *testing.B) {
			s := newTestSource(b, testTable(), connector.Env{})
			s.(connector.FieldPruner).UseFields(3, c.fields)
			splits, _ := s.Splits(context.Background())
			r := open(b, s, splits[0], 0, 3)
			b.ReportAllocs()
			for left := b.N; left > 0; {
				batch, err := r.Poll(min(left, 4096))
				if err != nil {
					b.Fatal(err)
				}
				left -= batch.N
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mevents/s")
		})
	}
}
