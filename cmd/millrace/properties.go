package main

import (
	"fmt"
	"maps"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"
)

// readSettings are those of a file, if there is one, with those of --set over them.
func readSettings(file string, list []string) (map[string]string, error) {
	settings := map[string]string{}
	if file != "" {
		var err error
		if settings, err = readProperties(file); err != nil {
			return nil, err
		}
	}
	over, err := parseSettings(list)
	maps.Copy(settings, over)
	return settings, err
}

// readProperties reads a file of Java's properties, as Kafka's configuration files
// are. Its errors name the line, never what stands in it.
func readProperties(file string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read the configuration: %w", err)
	}
	out, line := parseProperties(string(text))
	if line > 0 {
		return nil, fmt.Errorf("%s:%d: expected NAME=VALUE", file, line)
	}
	return out, nil
}

// parseProperties reads NAME=VALUE, NAME:VALUE or NAME VALUE; a # or ! begins a
// comment, a backslash at a line's end continues it. bad is the first line that is
// not UTF-8 or has no name, 0 for none.
func parseProperties(text string) (out map[string]string, bad int) {
	out = map[string]string{}
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		first := i + 1
		line := strings.TrimLeft(lines[i], " \t\f")
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		for continues(line) {
			line = line[:len(line)-1]
			if i++; i == len(lines) {
				break
			}
			line += strings.TrimLeft(lines[i], " \t\f")
		}
		name, value := cutProperty(line)
		if name == "" || !utf8.ValidString(line) {
			return nil, first
		}
		out[unescapeProperty(name)] = strings.TrimRight(unescapeProperty(value), " \t")
	}
	return out, 0
}

// continues says whether a line ends with an odd number of backslashes.
func continues(line string) bool {
	return (len(line)-len(strings.TrimRight(line, `\`)))%2 == 1
}

func cutProperty(line string) (name, value string) {
	end := 0
	for end < len(line) && !strings.ContainsRune("=: \t\f", rune(line[end])) {
		if line[end] == '\\' {
			end++
		}
		end++
	}
	end = min(end, len(line))
	rest := strings.TrimLeft(line[end:], " \t\f")
	if rest != "" && (rest[0] == '=' || rest[0] == ':') {
		rest = strings.TrimLeft(rest[1:], " \t\f")
	}
	return line[:end], rest
}

func unescapeProperty(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 'r':
			b.WriteByte('\r')
		case 'f':
			b.WriteByte('\f')
		case 'u':
			if i+4 < len(s) {
				if r, err := strconv.ParseUint(s[i+1:i+5], 16, 16); err == nil {
					b.WriteRune(rune(r))
					i += 4
					continue
				}
			}
			b.WriteByte('u')
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
