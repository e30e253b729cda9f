package duck

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// Every call is compared, value and type, with the built-in function's.
func TestMacrosEqualTheBuiltIn(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	i := open(t, Options{Threads: 2})
	fill := fmt.Sprintf(`CREATE TABLE times AS
		SELECT make_timestamptz(((hash(range + %[1]d) %% 4000000000000000000)::BIGINT - 2000000000000000000) // (CASE range %% 3 WHEN 0 THEN 1 WHEN 1 THEN 1000 ELSE 100000 END)) AS t FROM range(800)
		UNION ALL SELECT unnest([NULL, 'infinity', '-infinity', '1970-01-01 00:00:00+00', '2000-01-03 00:00:00+00', '1969-12-31 23:59:59.999999+00', '1582-10-10 12:00:00+00'])::TIMESTAMPTZ`, rng.Uint32())
	if err := i.Exec(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	parts := []string{"microseconds", "millisecond", "milliseconds", "second", "Seconds", "minute", "MIN", "hour", "hours", "day", "days",
		"week", "weeks", "month", "quarter", "year", "isoyear", "decade", "century", "millennium"}
	casts := []string{"t", "t::TIMESTAMP", "CASE WHEN isfinite(t) THEN t::DATE END", "t - TIMESTAMPTZ '2001-02-03 04:05:06+00'"}
	for _, part := range parts {
		for _, c := range casts {
			same(t, i, "date_trunc", Quote(part), c)
			same(t, i, "datetrunc", Quote(part), c)
		}
	}
	same(t, i, "date_trunc", "CASE WHEN epoch_us(t) % 2 = 0 THEN 'hour' WHEN epoch_us(t) % 3 = 0 THEN 'month' END", "t")
	for range 25 {
		w := randomWidth(rng)
		offset := fmt.Sprintf("INTERVAL '%d seconds'", rng.IntN(10_000_000)-5_000_000)
		origin := fmt.Sprintf("make_timestamptz(%d)", rng.Int64N(4e15)-2e15)
		same(t, i, "time_bucket", w, "t")
		same(t, i, "time_bucket", w, "t", offset)
		same(t, i, "time_bucket", w, "t", origin)
		same(t, i, "time_bucket", w, "t", "'Europe/Berlin'")
		same(t, i, "time_bucket", w, "t::TIMESTAMP")
		same(t, i, "time_bucket", w, "t::TIMESTAMP", offset)
		same(t, i, "time_bucket", w, "t::TIMESTAMP", origin+"::TIMESTAMP")
		same(t, i, "time_bucket", w, casts[2])
		same(t, i, "time_bucket", w, casts[2], "DATE '2001-01-01'")
	}
	same(t, i, "time_bucket", "INTERVAL '1 hour'", "t", "INTERVAL '1 month 3 days'")
	same(t, i, "time_bucket", "INTERVAL '1 hour'", "t", "'infinity'::TIMESTAMPTZ")
}

func randomWidth(rng *rand.Rand) string {
	units := []string{"microseconds", "milliseconds", "seconds", "minutes", "hours", "days", "weeks", "months", "years"}
	w := fmt.Sprintf("INTERVAL '%d %s'", rng.IntN(40), units[rng.IntN(len(units))])
	if rng.IntN(4) == 0 {
		w += fmt.Sprintf(" + INTERVAL '%d %s'", rng.IntN(40), units[rng.IntN(len(units))])
	}
	return w
}

// same compares the macro with the built-in function over all times, or, where
// that fails, that both fail.
func same(t *testing.T, i *Instance, name string, args ...string) {
	t.Helper()
	call := "("
	for n, a := range args {
		if n > 0 {
			call += ", "
		}
		call += a
	}
	call += ")"
	const compare = "SELECT t, m::VARCHAR, b::VARCHAR, typeof(m), typeof(b) FROM (SELECT t, %[1]s%[2]s AS m, system.main.%[1]s%[2]s AS b FROM times) WHERE m IS DISTINCT FROM b OR typeof(m) <> typeof(b)"
	got, err := query(i, fmt.Sprintf(compare, name, call), Params{})
	if err == nil && len(got) > 0 {
		t.Errorf("%s%s: %d differ, such as %s", name, call, len(got), got[0])
	}
	if err == nil {
		return
	}
	alone := func(f string) error {
		_, err := query(i, fmt.Sprintf("SELECT max(%s%s) FROM times", f, call), Params{})
		return err
	}
	if m, b := alone(name), alone("system.main."+name); m == nil || b == nil {
		t.Errorf("%s%s: fails as macro: %v; as built-in function: %v", name, call, m, b)
	}
}
