package duck

import (
	"context"
	"fmt"
	"strings"
)

// Clear drops every table and view, which is all that Exec and Load make: an
// instance that ran nothing but queries is then as Open left it, at a tenth of
// the cost of a new one.
func (i *Instance) Clear(ctx context.Context) error {
	defer i.watch(ctx)()
	// Views first: they may stand on tables, though DuckDB does not mind.
	for _, kind := range []string{"view", "table"} {
		drops, err := i.list(fmt.Sprintf(`SELECT format('DROP %s "{}"."{}"', replace(schema_name, '"', '""'), replace(%s_name, '"', '""')) FROM duckdb_%ss() WHERE NOT internal`, kind, kind, kind))
		if err != nil {
			return fmt.Errorf("clear DuckDB: %w", err)
		}
		if err := i.exec(drops); err != nil {
			return fmt.Errorf("clear DuckDB: %w", err)
		}
	}
	left, err := i.text("SELECT ((SELECT count(*) FROM duckdb_views() WHERE NOT internal) + (SELECT count(*) FROM duckdb_tables()))::VARCHAR")
	if err == nil && left != "0" {
		err = fmt.Errorf("%s tables or views are left", left)
	}
	if err != nil {
		return fmt.Errorf("clear DuckDB: %w", err)
	}
	return nil
}

// list runs a query that gives strings.
func (i *Instance) list(sql string) ([]string, error) {
	text, err := i.text("SELECT coalesce(string_agg(x, chr(0)), '') FROM (" + sql + ") t(x)")
	if err != nil || text == "" {
		return nil, err
	}
	return strings.Split(text, "\x00"), nil
}
