package raw

import (
	"bytes"
	"testing"

	"github.com/millrace/millrace/internal/format"
	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func TestRaw(t *testing.T) {
	for _, c := range []struct {
		typ    types.Type
		x      any
		little bool
		want   []byte
	}{
		{types.TString, "häß", false, []byte("häß")},
		{types.TString, "", false, []byte{}},
		{types.TBytes, []byte{1, 0}, false, []byte{1, 0}},
		{types.TBool, true, false, []byte{1}},
		{types.TTinyInt, -2, false, []byte{0xfe}},
		{types.TSmall, 258, false, []byte{1, 2}},
		{types.TInt, -2, false, []byte{0xff, 0xff, 0xff, 0xfe}},
		{types.TBigInt, 258, true, []byte{2, 1, 0, 0, 0, 0, 0, 0}},
		{types.TFloat, 1.0, false, []byte{0x3f, 0x80, 0, 0}},
		{types.TDouble, 1.0, true, []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f}},
	} {
		cfg := format.Config{Columns: []format.Column{{Name: "v", Type: c.typ}}}
		if c.little {
			cfg.Options = map[string]string{"endianness": "little-endian"}
		}
		e, err := newEncoder(cfg)
		if err != nil {
			t.Fatal(err)
		}
		v := vec.Const(c.typ, c.x, 1)
		out, err := e.Encode([]byte{}, []*vec.Vector{v}, 0)
		if err != nil || !bytes.Equal(out, c.want) {
			t.Errorf("%v as %s: %x %v, want %x", c.x, c.typ, out, err, c.want)
		}
		d, err := newDecoder(cfg)
		if err != nil {
			t.Fatal(err)
		}
		d.Reset(1)
		if n, err := d.Decode(out); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		back, _ := d.Finish()
		if vec.Compare(v, 0, back[0], 0) != 0 {
			t.Errorf("%x as %s: %v, want %v", out, c.typ, vec.Value(back[0], 0), c.x)
		}
	}
}

func TestRawErrors(t *testing.T) {
	one := format.Column{Name: "v", Type: types.TInt}
	d, err := newDecoder(format.Config{Columns: []format.Column{one}})
	if err != nil {
		t.Fatal(err)
	}
	d.Reset(1)
	if _, err := d.Decode([]byte("abc")); err == nil || err.Error() != "column v: 'abc' is not an INT (it has 3 bytes, not 4)" {
		t.Error(err)
	}
	if _, err := newDecoder(format.Config{Columns: []format.Column{one, one}}); err == nil {
		t.Error("two columns are taken")
	}
	if _, err := newDecoder(format.Config{Columns: []format.Column{{Name: "d", Type: types.TDate}}}); err == nil {
		t.Error("a DATE is taken")
	}
}
