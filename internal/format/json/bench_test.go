package json

import (
	"fmt"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/format"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

var bidType = types.TRow(
	types.Field{Name: "auction", Type: types.TBigInt},
	types.Field{Name: "bidder", Type: types.TBigInt},
	types.Field{Name: "price", Type: types.TBigInt},
	types.Field{Name: "channel", Type: types.TString},
	types.Field{Name: "url", Type: types.TString},
	types.Field{Name: "dateTime", Type: types.TTimestamp(3)},
	types.Field{Name: "extra", Type: types.TString},
)

// bidLines are records of Nexmark's table as its generator writes them to Kafka.
func bidLines(n int) (lines [][]byte, bytes int64) {
	for i := range n {
		line := fmt.Appendf(nil, `{"event_type":2,"person":null,"auction":null,"bid":{"auction":%d,"bidder":%d,"price":%d,"channel":"%s",`+
			`"url":"https://www.nexmark.com/abc/def/item.htm?query=1&channel_id=%d","dateTime":"2026-01-02 03:04:%02d.%03d","extra":"%s"}}`,
			1000+i, 2001+i*7%1000, 100+i*i%1000000, [...]string{"Google", "Facebook", "Baidu", "Apple", "channel-77"}[i%5],
			i*7919%100000, i/1000%60, i%1000, strings.Repeat("abcdefgh", 4+i%5))
		lines = append(lines, line)
		bytes += int64(len(line))
	}
	return lines, bytes
}

func mustDecoder(tb testing.TB, opts map[string]string, cols ...format.Column) format.Decoder {
	tb.Helper()
	d, err := newDecoder(format.Config{Columns: cols, Options: opts})
	if err != nil {
		tb.Fatal(err)
	}
	d.Reset(vec.BatchRows)
	return d
}

func benchmark(b *testing.B, cols ...format.Column) {
	lines, size := bidLines(4096)
	d := mustDecoder(b, nil, cols...)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		d.Reset(len(lines))
		for _, l := range lines {
			if _, err := d.Decode(l); err != nil {
				b.Fatal(err)
			}
		}
		d.Finish()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(lines)), "ns/row")
}

// BenchmarkJSONBid decodes Nexmark's bids: seven fields of a nested object.
func BenchmarkJSONBid(b *testing.B) { benchmark(b, format.Column{Name: "bid", Type: bidType}) }

// BenchmarkJSONBidPrice decodes one field and passes over the others.
func BenchmarkJSONBidPrice(b *testing.B) {
	benchmark(b, format.Column{Name: "bid", Type: types.TRow(bidType.Fields[2])})
}

func BenchmarkJSONEncodeBid(b *testing.B) {
	lines, size := bidLines(4096)
	col := format.Column{Name: "bid", Type: bidType}
	d := mustDecoder(b, nil, col)
	for _, l := range lines {
		d.Decode(l)
	}
	cols, _ := d.Finish()
	e, _ := newEncoder(format.Config{Columns: []format.Column{col}})
	b.SetBytes(size)
	b.ReportAllocs()
	buf := []byte{}
	for b.Loop() {
		buf = buf[:0]
		for i := range lines {
			buf, _ = e.Encode(buf, cols, i)
		}
	}
}
