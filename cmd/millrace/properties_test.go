package main

import (
	"maps"
	"testing"
)

func TestProperties(t *testing.T) {
	for _, c := range []struct {
		text string
		want map[string]string
	}{
		{"", map[string]string{}},
		{"# a comment\n! another\n\n  a = b \n", map[string]string{"a": "b"}},
		{"a:b\nc d\ne=f=g\r\nh", map[string]string{"a": "b", "c": "d", "e": "f=g", "h": ""}},
		{"list=a,\\\n     b,\\\n     c\nnext=x", map[string]string{"list": "a,b,c", "next": "x"}},
		{`path=C:\\dir` + "\n" + `tab=a\tb` + "\n" + `u=\u00e4`, map[string]string{"path": `C:\dir`, "tab": "a\tb", "u": "ä"}},
		{`a\=b=c` + "\n" + `jaas=m required user_x="a#b";`, map[string]string{"a=b": "c", "jaas": `m required user_x="a#b";`}},
		{"last=continued\\", map[string]string{"last": "continued"}},
	} {
		got, bad := parseProperties(c.text)
		if bad != 0 || !maps.Equal(got, c.want) {
			t.Errorf("%q: %q, line %d, want %q", c.text, got, bad, c.want)
		}
	}
	if _, bad := parseProperties("a=b\n=c"); bad != 2 {
		t.Errorf("a line without a name: %d", bad)
	}
}

func FuzzProperties(f *testing.F) {
	f.Add("a=b\\\nc\\u12")
	f.Fuzz(func(t *testing.T, text string) { parseProperties(text) })
}
