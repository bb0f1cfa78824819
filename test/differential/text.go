package differential

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A message's text, the same for requests and answers:
//
//	message = { field "=" value }
//	value   = word | "quoted" | "[" { value } "]" | "{" message "}" | "(" batch ")"
//
// Fields are kmsg's; one that is at its default is left out. What is masked is replaced by its name among names.

// tokens cuts a text into brackets, equal signs, words and quoted strings (with their quotes).
func tokens(s string) (list []string, err error) {
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		n := 1
		switch {
		case strings.ContainsRune("[]{}()=", rune(s[0])):
		case s[0] == '"':
			q, err := strconv.QuotedPrefix(s)
			if err != nil {
				return nil, fmt.Errorf("unended string: %s", s)
			}
			n = len(q)
		default:
			if n = strings.IndexFunc(s, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("[]{}()=\"", r) }); n < 0 {
				n = len(s)
			}
		}
		list, s = append(list, s[:n]), s[n:]
	}
	return list, nil
}

// parser fills a message from tokens.
type parser struct {
	t     []string
	names *names
}

func (p *parser) peek() string {
	if len(p.t) == 0 {
		return ""
	}
	return p.t[0]
}

func (p *parser) next() string {
	s := p.peek()
	if len(p.t) > 0 {
		p.t = p.t[1:]
	}
	return s
}

func (p *parser) expect(s string) {
	if got := p.next(); got != s {
		panic(fmt.Errorf("expected %q, got %q", s, got))
	}
}

// parseMessage sets the fields that a text names.
func parseMessage(into any, text string, n *names) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%v", v)
		}
	}()
	t, err := tokens(text)
	if err != nil {
		return err
	}
	p := &parser{t: t, names: n}
	p.fields(reflect.ValueOf(into).Elem(), "")
	return nil
}

func (p *parser) fields(v reflect.Value, end string) {
	for p.peek() != end {
		name := p.next()
		f := v.FieldByName(name)
		if !f.IsValid() {
			panic(fmt.Errorf("%s has no field %q", v.Type().Name(), name))
		}
		p.expect("=")
		p.value(f, name)
	}
	if end != "" {
		p.expect(end)
	}
}

func (p *parser) value(v reflect.Value, field string) {
	switch {
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
		if p.peek() == "(" {
			v.SetBytes(p.batches())
		} else if s := p.word(); s != "null" {
			v.SetBytes([]byte(s))
		}
	case v.Kind() == reflect.Slice:
		if p.peek() == "null" {
			p.next()
			return
		}
		p.expect("[")
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		for p.peek() != "]" {
			e := reflect.New(v.Type().Elem()).Elem()
			p.value(e, field)
			v.Set(reflect.Append(v, e))
		}
		p.expect("]")
	case v.Kind() == reflect.Struct:
		setDefaults(v)
		p.expect("{")
		p.fields(v, "}")
	case v.Kind() == reflect.Pointer:
		if p.peek() == "null" {
			p.next()
			v.SetZero()
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		p.value(v.Elem(), field)
	case v.Kind() == reflect.Array: // a topic id
		id := p.names.uuid(p.word())
		v.Set(reflect.ValueOf(id))
	default:
		p.scalar(v, field)
	}
}

func (p *parser) word() string {
	s := p.next()
	if strings.HasPrefix(s, `"`) {
		s, _ = strconv.Unquote(s)
	}
	return s
}

func (p *parser) scalar(v reflect.Value, field string) {
	s := p.word()
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Bool:
		v.SetBool(s == "true")
	default:
		n, ok := p.names.number(field, s)
		if !ok {
			panic(fmt.Errorf("%s: %q is not a number", field, s))
		}
		v.SetInt(n)
	}
}

func setDefaults(v reflect.Value) {
	if d, ok := v.Addr().Interface().(interface{ Default() }); ok {
		d.Default()
	}
}

// render prints a message; the fields of the outermost one that are lists get a line for each element.
func render(m kmsg.Response, n *names) []string {
	v := reflect.ValueOf(m).Elem()
	var lines []string
	var scalars []string
	for _, f := range shown(v) {
		fv := v.FieldByName(f)
		if fv.Kind() != reflect.Slice || fv.Type().Elem().Kind() != reflect.Struct || masked(f) {
			scalars = append(scalars, f+"="+n.render(f, fv))
			continue
		}
		if fv.Len() == 0 {
			scalars = append(scalars, f+"=[]")
		}
		for i := range fv.Len() {
			lines = append(lines, f+" "+n.render(f, fv.Index(i)))
		}
	}
	if len(scalars) > 0 {
		lines = append([]string{strings.Join(scalars, " ")}, lines...)
	}
	if len(lines) == 0 {
		lines = []string{"ok"}
	}
	return lines
}

// shown are the fields of a struct that are not at their defaults, nor of no interest here.
func shown(v reflect.Value) (fields []string) {
	def := reflect.New(v.Type()).Elem()
	setDefaults(def)
	for i := range v.NumField() {
		f := v.Type().Field(i).Name
		switch f {
		// Sentences are for people, and each broker has its own.
		case "Version", "UnknownTags", "ThrottleMillis", "ErrorMessage", "Configs", "AuthorizedOperations", "ClusterAuthorizedOperations":
			continue
		}
		if v.Field(i).Kind() == reflect.Slice && v.Field(i).Len() == 0 && def.Field(i).Len() == 0 {
			continue // kmsg does not always keep null and empty apart
		}
		if !reflect.DeepEqual(v.Field(i).Interface(), def.Field(i).Interface()) || namesProducer(v, f) {
			fields = append(fields, f)
		}
	}
	return fields
}

// namesProducer says whether a field is a producer id in an answer that is no error: 0 is one too.
func namesProducer(v reflect.Value, field string) bool {
	code := v.FieldByName("ErrorCode")
	return kindOf(field) == "P" && v.FieldByName(field).Kind() == reflect.Int64 && v.FieldByName(field).Int() >= 0 && (!code.IsValid() || code.Int() == 0)
}

func (n *names) render(field string, v reflect.Value) string {
	if masked(field) {
		return "…"
	}
	switch {
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
		return n.renderBatches(v.Bytes())
	case v.Kind() == reflect.Slice:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = n.render(field, v.Index(i))
		}
		return "[" + strings.Join(parts, " ") + "]"
	case v.Kind() == reflect.Struct:
		var parts []string
		for _, f := range shown(v) {
			parts = append(parts, f+"="+n.render(f, v.FieldByName(f)))
		}
		return "{" + strings.Join(parts, " ") + "}"
	case v.Kind() == reflect.Pointer:
		if v.IsNil() {
			return "null"
		}
		return n.render(field, v.Elem())
	case v.Kind() == reflect.Array:
		return n.nameUUID(v.Interface().([16]byte))
	case v.Kind() == reflect.String:
		if s := v.String(); s == "" || s == "null" || strings.ContainsAny(s, " []{}()=\"\n") {
			return strconv.Quote(s)
		}
		return v.String()
	case v.Kind() == reflect.Bool:
		return strconv.FormatBool(v.Bool())
	}
	return n.nameNumber(field, v.Int())
}

func errorName(code int64) string {
	if code == 0 {
		return "NONE"
	}
	if e, ok := kerr.ErrorForCode(int16(code)).(*kerr.Error); ok {
		return e.Message
	}
	return strconv.FormatInt(code, 10)
}
