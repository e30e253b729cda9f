package main

import (
	"fmt"
	"regexp"
	"runtime/debug"
	"strconv"

	"github.com/prometheus/common/version"
)

const prometheusModule = "github.com/prometheus/prometheus"

// apiVersion is what status/buildinfo says. Clients such as Grafana choose by it
// which calls they make, so it is the version of the Prometheus whose API this
// is; ours stands behind the plus, where semantic versions keep what has no
// meaning to others.
func apiVersion() string {
	var module string
	if b, ok := debug.ReadBuildInfo(); ok {
		for _, d := range b.Deps {
			if d.Path == prometheusModule {
				module = d.Version
			}
		}
	}
	ours := version.Version
	if ours == "" {
		ours = "dev"
	}
	return releaseOf(module) + "+herringbone." + notInVersions.ReplaceAllString(ours, "-")
}

var (
	notInVersions = regexp.MustCompile(`[^0-9A-Za-z.-]`)
	moduleVersion = regexp.MustCompile(`^v0\.(\d)(\d\d)\.(\d+)`)
)

// releaseOf turns the version of Prometheus' module into that of its release:
// v0.315.2 is 3.15.2.
func releaseOf(module string) string {
	m := moduleVersion.FindStringSubmatch(module)
	if m == nil {
		return "3.0.0" // Not known, as in test binaries: what the API at least is.
	}
	minor, _ := strconv.Atoi(m[2]) // Two digits.
	return fmt.Sprintf("%s.%d.%s", m[1], minor, m[3])
}
