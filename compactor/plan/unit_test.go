package plan

import (
	"testing"
	"time"

	"herringbone/storage/series"
)

func TestUnitOf(t *testing.T) {
	f := func(level int, date, want string) {
		t.Helper()
		at, err := time.Parse(time.DateOnly, date)
		if err != nil {
			t.Fatal(err)
		}
		if got := unitOf(level, series.Day(at.UnixMilli())).String(); got != want {
			t.Errorf("level %d of %s: %s, want %s", level, date, got, want)
		}
	}
	f(LevelDay, "2026-05-03", "2026-05-03")
	f(LevelWeek, "2026-05-01", "2026-05-01..2026-05-07")
	f(LevelWeek, "2026-05-07", "2026-05-01..2026-05-07")
	f(LevelWeek, "2026-05-08", "2026-05-08..2026-05-14")
	f(LevelWeek, "2026-05-31", "2026-05-22..2026-05-31")
	f(LevelWeek, "2024-02-29", "2024-02-22..2024-02-29")
	f(LevelMonth, "2026-12-31", "2026-12-01..2026-12-31")
	f(LevelMonth, "2024-02-29", "2024-02-01..2024-02-29")
	f(LevelYear, "2024-12-31", "2024-01-01..2024-12-31")
	f(LevelWeek, "1969-12-31", "1969-12-22..1969-12-31")
	f(LevelYear, "1969-06-01", "1969-01-01..1969-12-31")
}

// TestUnitsNest: a unit holds every day of it and of its smaller units, and no
// two of a level share a day.
func TestUnitsNest(t *testing.T) {
	for d := int64(-800); d < 25000; d++ {
		inner := unitOf(LevelDay, d)
		for level := LevelWeek; level <= LevelYear; level++ {
			u := unitOf(level, d)
			if !u.Contains(inner) || unitOf(level, u.Day) != u || unitOf(level, u.End()/series.DayMillis-1) != u {
				t.Fatalf("day %d: level %d is %v, below it is %v", d, level, u, inner)
			}
			if u.level() != level {
				t.Fatalf("%v is of level %d, not %d", u, u.level(), level)
			}
			inner = u
		}
	}
}
