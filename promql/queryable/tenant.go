package queryable

import (
	"context"
	"errors"

	"herringbone/storage/series"
)

type tenantKey struct{}

// WithTenant returns a context whose queries are answered for one tenant.
func WithTenant(ctx context.Context, t series.Tenant) context.Context {
	return context.WithValue(ctx, tenantKey{}, t)
}

var errNoTenant = errors.New("query without a tenant")

// TenantOf returns the tenant that ctx carries, or else fallback. Neither is an
// error: answering for some tenant by accident would show it another's data.
func TenantOf(ctx context.Context, fallback series.Tenant) (series.Tenant, error) {
	if t, ok := ctx.Value(tenantKey{}).(series.Tenant); ok && t != "" {
		return t, nil
	}
	if fallback == "" {
		return "", errNoTenant
	}
	return fallback, nil
}
