package function

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/millrace/millrace/internal/types"
	"github.com/millrace/millrace/internal/vec"
)

func init() {
	register(
		stringFn("ASCII", "ASCII(a)", "The first byte of a; 0 if it is empty.", []Example{{"ASCII('abc')", "97"}, {"ASCII('')", "0"}},
			giveInt("(STRING)", 0, func(args []*vec.Vector, r int) int {
				if s := args[0].Bytes(r); len(s) > 0 {
					return int(int8(s[0]))
				}
				return 0
			}, pString)),
		stringFn("CHR", "CHR(n)", "The character with the number n modulo 256; '' if n is negative.", []Example{{"CHR(97)", "a"}, {"CHR(353)", "a"}, {"CHR(-1)", ""}},
			giveText("(BIGINT)", 0, func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
				if n := args[0].I64[r]; n >= 0 {
					dst = utf8.AppendRune(dst, rune(n&255))
				}
				return dst, nil
			}, pLong)),
		stringFn("TO_BASE64", "TO_BASE64(a)", "The bytes in Base64.", []Example{{"TO_BASE64('hello world')", "aGVsbG8gd29ybGQ="}},
			giveText("(STRING)", 0, toBase64, pString), giveText("(BYTES)", 0, toBase64, pBytes)),
		stringFn("FROM_BASE64", "FROM_BASE64(a)", "The text that is in Base64.", []Example{{"FROM_BASE64('aGVsbG8gd29ybGQ=')", "hello world"}, {"FROM_BASE64('#')", "error: FROM_BASE64: '#' is not Base64"}},
			giveText("(STRING)", 0, fromBase64, pString)),
		stringFn("ENCODE", "ENCODE(a, charset)", "a as bytes in US-ASCII, ISO-8859-1, UTF-8, UTF-16BE, UTF-16LE or UTF-16.",
			[]Example{{"TO_BASE64(ENCODE('hi', 'UTF-16LE'))", "aABpAA=="}},
			overload{text: "(STRING, STRING)", params: []param{pString, pString}, fixed: types.TBytes, kernel: func(*call) Kernel {
				return textOf(func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
					return appendEncoded(dst, args[0].Bytes(r), args[1].Str(r))
				})
			}}),
		stringFn("DECODE", "DECODE(a, charset)", "The text whose bytes in the charset are a.", []Example{{"DECODE(ENCODE('añ', 'UTF-16'), 'UTF-16')", "añ"}},
			giveText("(BYTES, STRING)", 0, func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
				return appendDecoded(dst, args[0].Bytes(r), args[1].Str(r))
			}, pBytes, pString)),
		stringFn("URL_ENCODE", "URL_ENCODE(a)", "a as a form field in a URL.", []Example{{"URL_ENCODE('a b&c')", "a+b%26c"}},
			giveText("(STRING)", 0, func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
				// Java leaves * as it is and writes ~ in hex, Go the other way round.
				s := strings.ReplaceAll(url.QueryEscape(args[0].Str(r)), "~", "%7E")
				return append(dst, strings.ReplaceAll(s, "%2A", "*")...), nil
			}, pString)),
		stringFn("URL_DECODE", "URL_DECODE(a)", "The text that URL_ENCODE made a of; NULL if it is none.", []Example{{"URL_DECODE('a+b%26c')", "a b&c"}, {"URL_DECODE('%zz')", "NULL"}},
			nullable(giveText("(STRING)", 0, func(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, out *vec.Vector) ([]byte, error) {
				s, err := url.QueryUnescape(args[0].Str(r))
				if err != nil {
					out.SetNull(r)
				}
				return append(dst, s...), nil
			}, pString))),
	)
}

func toBase64(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
	return base64.StdEncoding.AppendEncode(dst, args[0].Bytes(r)), nil
}

func fromBase64(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, _ *vec.Vector) ([]byte, error) {
	text := args[0].Bytes(r)
	encoding := base64.StdEncoding
	if len(text)%4 != 0 {
		encoding = base64.RawStdEncoding
	}
	out, err := encoding.AppendDecode(dst, text)
	if err != nil {
		return dst, errors.New("FROM_BASE64: " + quote(text) + " is not Base64")
	}
	return out, nil
}

// appendEncoded writes text in a charset; what the charset lacks is '?', as in
// Java.
func appendEncoded(dst, s []byte, charset string) ([]byte, error) {
	switch strings.ToUpper(charset) {
	case "UTF-8":
		return append(dst, s...), nil
	case "US-ASCII":
		return appendNarrow(dst, s, 128), nil
	case "ISO-8859-1":
		return appendNarrow(dst, s, 256), nil
	case "UTF-16BE":
		return appendUTF16(dst, s, binary.BigEndian), nil
	case "UTF-16LE":
		return appendUTF16(dst, s, binary.LittleEndian), nil
	case "UTF-16":
		return appendUTF16(append(dst, 0xFE, 0xFF), s, binary.BigEndian), nil
	}
	return dst, errCharset(charset)
}

func errCharset(name string) error {
	return fmt.Errorf("there is no charset '%s'; take US-ASCII, ISO-8859-1, UTF-8, UTF-16BE, UTF-16LE or UTF-16", name)
}

func appendNarrow(dst, s []byte, limit rune) []byte {
	for _, c := range string(s) {
		if c >= limit {
			c = '?'
		}
		dst = append(dst, byte(c))
	}
	return dst
}

func appendUTF16(dst, s []byte, order binary.AppendByteOrder) []byte {
	for _, u := range utf16.Encode([]rune(string(s))) {
		dst = order.AppendUint16(dst, u)
	}
	return dst
}

func appendDecoded(dst, b []byte, charset string) ([]byte, error) {
	var order binary.ByteOrder = binary.BigEndian
	switch strings.ToUpper(charset) {
	case "UTF-8":
		return append(dst, strings.ToValidUTF8(string(b), "\uFFFD")...), nil
	case "US-ASCII", "ISO-8859-1":
		for _, c := range b {
			if c >= 128 && strings.EqualFold(charset, "US-ASCII") {
				dst = append(dst, "\uFFFD"...)
				continue
			}
			dst = utf8.AppendRune(dst, rune(c))
		}
		return dst, nil
	case "UTF-16BE":
	case "UTF-16LE":
		order = binary.LittleEndian
	case "UTF-16":
		if len(b) >= 2 && (b[0] == 0xFE && b[1] == 0xFF || b[0] == 0xFF && b[1] == 0xFE) {
			if b[0] == 0xFF {
				order = binary.LittleEndian
			}
			b = b[2:]
		}
	default:
		return dst, errCharset(charset)
	}
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = order.Uint16(b[2*i:])
	}
	return append(dst, string(utf16.Decode(units))...), nil
}
