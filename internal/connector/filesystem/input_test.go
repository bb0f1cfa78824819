package filesystem

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"
)

// TestCutOff: what is wrong with a compressed file is said in a person's words.
func TestCutOff(t *testing.T) {
	var whole bytes.Buffer
	z := gzip.NewWriter(&whole)
	io.WriteString(z, strings.Repeat("1,x\n", 1000))
	z.Close()
	damaged := bytes.Clone(whole.Bytes())
	damaged[len(damaged)-8] ^= 1
	for want, file := range map[string][]byte{
		"the compressed file is cut off":                         whole.Bytes()[:whole.Len()/2],
		"it is no gzip file, though its name ends as one's does": []byte("carrier,name\n9E,Endeavor\n"),
		"the compressed file is damaged: its checksum is wrong":  damaged,
	} {
		in := &input{}
		err := in.decompress(bytes.NewReader(file), ".gz")
		if err == nil {
			_, err = io.ReadAll(in)
		}
		if err == nil || cause(err).Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
