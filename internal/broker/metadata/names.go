package metadata

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
)

const maxNameLength = 249

// CheckName applies Kafka's rule for topic names. It is also what keeps a name from leaving the data directory.
func CheckName(name string) error {
	switch {
	case name == "":
		return errf(kerr.InvalidTopicException, "Topic name is invalid: the empty string is not allowed")
	case name == "." || name == "..":
		return errf(kerr.InvalidTopicException, "Topic name is invalid: '%s' is not allowed", name)
	case name == MetadataTopic:
		return errf(kerr.InvalidTopicException, "Topic name is invalid: '%s' is the broker's own", name)
	case len(name) > maxNameLength:
		return errf(kerr.InvalidTopicException, "Topic name is invalid: the length of '%s' is longer than the max allowed length %d", name, maxNameLength)
	case strings.ContainsFunc(name, notInName):
		return errf(kerr.InvalidTopicException,
			"Topic name is invalid: '%s' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'", name)
	}
	return nil
}

func notInName(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-')
}
