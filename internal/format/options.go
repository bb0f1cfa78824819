package format

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Settings are a format's options with their defaults filled in.
type Settings struct {
	format string
	values map[string]string
}

// Settings checks the options of a Config against the format's specification and
// fills in the defaults.
func (f *Factory) Settings(options map[string]string) (Settings, error) {
	s := Settings{f.Name, map[string]string{}}
	for _, o := range f.Options {
		v, given := options[o.Name]
		if !given {
			if o.Default != "" {
				s.values[o.Name] = o.Default
			}
			continue
		}
		if err := o.check(&v); err != nil {
			return s, fmt.Errorf("option '%s.%s': %w", f.Name, o.Name, err)
		}
		s.values[o.Name] = v
	}
	for _, name := range sortedKeys(options) {
		if !slices.ContainsFunc(f.Options, func(o Option) bool { return o.Name == name }) {
			return s, fmt.Errorf("unknown option '%s.%s': format %s knows %s", f.Name, name, f.Name, strings.Join(f.optionNames(), ", "))
		}
	}
	return s, nil
}

// check says whether *v can be the option's value, and writes it as declared.
func (o Option) check(v *string) error {
	switch o.Type {
	case "bool":
		*v = strings.ToLower(*v)
		if *v != "true" && *v != "false" {
			return fmt.Errorf("'%s' is neither true nor false", *v)
		}
	case "enum":
		i := slices.IndexFunc(o.Values, func(x string) bool { return strings.EqualFold(x, *v) })
		if i < 0 {
			return fmt.Errorf("'%s' is none of %s", *v, strings.Join(o.Values, ", "))
		}
		*v = o.Values[i]
	}
	return nil
}

func (f *Factory) optionNames() []string {
	var out []string
	for _, o := range f.Options {
		out = append(out, o.Name)
	}
	return out
}

func sortedKeys(m map[string]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// Bool is the value of an option of type bool.
func (s Settings) Bool(name string) bool { return s.values[name] == "true" }

// String is the value of an option.
func (s Settings) String(name string) string { return s.values[name] }

// Lookup is the value of an option that may be missing, or empty.
func (s Settings) Lookup(name string) (string, bool) {
	v, ok := s.values[name]
	return v, ok
}
