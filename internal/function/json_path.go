package function

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// jsonPath is a compiled path of the SQL/JSON path language, of which there are
// members, indexes and wildcards: lax $.a.b[0]['c d'][*].
type jsonPath struct {
	strict bool
	steps  []jsonStep
}

type jsonStep struct {
	key   string
	index int // -1: the member key; -2: all members and elements
}

const (
	jsonMember = -1
	jsonAll    = -2
)

func compileJSONPath(text string) (*jsonPath, error) {
	p := &jsonPath{}
	rest := strings.TrimSpace(text)
	if after, ok := strings.CutPrefix(rest, "strict "); ok {
		p.strict, rest = true, after
	} else {
		rest = strings.TrimPrefix(rest, "lax ")
	}
	rest, ok := strings.CutPrefix(strings.TrimSpace(rest), "$")
	for ok && rest != "" {
		var s jsonStep
		if s, rest, ok = cutStep(rest); ok {
			p.steps = append(p.steps, s)
		}
	}
	if !ok {
		return nil, fmt.Errorf("'%s' is no JSON path that is known here; it looks like $.a.b[0]['c']", text)
	}
	return p, nil
}

// cutStep reads .name, .*, [0], [*], ['name'] or ["name"].
func cutStep(s string) (step jsonStep, rest string, ok bool) {
	if strings.HasPrefix(s, ".[") {
		s = s[1:]
	}
	if name, isName := strings.CutPrefix(s, "."); isName {
		end := strings.IndexAny(name, ".[")
		if end < 0 {
			end = len(name)
		}
		key := strings.TrimSpace(name[:end])
		if key == "*" {
			return jsonStep{index: jsonAll}, name[end:], true
		}
		return jsonStep{key: key, index: jsonMember}, name[end:], key != "" && !strings.ContainsAny(key, "()?@")
	}
	if len(s) < 3 || s[0] != '[' {
		return step, "", false
	}
	if q := s[1]; q == '\'' || q == '"' {
		end := strings.IndexByte(s[2:], q)
		if end < 0 || !strings.HasPrefix(s[2+end+1:], "]") {
			return step, "", false
		}
		return jsonStep{key: s[2 : 2+end], index: jsonMember}, s[2+end+2:], true
	}
	inside, rest, ok := strings.Cut(s[1:], "]")
	if inside == "*" {
		return jsonStep{index: jsonAll}, rest, ok
	}
	n, err := strconv.Atoi(inside)
	return jsonStep{index: n}, rest, ok && err == nil && n >= 0
}

// find gives the value at the path as JSON text; nil if there is none. Values of
// a path with wildcards come as an array. doc must be valid JSON.
func (p *jsonPath) find(doc []byte) []byte {
	return findJSON(trimJSON(doc), p.steps)
}

func findJSON(v []byte, steps []jsonStep) []byte {
	for i, s := range steps {
		switch {
		case s.index == jsonAll:
			return findAll(v, steps[i+1:])
		case s.index == jsonMember:
			var found []byte
			eachMember(v, func(key, value []byte) {
				if keyIs(key, s.key) {
					found = value
				}
			})
			v = found
		default:
			var found []byte
			at := 0
			eachElement(v, func(value []byte) {
				if at == s.index {
					found = value
				}
				at++
			})
			v = found
		}
		if v == nil {
			return nil
		}
	}
	return v
}

func findAll(v []byte, rest []jsonStep) []byte {
	out := []byte{'['}
	add := func(value []byte) {
		if found := findJSON(value, rest); found != nil {
			if len(out) > 1 {
				out = append(out, ',')
			}
			out = append(out, found...)
		}
	}
	eachElement(v, add)
	eachMember(v, func(_, value []byte) { add(value) })
	return append(out, ']')
}

func keyIs(quoted []byte, key string) bool {
	if inner := quoted[1 : len(quoted)-1]; !strings.Contains(string(inner), `\`) {
		return string(inner) == key
	}
	return unquoteJSON(quoted) == key
}

// unquoteJSON is the text of a JSON string.
func unquoteJSON(quoted []byte) string {
	var s string
	_ = json.Unmarshal(quoted, &s) // it is valid
	return s
}

func trimJSON(b []byte) []byte {
	for len(b) > 0 && isJSONSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isJSONSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func isJSONSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// eachMember calls f for the members of an object; eachElement for the elements
// of an array. For other values they do nothing.
func eachMember(v []byte, f func(key, value []byte)) {
	if len(v) == 0 || v[0] != '{' {
		return
	}
	for rest := trimJSON(v[1 : len(v)-1]); len(rest) > 0; {
		n := valueEnd(rest)
		key := rest[:n]
		rest = trimJSON(rest[n:])[1:] // the colon
		rest = trimJSON(rest)
		n = valueEnd(rest)
		f(key, rest[:n])
		rest = nextJSON(rest[n:])
	}
}

func eachElement(v []byte, f func(value []byte)) {
	if len(v) == 0 || v[0] != '[' {
		return
	}
	for rest := trimJSON(v[1 : len(v)-1]); len(rest) > 0; {
		n := valueEnd(rest)
		f(rest[:n])
		rest = nextJSON(rest[n:])
	}
}

// nextJSON passes over a comma.
func nextJSON(b []byte) []byte {
	b = trimJSON(b)
	if len(b) > 0 && b[0] == ',' {
		b = trimJSON(b[1:])
	}
	return b
}

// valueEnd is the length of the value at the start of valid JSON.
func valueEnd(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\n', '\r', ':':
			if depth == 0 {
				return i
			}
		}
	}
	return len(b)
}
