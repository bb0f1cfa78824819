package catalog

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/millrace/millrace/internal/connector"
)

// checkValue says what is wrong with the value of an option.
func checkValue(spec *connector.Option, value string) error {
	switch spec.Type {
	case "bool":
		if v := strings.ToLower(value); v != "true" && v != "false" {
			return fmt.Errorf("expected true or false, found '%s'", value)
		}
	case "int":
		if _, err := strconv.ParseInt(value, 10, 64); err != nil {
			return fmt.Errorf("expected a whole number, found '%s'", value)
		}
	case "duration":
		if _, err := connector.ParseDuration(value); err != nil {
			return err
		}
	case "size":
		if _, err := connector.ParseSize(value); err != nil {
			return err
		}
	case "enum":
		if !slices.Contains(spec.Values, value) {
			return fmt.Errorf("expected one of %s, found '%s'%s", strings.Join(spec.Values, ", "), value, didYouMean(value, spec.Values))
		}
	}
	return nil
}

// ParseDuration reads a duration as Flink writes them: "10 s", "5min", "100" (ms).
func ParseDuration(text string) (time.Duration, error) { return connector.ParseDuration(text) }
