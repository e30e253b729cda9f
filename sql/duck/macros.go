package duck

import (
	"fmt"
	"strings"
)

// DuckDB rounds zoned timestamps by its calendar library, row by row, several
// times slower than plain ones. In UTC, widths without months need no calendar:
// they are integer arithmetic on microseconds. The macros below hide date_trunc,
// datetrunc and time_bucket, do that arithmetic, and hand everything else
// (months, time zones, infinite times, other types) to the built-in functions.
//
// A macro hides all overloads of the function's name, so each overload is there,
// with its argument types: result types stay as they are.

// macros are the statements that create the macros, by name.
var macros = map[string]func() string{
	"date_trunc":  func() string { return create("date_trunc", dateTrunc("date_trunc")) },
	"datetrunc":   func() string { return create("datetrunc", dateTrunc("datetrunc")) },
	"time_bucket": func() string { return create("time_bucket", timeBucket()) },
}

// addMacros creates the macros that sql mentions. Creating all of them whenever an
// instance is opened would take a third of the time of that.
func (i *Instance) addMacros(sql string) error {
	lower := strings.ToLower(sql)
	for name, statement := range macros {
		if i.created[name] || !strings.Contains(lower, name) {
			continue
		}
		if err := i.run(statement(), Params{}); err != nil {
			return fmt.Errorf("create macro %s: %w", name, err)
		}
		i.created[name] = true
	}
	return nil
}

type overload struct {
	params string // "w INTERVAL, t DATE"
	body   string
}

func create(name string, overloads []overload) string {
	bodies := make([]string, len(overloads))
	for i, o := range overloads {
		bodies[i] = fmt.Sprintf("(%s) AS %s", o.params, o.body)
	}
	return fmt.Sprintf("CREATE MACRO main.%s %s", name, strings.Join(bodies, ", "))
}

// handedOn are overloads that only call the built-in function.
func handedOn(name string, params ...string) []overload {
	out := make([]overload, len(params))
	for i, p := range params {
		var args []string
		for arg := range strings.SplitSeq(p, ", ") {
			args = append(args, strings.Fields(arg)[0])
		}
		out[i] = overload{p, fmt.Sprintf("system.main.%s(%s)", name, strings.Join(args, ", "))}
	}
	return out
}

// floor rounds the time t down to origin plus a multiple of width, all in
// microseconds, also before the origin. It is NULL for an infinite time. No
// intermediate result leaves the 64 bits, as long as width is below 2^61.
func floor(t, width, origin string) string {
	return fmt.Sprintf("make_timestamptz(epoch_us(%[1]s) - (epoch_us(%[1]s) %% (%[2]s) - (%[3]s) %% (%[2]s) + 2 * (%[2]s)) %% (%[2]s))",
		t, width, origin)
}

const (
	millisecond = 1_000
	second      = 1_000 * millisecond
	minute      = 60 * second
	hour        = 60 * minute
	day         = 24 * hour

	monday1970 = 4 * day                 // 1970-01-05, a Monday.
	monday2000 = 946_857_600_000_000     // 2000-01-03: time_bucket's origin.
	widest     = 100_000_000_000_000_000 // About 3,000 years.
)

func dateTrunc(name string) []overload {
	width := fmt.Sprintf(`CASE lower(p) WHEN 'millisecond' THEN %d WHEN 'milliseconds' THEN %[1]d
		WHEN 'second' THEN %d WHEN 'seconds' THEN %[2]d WHEN 'minute' THEN %d WHEN 'minutes' THEN %[3]d
		WHEN 'hour' THEN %d WHEN 'hours' THEN %[4]d WHEN 'day' THEN %d WHEN 'days' THEN %[5]d
		WHEN 'week' THEN %d WHEN 'weeks' THEN %[6]d END`,
		millisecond, second, minute, hour, day, 7*day)
	fast := overload{"p VARCHAR, t TIMESTAMPTZ", fmt.Sprintf("coalesce(%s, system.main.%s(p, t))",
		floor("t", width, fmt.Sprint(monday1970)), name)}
	return append(handedOn(name, "p VARCHAR, t DATE", "p VARCHAR, t TIMESTAMP", "p VARCHAR, t INTERVAL"), fast)
}

// fixed is true for an interval that always takes the same time, in UTC.
func fixed(interval string) string {
	return fmt.Sprintf("date_part('year', %[1]s) = 0 AND date_part('month', %[1]s) = 0", interval)
}

func timeBucket() []overload {
	// The built-in function refuses what is not above 0, and days with a time.
	width := fmt.Sprintf(`CASE WHEN %s AND epoch_us(w) BETWEEN 1 AND %d
		AND (date_part('day', w) = 0 OR (date_part('hour', w) = 0 AND date_part('minute', w) = 0 AND date_part('microsecond', w) = 0))
		THEN epoch_us(w) END`, fixed("w"), widest)
	shifted := fmt.Sprintf("CASE WHEN %s AND epoch_us(o) BETWEEN -%d AND %[2]d THEN %d + epoch_us(o) END", fixed("o"), widest, monday2000)
	return append(handedOn("time_bucket",
		"w INTERVAL, t DATE", "w INTERVAL, t DATE, o DATE", "w INTERVAL, t DATE, o INTERVAL",
		"w INTERVAL, t TIMESTAMP", "w INTERVAL, t TIMESTAMP, o TIMESTAMP", "w INTERVAL, t TIMESTAMP, o INTERVAL",
		"w INTERVAL, t TIMESTAMPTZ, o VARCHAR"),
		overload{"w INTERVAL, t TIMESTAMPTZ", fmt.Sprintf("coalesce(%s, system.main.time_bucket(w, t))",
			floor("t", width, fmt.Sprint(monday2000)))},
		overload{"w INTERVAL, t TIMESTAMPTZ, o TIMESTAMPTZ", fmt.Sprintf("coalesce(%s, system.main.time_bucket(w, t, o))",
			floor("t", width, "epoch_us(o)"))},
		overload{"w INTERVAL, t TIMESTAMPTZ, o INTERVAL", fmt.Sprintf("coalesce(%s, system.main.time_bucket(w, t, o))",
			floor("t", width, shifted))},
	)
}
