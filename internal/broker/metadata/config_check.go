package metadata

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Check says what is wrong with a value, in Kafka's words.
func (c *ConfigSpec) Check(value string) error {
	if err := c.check(value); err != nil {
		if one, ok := err.(elementText); ok {
			return errf(kerr.InvalidConfig, "Invalid value %s for configuration %s: %s", one.element, c.Name, one.text)
		}
		return errf(kerr.InvalidConfig, "Invalid value %s for configuration %s: %v", value, c.Name, err)
	}
	return nil
}

// elementText is an error of one element of a list.
type elementText struct{ element, text string }

func (e elementText) Error() string { return e.text }

func (c *ConfigSpec) check(value string) error {
	switch c.Type {
	case kmsg.ConfigTypeBoolean:
		if !strings.EqualFold(value, "true") && !strings.EqualFold(value, "false") {
			return fmt.Errorf("Expected value to be either true or false")
		}
	case kmsg.ConfigTypeInt:
		return c.checkNumber(value, 32, "INT")
	case kmsg.ConfigTypeShort:
		return c.checkNumber(value, 16, "SHORT")
	case kmsg.ConfigTypeLong:
		return c.checkNumber(value, 64, "LONG")
	case kmsg.ConfigTypeDouble:
		f, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil {
			return fmt.Errorf("Not a number of type DOUBLE")
		}
		return checkRange(c.Validator, func(bound string) int {
			b, _ := strconv.ParseFloat(bound, 64)
			switch {
			case f < b:
				return -1
			case f > b:
				return 1
			}
			return 0
		})
	case kmsg.ConfigTypeList:
		return c.checkList(SplitList(value))
	default:
		return c.checkString(strings.TrimSpace(value))
	}
	return nil
}

func (c *ConfigSpec) checkNumber(value string, bits int, name string) error {
	n, err := strconv.ParseInt(strings.TrimSpace(value), 10, bits)
	if err != nil {
		return fmt.Errorf("Not a number of type %s", name)
	}
	validator := c.Validator
	if validator == "" && (c.min != 0 || c.max != 0) {
		validator = fmt.Sprintf("[%d,...]", c.min)
		if c.max != 0 {
			validator = fmt.Sprintf("[%d,...,%d]", c.min, c.max)
		}
	}
	if validator == gzipLevels {
		if n != -1 && (n < 1 || n > 9) {
			return fmt.Errorf("Value must be between 1 and 9 or equal to -1")
		}
		return nil
	}
	return checkRange(validator, func(bound string) int {
		b, _ := strconv.ParseInt(bound, 10, 64)
		switch {
		case n < b:
			return -1
		case n > b:
			return 1
		}
		return 0
	})
}

// checkRange reads what Kafka prints of a range: [min,...], [...,max] or [min,...,max]. compare tells how the value lies to a bound.
func checkRange(validator string, compare func(bound string) int) error {
	inner, ok := strings.CutPrefix(validator, "[")
	if !ok {
		return nil
	}
	inner = strings.TrimSuffix(inner, "]")
	low, high, ok := strings.Cut(inner, "...")
	if !ok {
		return nil
	}
	low, high = strings.TrimSuffix(low, ","), strings.TrimPrefix(high, ",")
	if low != "" && compare(low) < 0 {
		return fmt.Errorf("Value must be at least %s", low)
	}
	if high != "" && compare(high) > 0 {
		return fmt.Errorf("Value must be no more than %s", high)
	}
	return nil
}

// What Kafka prints of its validators that are no range and no list of values.
const (
	gzipLevels      = "[1,...,9] or -1"
	caseInsensitive = "(case insensitive) "
	throttled       = "[partitionId]:[brokerId],[partitionId]:[brokerId],..."
	byDuration      = "by_duration:PnDTnHnMn.nS"
)

// allowed are the values of a validator that prints as [a, b]; nil for any other.
func (c *ConfigSpec) allowed() (values []string, fold bool) {
	if c.oneOf != nil {
		return c.oneOf, false
	}
	v, fold := strings.CutPrefix(c.Validator, caseInsensitive)
	if inner, ok := strings.CutPrefix(v, "["); ok && v != throttled && !strings.Contains(v, "...") {
		return SplitList(strings.TrimSuffix(inner, "]")), fold
	}
	return nil, fold
}

func (c *ConfigSpec) checkString(value string) error {
	switch c.Validator {
	case "non-empty string":
		if value == "" {
			return fmt.Errorf("String must be non-empty")
		}
		return nil
	}
	values, fold := c.allowed()
	if values == nil {
		return nil
	}
	for _, v := range values {
		switch {
		case v == value, fold && strings.EqualFold(v, value):
			return nil
		case v == byDuration && isDuration(strings.TrimPrefix(value, "by_duration:")):
			return nil
		}
	}
	if slices.Contains(values, byDuration) {
		return fmt.Errorf("Invalid value `%s` for configuration %s. The value must be either 'earliest', 'latest' or of the format "+
			"'by_duration:<PnDTnHnMn.nS>'.", value, c.Name)
	}
	if fold {
		return fmt.Errorf("String must be one of (case insensitive): %s", strings.Join(values, ", "))
	}
	return fmt.Errorf("String must be one of: %s", strings.Join(values, ", "))
}

func (c *ConfigSpec) checkList(list []string) error {
	switch {
	case c.Validator == throttled:
		return checkThrottled(c.Name, list)
	case c.Validator == "non-empty list":
		return nil
	}
	values, _ := c.allowed()
	if values == nil {
		return nil
	}
	for _, v := range list {
		if !slices.Contains(values, v) {
			return elementText{v, "String must be one of: " + strings.Join(values, ", ")}
		}
	}
	return nil
}

// checkThrottled takes a list of partition:broker, or the one word for all of them.
func checkThrottled(name string, list []string) error {
	if len(list) == 1 && list[0] == "*" {
		return nil
	}
	for _, v := range list {
		partition, broker, ok := strings.Cut(v, ":")
		_, err := strconv.ParseUint(partition, 10, 31)
		_, err2 := strconv.ParseUint(broker, 10, 31)
		if !ok || err != nil || err2 != nil {
			return elementText{"[" + strings.Join(list, ", ") + "]", name + " must be the literal '*' or a list of replicas in the following format: " + throttled}
		}
	}
	return nil
}

// SplitList cuts a list's text; the empty text is the empty list.
func SplitList(value string) []string {
	if strings.TrimSpace(value) == "" {
		return nil
	}
	parts := strings.Split(value, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// isoDuration is what Java's Duration.parse takes, but for a sign inside.
var isoDuration = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d{1,9})?)S)?)?$`)
})

// ParseDuration reads an ISO 8601 duration of days and less, as share.auto.offset.reset takes it. It is bounded by what Go's can hold.
func ParseDuration(text string) (time.Duration, error) {
	if !isDuration(text) {
		return 0, fmt.Errorf("%q is not a duration of the form PnDTnHnMn.nS", text)
	}
	total := 0.0
	for i, part := range isoDuration().FindStringSubmatch(text)[1:] {
		if n, err := strconv.ParseFloat(part, 64); err == nil {
			total += n * []float64{86400, 3600, 60, 1}[i]
		}
	}
	if total *= float64(time.Second); total >= math.MaxInt64 {
		return math.MaxInt64, nil
	}
	return time.Duration(total), nil
}

func isDuration(text string) bool {
	return isoDuration().MatchString(text) && !strings.HasSuffix(strings.ToUpper(text), "T") && len(text) >= 3
}
