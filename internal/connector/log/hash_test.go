package log

import "testing"

// TestMurmur2 holds the hash against the values that Kafka's own test has (UtilsTest).
func TestMurmur2(t *testing.T) {
	for key, want := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536, "a-little-bit-longer-string": -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971, "abc": 479470107,
	} {
		if got := int32(murmur2([]byte(key))); got != want {
			t.Errorf("%s: %d, want %d", key, got, want)
		}
		// Kafka takes the sign bit off, instead of the absolute value.
		if got, want := PartitionOf([]byte(key), 7), int(uint32(want)&0x7fffffff%7); got != want {
			t.Errorf("%s goes to %d, want %d", key, got, want)
		}
	}
}
