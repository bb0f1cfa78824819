package function

import (
	"regexp"
	"strings"

	"github.com/millrace/millrace/internal/vec"
)

func init() {
	register(
		stringFn("PARSE_URL", "PARSE_URL(url, part [, key])", "A part of a URL: HOST, PATH, QUERY, REF, PROTOCOL, AUTHORITY, FILE or USERINFO; with a key, the value of that field of the QUERY. NULL if there is none.",
			[]Example{{"PARSE_URL('http://facebook.com/path1/p.php?k1=v1&k2=v2#Ref1', 'HOST')", "facebook.com"},
				{"PARSE_URL('http://facebook.com/path1/p.php?k1=v1&k2=v2#Ref1', 'QUERY', 'k2')", "v2"},
				{"PARSE_URL('http://u:p@a.b:80/c?d#e', 'FILE')", "/c?d"}, {"PARSE_URL('http://u:p@a.b:80/c?d#e', 'AUTHORITY')", "u:p@a.b:80"},
				{"PARSE_URL('nothing', 'HOST')", "NULL"}},
			nullable(giveText("(STRING, STRING [, STRING])", 1, parseURL, pString, pString, pString))),
	)
}

func parseURL(_ *vec.EvalContext, args []*vec.Vector, r int, dst []byte, out *vec.Vector) ([]byte, error) {
	part := args[1].Str(r)
	text, ok := urlPart(args[0].Str(r), part)
	if ok && len(args) == 3 {
		ok = part == "QUERY"
		if ok {
			text, ok = queryField(text, args[2].Str(r))
		}
	}
	if !ok {
		out.SetNull(r)
		return dst, nil
	}
	return append(dst, text...), nil
}

// urlScheme are the protocols that java.net.URL knows; another one makes a URL
// malformed, and the result NULL.
var urlScheme = regexp.MustCompile(`^(?i:(https?|ftp|file|jar|mailto)):`)

// urlPart takes a URL apart as java.net.URL does, which decodes nothing.
func urlPart(u, part string) (string, bool) {
	u = strings.TrimSpace(u)
	scheme := urlScheme.FindString(u)
	if scheme == "" {
		return "", false
	}
	rest, ref, hasRef := strings.Cut(u[len(scheme):], "#")
	path, query, hasQuery := strings.Cut(rest, "?")
	authority := ""
	if after, ok := strings.CutPrefix(path, "//"); ok {
		authority, path = after, ""
		if i := strings.IndexByte(after, '/'); i >= 0 {
			authority, path = after[:i], after[i:]
		}
	}
	host, user, hasUser := authority, "", false
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		user, host, hasUser = authority[:i], authority[i+1:], true
	}
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		host = host[:i]
	}
	switch part {
	case "HOST":
		return host, true
	case "PATH":
		return path, true
	case "QUERY":
		return query, hasQuery
	case "REF":
		return ref, hasRef
	case "PROTOCOL":
		return strings.ToLower(scheme[:len(scheme)-1]), true
	case "FILE":
		if hasQuery {
			path += "?" + query
		}
		return path, true
	case "AUTHORITY":
		return authority, authority != ""
	case "USERINFO":
		return user, hasUser
	}
	return "", false
}

func queryField(query, key string) (string, bool) {
	for _, f := range strings.Split(query, "&") {
		if v, ok := strings.CutPrefix(f, key+"="); ok {
			return v, true
		}
	}
	return "", false
}
