package nexmark

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

// buckets is into how many parts a digest divides rows, by their hash: where two
// results differ in a few rows, most parts are the same, and a row of another part
// need not be looked for.
const buckets = 64

// Digest stands for a multiset of rows: in each bucket how many there are, and the sum
// of their hashes. Rows may come and go in any order, and digests of parts add up.
type Digest struct {
	count [buckets]int64
	sum   [buckets]uint64
	// Total is the sum of Query.Total, where there is one.
	Total int64
}

// Rows is how many rows there are.
func (d *Digest) Rows() (n int64) {
	for _, c := range d.count {
		n += c
	}
	return n
}

// Add puts all rows of another digest to these.
func (d *Digest) Add(o *Digest) {
	for i := range d.count {
		d.count[i] += o.count[i]
		d.sum[i] += o.sum[i]
	}
	d.Total += o.Total
}

// String is the digest as it is recorded: Parse reads it.
func (d *Digest) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "total %d", d.Total)
	for i := range d.count {
		fmt.Fprintf(&b, " %d:%x", d.count[i], d.sum[i])
	}
	return b.String()
}

// Short is one number for people and history files.
func (d *Digest) Short() string {
	h := uint64(d.Total)
	for i := range d.count {
		h = (h^d.sum[i])*0x9e3779b97f4a7c15 + uint64(d.count[i])
	}
	return fmt.Sprintf("%016x", h)
}

// ParseDigest reads what String writes.
func ParseDigest(text string) (*Digest, error) {
	words := strings.Fields(text)
	d := &Digest{}
	bad := fmt.Errorf("'%.40s' is no digest", text)
	if len(words) != buckets+2 || words[0] != "total" {
		return nil, bad
	}
	var err error
	if d.Total, err = strconv.ParseInt(words[1], 10, 64); err != nil {
		return nil, bad
	}
	for i, w := range words[2:] {
		count, sum, _ := strings.Cut(w, ":")
		if d.count[i], err = strconv.ParseInt(count, 10, 64); err != nil {
			return nil, bad
		}
		if d.sum[i], err = strconv.ParseUint(sum, 16, 64); err != nil {
			return nil, bad
		}
	}
	return d, nil
}

// Differ are the buckets in which two digests differ.
func (d *Digest) Differ(o *Digest) (out []int) {
	for i := range d.count {
		if d.count[i] != o.count[i] || d.sum[i] != o.sum[i] {
			out = append(out, i)
		}
	}
	return out
}

// bucketOf is where rows of a hash are counted.
func bucketOf(hash uint64) int { return int(hash >> 58) }

// digester adds rows to a digest. It belongs to one writer.
type digester struct {
	compare []int // columns, nil: all
	total   int   // a column, -1: none
	Digest
	rows   []int32
	hashes []uint64
}

// hash hashes the selected rows of b, by the columns that count.
func (d *digester) hash(b *vec.Batch) []uint64 {
	cols := b.Cols
	if d.compare != nil {
		cols = make([]*vec.Vector, len(d.compare))
		for i, c := range d.compare {
			cols[i] = b.Cols[c]
		}
	}
	if cap(d.hashes) < b.Len() {
		d.hashes = make([]uint64, b.Len())
	}
	vec.HashRows(cols, b.Sel, b.N, d.hashes[:cap(d.hashes)])
	return d.hashes[:b.Len()]
}

// add takes a batch of a changelog.
func (d *digester) add(b *vec.Batch) {
	if d.total >= 0 {
		for i := range b.Len() {
			d.Total += sign(b.Kind(b.Row(i))) * b.Cols[d.total].I64[b.Row(i)]
		}
		return
	}
	for i, h := range d.hash(b) {
		n := int64(1)
		if b.Kinds != nil {
			n = sign(b.Kinds[b.Row(i)])
		}
		d.count[bucketOf(h)] += n
		d.sum[bucketOf(h)] += uint64(n) * h
	}
}

// sign is 1 for a row that comes and -1 for one that goes.
func sign(k types.RowKind) int64 {
	if k == types.Delete || k == types.UpdateBefore {
		return -1
	}
	return 1
}
