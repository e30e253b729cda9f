package engine

import (
	"herringbone/sql/plan"
	"herringbone/storage/catalog"
)

// Prepare are the statements that an instance of DuckDB must have run before it is
// given to Run (worker.Options.Prepare): those that make what every query needs,
// and some like those that every query runs. DuckDB makes much of itself only
// when it is first used, which takes milliseconds; here nobody waits for them.
func Prepare() []string {
	table := plan.MetricTable(catalog.Table{Metric: "__prepare", Labels: []string{"host"}})
	return []string{
		"CREATE SCHEMA " + schemaMetric,
		"CREATE SCHEMA memory." + schemaSystem,
		"SELECT system.main.json_serialize_sql('SELECT 1'::VARCHAR, skip_null := true, skip_empty := true, skip_default := true)::VARCHAR",
		"SELECT system.main.json_deserialize_sql(system.main.json_serialize_sql('SELECT now() - INTERVAL 1 DAY'))",
		"SELECT TRY_CAST(now() - INTERVAL 1 DAY AS TIMESTAMPTZ), TRY_CAST('2026-01-02 03:04:05' AS TIMESTAMPTZ)",
		table.Stub("__prepare"),
		"SELECT count(*), max(value), arg_max(value, time) FROM __prepare WHERE host = 'x' AND time > now() - INTERVAL 1 DAY GROUP BY host ORDER BY host LIMIT 1",
		"DROP VIEW __prepare",
	}
}
