package format

import (
	"errors"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/types"
)

func TestParseErrorText(t *testing.T) {
	long := strings.Repeat("x", 59) + "éé"
	for _, c := range []struct {
		err  *ParseError
		want string
	}{
		{NewParseError("dep_delay", []byte("abc"), "INT", ""), "column dep_delay: 'abc' is not an INT"},
		{NewParseError("d", []byte("2013-02-30"), "DATE", "there is no such day"), "column d: '2013-02-30' is not a DATE (there is no such day)"},
		{NewParseError("", []byte("x"), "JSON", ""), "'x' is not JSON"},
		{NewParseError("", []byte(long), "JSON", ""), "'" + strings.Repeat("x", 59) + "…' is not JSON"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
	if r := Reason(types.TInt, errors.New("obvious")); r != "" {
		t.Error(r)
	}
	if r := Reason(types.TInt, types.ErrRange); r == "" {
		t.Error("a number out of range needs a reason")
	}
}

func TestProjected(t *testing.T) {
	c := Config{Columns: []Column{{Name: "a"}, {Name: "b"}, {Name: "c"}}}
	if p := c.Projected(); len(p) != 3 {
		t.Error(p)
	}
	c.Project = []int{2, 0}
	if p := c.Projected(); len(p) != 2 || p[0].Name != "c" || p[1].Name != "a" {
		t.Error(p)
	}
}

func TestSettings(t *testing.T) {
	f := &Factory{Name: "f", Options: []Option{
		{Name: "on", Type: "bool", Default: "true"}, {Name: "mode", Type: "enum", Default: "A", Values: []string{"A", "B"}}, {Name: "free", Type: "string"},
	}}
	s, err := f.Settings(map[string]string{"on": "FALSE", "mode": "b"})
	if err != nil || s.Bool("on") || s.String("mode") != "B" {
		t.Errorf("%+v %v", s, err)
	}
	if _, ok := s.Lookup("free"); ok {
		t.Error("an option without default is set")
	}
	_, err = f.Settings(map[string]string{"of": "x"})
	if want := "unknown option 'f.of': format f knows on, mode, free"; err == nil || err.Error() != want {
		t.Error(err)
	}
}
