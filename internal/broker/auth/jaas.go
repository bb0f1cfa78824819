package auth

import (
	"errors"
	"strings"
)

// ParseJAAS reads the one login module that a sasl.jaas.config setting holds: its class and its options. The errors never hold the text,
// which has passwords in it.
//
//	org.apache.kafka.common.security.plain.PlainLoginModule required username="admin" password="…" user_alice="…";
func ParseJAAS(s string) (module string, options map[string]string, err error) {
	words, err := jaasWords(s)
	if err != nil {
		return "", nil, err
	}
	if len(words) < 3 || words[len(words)-1] != ";" {
		return "", nil, errors.New("a JAAS configuration is: MODULE required NAME=\"VALUE\" …;")
	}
	options = map[string]string{}
	rest := words[2 : len(words)-1]
	for len(rest) > 0 {
		if len(rest) < 3 || rest[1] != "=" {
			return "", nil, errors.New("a JAAS configuration's options are NAME=\"VALUE\", and it ends with a semicolon")
		}
		options[rest[0]] = rest[2]
		rest = rest[3:]
	}
	return words[0], options, nil
}

func jaasWords(s string) (words []string, err error) {
	for {
		s = strings.TrimLeft(s, " \t\r\n")
		if s == "" {
			return words, nil
		}
		switch s[0] {
		case '=', ';':
			words, s = append(words, s[:1]), s[1:]
		case '"', '\'':
			var b strings.Builder
			quote, i := s[0], 1
			for ; i < len(s) && s[i] != quote; i++ {
				if s[i] == '\\' && i+1 < len(s) {
					i++
				}
				b.WriteByte(s[i])
			}
			if i == len(s) {
				return nil, errors.New("a quote of the JAAS configuration is not closed")
			}
			words, s = append(words, b.String()), s[i+1:]
		default:
			n := strings.IndexAny(s, " \t\r\n=;\"'")
			if n < 0 {
				n = len(s)
			}
			words, s = append(words, s[:n]), s[n:]
		}
	}
}

// JAASUsers are the users that a PlainLoginModule's options name: user_NAME="PASSWORD".
func JAASUsers(options map[string]string) map[string]string {
	users := map[string]string{}
	for name, password := range options {
		if user, ok := strings.CutPrefix(name, "user_"); ok {
			users[user] = password
		}
	}
	return users
}
