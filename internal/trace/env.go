package trace

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// FromEnv is the tracer that OpenTelemetry's environment variables ask for, nil if they
// ask for none: it takes OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT.
//
//	OTEL_EXPORTER_OTLP_ENDPOINT          base address; /v1/traces is added
//	OTEL_EXPORTER_OTLP_TRACES_ENDPOINT   the address as it is
//	OTEL_EXPORTER_OTLP[_TRACES]_HEADERS  key=value,…
//	OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES
//	OTEL_TRACES_SAMPLER, …_ARG           always_on, always_off, [parentbased_]traceidratio
//	OTEL_BSP_SCHEDULE_DELAY              ms, 5000
//	OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER=none
func FromEnv(getenv func(string) string, version string, report func(string)) (*Tracer, error) {
	address := getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
	if base := getenv("OTEL_EXPORTER_OTLP_ENDPOINT"); address == "" && base != "" {
		address = strings.TrimSuffix(base, "/") + "/v1/traces"
	}
	if address == "" || strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") || getenv("OTEL_TRACES_EXPORTER") == "none" {
		return nil, nil
	}
	if u, err := url.Parse(address); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT: '%s' is no http or https address", address)
	}
	c := Config{URL: address, Delay: 5 * time.Second, Report: report}
	var err error
	if c.Headers, err = pairs(first(getenv, "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")); err != nil {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_HEADERS: %w", err)
	}
	if c.Resource, err = resourceOf(getenv, version); err != nil {
		return nil, err
	}
	if c.Ratio, err = ratio(getenv("OTEL_TRACES_SAMPLER"), getenv("OTEL_TRACES_SAMPLER_ARG")); err != nil {
		return nil, err
	}
	if text := getenv("OTEL_BSP_SCHEDULE_DELAY"); text != "" {
		ms, err := strconv.Atoi(text)
		if err != nil || ms < 1 {
			return nil, fmt.Errorf("OTEL_BSP_SCHEDULE_DELAY: '%s' is no number of milliseconds", text)
		}
		c.Delay = time.Duration(ms) * time.Millisecond
	}
	if c.Ratio == 0 {
		return nil, nil
	}
	return New(c), nil
}

func first(getenv func(string) string, names ...string) string {
	for _, n := range names {
		if v := getenv(n); v != "" {
			return v
		}
	}
	return ""
}

// pairs reads key=value,… whose values are percent-encoded.
func pairs(text string) (map[string]string, error) {
	out := map[string]string{}
	for _, p := range strings.Split(text, ",") {
		if strings.TrimSpace(p) == "" {
			continue
		}
		k, v, ok := strings.Cut(p, "=")
		value, err := url.PathUnescape(strings.TrimSpace(v))
		if k = strings.TrimSpace(k); !ok || k == "" || err != nil {
			return nil, fmt.Errorf("'%s' is not key=value", p)
		}
		out[k] = value
	}
	return out, nil
}

func resourceOf(getenv func(string) string, version string) ([]Attribute, error) {
	attributes, err := pairs(getenv("OTEL_RESOURCE_ATTRIBUTES"))
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	name := first(getenv, "OTEL_SERVICE_NAME")
	if name == "" {
		name = attributes["service.name"]
	}
	if name == "" {
		name = "millrace"
	}
	out := []Attribute{{"service.name", name}, {"service.version", version}}
	for k, v := range attributes {
		if k != "service.name" && k != "service.version" {
			out = append(out, Attribute{k, v})
		}
	}
	return out, nil
}

func ratio(sampler, arg string) (float64, error) {
	switch strings.TrimPrefix(sampler, "parentbased_") {
	case "", "always_on":
		return 1, nil
	case "always_off":
		return 0, nil
	case "traceidratio":
		if arg == "" {
			return 1, nil
		}
		r, err := strconv.ParseFloat(arg, 64)
		if err != nil || r < 0 || r > 1 {
			return 0, fmt.Errorf("OTEL_TRACES_SAMPLER_ARG: '%s' is no number from 0 to 1", arg)
		}
		return r, nil
	}
	return 0, fmt.Errorf("OTEL_TRACES_SAMPLER: '%s' is none of always_on, always_off and traceidratio", sampler)
}
