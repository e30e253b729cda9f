package main

import (
	"regexp"
	"testing"
)

func TestReleaseOf(t *testing.T) {
	for module, want := range map[string]string{
		"v0.315.0":   "3.15.0",
		"v0.305.12":  "3.5.12",
		"v0.400.0":   "4.0.0",
		"v0.47.2":    "3.0.0",
		"":           "3.0.0",
		"v0.315.0-x": "3.15.0",
	} {
		if got := releaseOf(module); got != want {
			t.Errorf("module %q: %s, want %s", module, got, want)
		}
	}
}

func TestAPIVersion(t *testing.T) {
	semantic := regexp.MustCompile(`^\d+\.\d+\.\d+\+herringbone\.[0-9A-Za-z.-]+$`)
	if v := apiVersion(); !semantic.MatchString(v) {
		t.Errorf("%q is no semantic version", v)
	}
}
