package series

import (
	"fmt"
	"regexp"
)

// Tenant names one isolated set of metrics. Every call carries one. Its grammar
// makes it safe as a directory and object name; only ParseTenant makes one from
// outside text.
type Tenant string

// DefaultTenant is used where nothing else is named.
const DefaultTenant Tenant = "default"

var tenantGrammar = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$`)

// ParseTenant checks the grammar: a letter or digit, then up to 127 letters,
// digits, underscores and hyphens. The error wraps ErrInvalid.
func ParseTenant(s string) (Tenant, error) {
	if !tenantGrammar.MatchString(s) {
		return "", fmt.Errorf("tenant %.140q must match %s: %w", s, tenantGrammar, ErrInvalid)
	}
	return Tenant(s), nil
}
