package syntax

import (
	"math"
	"strconv"
	"testing"
	"time"
)

// TestBoundsWithoutDuckDB: what is computed here is what DuckDB computes, a lower
// bound from now() at most earlier; what DuckDB does not read as a time is not
// read here either.
func TestBoundsWithoutDuckDB(t *testing.T) {
	texts := []string{
		"2026-01-02", "2026-01-02 03:04:05", "2026-01-02T03:04:05", "2026-01-02 03:04:05.25", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.123456Z",
		"2026-01-02 03:04:05+02:00", "2026-01-02T03:04:05-11:30", "1969-12-31 23:59:59.5", "0001-01-01", "9999-12-31T23:59:59Z",
		"2026-01-02 03:04:05.1234567", "2026-13-02", "2026-02-30", "2026-01-02 24:00:00", "02.01.2026", "infinity", "-infinity", "epoch", "", "now", "2026-1-2", "2026-01-02 03:04",
		"2026-01-02 03:04:05,5", "2026-01-02 3:04:05", "12026-01-02", "2026-01-02 03:04:60",
	}
	here := 0
	for _, text := range texts {
		for _, e := range []string{"'" + text + "'", "TIMESTAMPTZ '" + text + "'", "TIMESTAMP '" + text + "'", "$1"} {
			st := mustParse(t, "SELECT 1 FROM m WHERE time >= "+e, Params{"1": text})
			v := st.Tables[0].uses[0].only.bounds
			if len(v) != 1 || v[0].value.known == nil {
				continue
			}
			here++
			rows, err := newJudge().rows("SELECT epoch_us(TRY_CAST($1 AS TIMESTAMPTZ))::VARCHAR", Params{"1": text})
			if err != nil {
				t.Fatal(err)
			}
			if got := strconv.FormatInt(*v[0].value.known, 10); got != rows[0][0] {
				t.Errorf("%s is %s, for DuckDB %s", e, got, rows[0][0])
			}
		}
	}
	if here < 40 {
		t.Errorf("only %d texts were read without DuckDB", here)
	}
	for _, e := range []string{
		"now() - INTERVAL 1 DAY", "now() - INTERVAL '3 hours'", "current_timestamp - INTERVAL 2 MONTHS", "now() - INTERVAL '1 year'", "now() - INTERVAL 90 MINUTES + INTERVAL 1 MONTH",
		"now()", "now() - INTERVAL '1 week' - INTERVAL 30 SECONDS",
	} {
		st := mustParse(t, "SELECT 1 FROM m WHERE time > "+e, nil)
		if _, n := st.BoundsQuery(); n != 0 {
			t.Errorf("%s is left to DuckDB", e)
			continue
		}
		st.SetBounds(nil)
		rows, err := newJudge().rows("SELECT epoch_ms("+e+")::VARCHAR", nil)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := strconv.ParseInt(rows[0][0], 10, 64)
		slack := int64(0.05*float64(time.Now().UnixMilli()-want)) + 5*dayLong.Milliseconds()
		if got := st.Tables[0].Filter.MinT; got > want || got < want-slack {
			t.Errorf("%s is %d, for DuckDB %d", e, got, want)
		}
	}
	// As an upper bound it would miss what is written until the statement runs.
	st := mustParse(t, "SELECT 1 FROM m WHERE time < now() + INTERVAL 1 DAY", nil)
	st.SetBounds(nil)
	if st.Tables[0].Filter.MaxT != math.MaxInt64 {
		t.Error("a moving upper bound is kept")
	}
}
