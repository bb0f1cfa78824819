package auth

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Mapping makes a user's name of a certificate's distinguished name, by the setting ssl.principal.mapping.rules (KIP-371): rules with
// commas between them, of which the first that matches decides.
//
//	DEFAULT                         the distinguished name as it is
//	RULE:pattern/replacement/[LU]   $1 … stand for the pattern's groups; L and U make the result lower and upper case
//
// A slash or a backslash within a rule is written with a backslash before it. Patterns are Java's there and RE2's here: look-around
// and back-references are refused.
type Mapping struct{ rules []mappingRule }

type mappingRule struct {
	pattern     *regexp.Regexp // nil for DEFAULT
	replacement string
	fold        func(string) string
}

// ruleSyntax is one rule at the start of what is left, and the comma after it.
var ruleSyntax = regexp.MustCompile(`^\s*(?:(DEFAULT)|RULE:((?:\\.|[^\\/])*)/((?:\\.|[^\\/])*)/([LU]?))\s*(?:,|$)`)

// ParseMapping reads the setting. An empty one is DEFAULT.
func ParseMapping(rules string) (*Mapping, error) {
	m := &Mapping{}
	rest := strings.TrimSpace(rules)
	if rest == "" {
		rest = "DEFAULT"
	}
	for rest != "" {
		at := ruleSyntax.FindStringSubmatch(rest)
		if at == nil {
			return nil, fmt.Errorf("ssl.principal.mapping.rules: expected DEFAULT or RULE:pattern/replacement/[LU] at %q", rest)
		}
		rest = strings.TrimLeft(rest[len(at[0]):], " \t\n")
		if at[1] != "" {
			m.rules = append(m.rules, mappingRule{})
			continue
		}
		pattern, err := regexp.Compile(`^(?:` + at[2] + `)$`)
		if err != nil {
			return nil, fmt.Errorf("ssl.principal.mapping.rules: pattern %q: %w", at[2], err)
		}
		rule := mappingRule{pattern: pattern, replacement: javaReplacement(at[3])}
		switch at[4] {
		case "L":
			rule.fold = strings.ToLower
		case "U":
			rule.fold = strings.ToUpper
		}
		m.rules = append(m.rules, rule)
	}
	return m, nil
}

// javaReplacement turns Java's $1 and backslashes into what Go's Expand takes.
func javaReplacement(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			if s[i] == '$' {
				b.WriteByte('$')
			}
			b.WriteByte(s[i])
		case s[i] == '$' && i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9':
			i++
			b.WriteString("${" + strconv.Itoa(int(s[i]-'0')) + "}")
		case s[i] == '$':
			b.WriteString("$$")
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// Name is the user's name for a distinguished name. A name that no rule matches has no user, and its connection is refused.
func (m *Mapping) Name(dn string) (string, error) {
	for _, r := range m.rules {
		if r.pattern == nil {
			return dn, nil
		}
		at := r.pattern.FindStringSubmatchIndex(dn)
		if at == nil {
			continue
		}
		name := string(r.pattern.ExpandString(nil, r.replacement, dn, at))
		if r.fold != nil {
			name = r.fold(name)
		}
		return name, nil
	}
	return "", fmt.Errorf("no rule of ssl.principal.mapping.rules applies to %s", dn)
}
