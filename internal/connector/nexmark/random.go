package nexmark

import (
	"encoding/binary"
	"math/bits"
)

// random is a stream of numbers for one field of one event (SplitMix64).
type random struct{ state uint64 }

const golden = 0x9e3779b97f4a7c15

// mix is a bijection that spreads every bit over all others.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// of is the stream of a field of event n.
func of(seed uint64, n int64, field uint64) random {
	return random{mix(seed ^ uint64(n)*golden + field*0xd1342543de82ef95)}
}

func (r *random) next() uint64 {
	r.state += golden
	return mix(r.state)
}

// below is a number from 0 to n-1.
func (r *random) below(n int64) int64 {
	hi, _ := bits.Mul64(r.next(), uint64(n))
	return int64(hi)
}

// letters appends n letters from a to z. Eight come from one number: a byte b is the
// letter b*26/256, which makes some a little more frequent than others.
func (r *random) letters(dst []byte, n int64) []byte {
	from := len(dst)
	for range (n + 7) / 8 {
		x := r.next()
		const low = 0x00ff00ff00ff00ff
		even := (x & low) * 26 >> 8 & low
		odd := (x >> 8 & low) * 26 & (low << 8)
		dst = binary.LittleEndian.AppendUint64(dst, even|odd+0x6161616161616161)
	}
	return dst[:from+int(n)]
}

// word appends from 3 to limit-1 letters, of which one in 13 is a blank, or what
// stands for one; there are none at its ends.
func (r *random) word(dst []byte, limit int64, blank byte) []byte {
	from := len(dst)
	for range 3 + r.below(limit-3) {
		if r.below(13) == 0 {
			dst = append(dst, blank)
		} else {
			dst = append(dst, byte('a'+r.below(26)))
		}
	}
	to := len(dst)
	for to > from && dst[to-1] == blank {
		to--
	}
	first := from
	for first < to && dst[first] == blank {
		first++
	}
	return append(dst[:from], dst[first:to]...)
}

// extra appends letters so that size and they are avg on the average, give or take
// a fifth.
func (r *random) extra(dst []byte, size, avg int64) []byte {
	if size > avg {
		return dst
	}
	avg -= size
	delta := (avg + 2) / 5
	n := avg - delta
	if delta > 0 {
		n += r.below(2 * delta)
	}
	return r.letters(dst, n)
}

// powers[k][b] is 10 to the power of 6·b/256^(k+1): three of them multiplied give the
// power of every fraction of 24 bits. They are made by multiplication alone, which is
// exact in the same way on every machine, as math.Pow is not: prices are part of
// recorded results.
var powers = func() (t [3][256]float64) {
	for k, root := range []float64{1.055449600878603, 1.0002108301829544, 1.0000008234689381} {
		t[k][0] = 1
		for b := 1; b < 256; b++ {
			t[k][b] = t[k][b-1] * root
		}
	}
	return t
}()

// price is 100 · 10^(6u) for an even u from 0 to 1: most are small, some very high.
func (r *random) price() int64 {
	x := r.next()
	p := powers[0][x>>56] * powers[1][x>>48&0xff] * powers[2][x>>40&0xff]
	return int64(float64(p*100) + 0.5)
}
