package log

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/millrace/millrace/internal/connector"
	_ "github.com/millrace/millrace/internal/format/json"
	_ "github.com/millrace/millrace/internal/format/raw"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
	"github.com/millrace/millrace/internal/wire"
)

// TestReader reads records, given a line each as "key | value" where NULL is null,
// through a table id INT, v STRING; "upsert" makes id its primary key, other
// arguments are options; "without-id" asks for the other columns only. Rows come with
// their kind and, last, their offset.
func TestReader(t *testing.T) {
	datadriven.RunTest(t, "testdata/reader.txt", func(t *testing.T, d *datadriven.TestData) string {
		table := connector.Table{Path: [3]string{"c", "d", "t"}, Options: map[string]string{},
			Columns: []connector.Column{{Name: "id", Type: types.TInt}, {Name: "v", Type: types.TString}, {Name: "o", Type: types.TBigInt, Metadata: "offset"}}}
		limit, columns := vec.BatchRows, []int{0, 1, 2}
		for _, a := range d.CmdArgs {
			switch a.Key {
			case "upsert":
				table.PrimaryKey = []int{0}
			case "limit":
				d.ScanArgs(t, "limit", &limit)
			case "without-id":
				columns = []int{1, 2}
			case "key-type":
				table.Columns[0].Type = types.TString
			default:
				table.Options[a.Key] = a.Vals[0]
			}
		}
		out, err := readLines(table, strings.Split(d.Input, "\n"), limit, columns)
		if err != nil {
			out += "error: " + err.Error() + "\n"
		}
		return out
	})
}

func readLines(table connector.Table, lines []string, limit int, columns []int) (string, error) {
	l, err := newLayout(table, connector.Env{})
	if err != nil {
		return "", err
	}
	r, err := newReader(l, columns)
	if err != nil {
		return "", err
	}
	b := wire.NewBuilder(nil)
	for _, line := range lines {
		key, value, _ := strings.Cut(line, "|")
		b.Append(0, orNull(key), orNull(value), nil)
	}
	r.partition, r.end = onePartition{batch: b.Bytes(), n: int64(len(lines))}, int64(len(lines))
	var out strings.Builder
	for !r.done() {
		b, err := r.Poll(limit)
		if err != nil {
			return out.String(), err
		}
		if b == nil {
			break
		}
		for i := range b.Len() {
			kind := types.Insert
			if b.Kinds != nil {
				kind = b.Kinds[i]
			}
			var values []string
			for _, c := range b.Cols {
				values = append(values, fmt.Sprint(vec.Value(c, i)))
			}
			fmt.Fprintf(&out, "%s %s\n", kind, strings.Join(values, "|"))
		}
	}
	fmt.Fprintf(&out, "skipped %d\n", r.Status().Skipped)
	return out.String(), nil
}

func orNull(s string) []byte {
	if s = strings.TrimSpace(s); s == "NULL" {
		return nil
	}
	return []byte(s)
}

// onePartition is a partition of one batch of n records.
type onePartition struct {
	Partition
	batch []byte
	n     int64
}

func (p onePartition) Read(_ int64, _ int, buf []byte) ([]byte, error) {
	return append(buf, p.batch...), nil
}
func (p onePartition) Aborted(int64, int64) ([]Aborted, error) { return nil, nil }
func (p onePartition) LastStableOffset() int64                 { return p.n }
func (p onePartition) HighWatermark() int64                    { return p.n }
func (p onePartition) LastAppend() time.Time                   { return time.Time{} }
