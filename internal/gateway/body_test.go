package gateway

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// TestBodies: what is wrong with a request's body is said without Go's types.
func TestBodies(t *testing.T) {
	for body, want := range map[string]string{
		"":                     "it is empty",
		"{":                    "it ends in the middle",
		"[1]":                  "an object is wanted, found an array",
		`{"name": 1}`:          "field 'name' cannot be a number",
		`{"map": {"a": true}}`: "field 'map' cannot be a bool",
		`{"name": x}`:          "invalid character 'x' looking for beginning of value",
	} {
		var into struct {
			Name string            `json:"name"`
			Map  map[string]string `json:"map"`
		}
		err := decode(httptest.NewRequest("POST", "/", strings.NewReader(body)), &into)
		if err == nil || !strings.HasSuffix(err.Error(), ": "+want) {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
}
