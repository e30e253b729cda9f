package plan

import (
	"fmt"
	"time"

	"herringbone/storage/catalog"
	"herringbone/storage/series"
)

// unitOf is the unit of a level that a day is in.
func unitOf(level int, d int64) Unit {
	y, m, dom := time.Unix(d*series.DayMillis/1000, 0).UTC().Date()
	switch level {
	case LevelWeek:
		first := min((dom-1)/7, 3) * 7 // Days before the week in its month.
		u := Unit{Day: d - int64(dom-1-first), Days: 7}
		if first == 21 {
			u.Days = daysOf(y, m, 1) - first
		}
		return u
	case LevelMonth:
		return Unit{Day: d - int64(dom-1), Days: daysOf(y, m, 1)}
	case LevelYear:
		return Unit{Day: dayOf(y, time.January), Days: daysOf(y, time.January, 12)}
	default:
		return Unit{Day: d, Days: 1}
	}
}

func dayOf(y int, m time.Month) int64 {
	return series.Day(time.Date(y, m, 1, 0, 0, 0, 0, time.UTC).UnixMilli())
}

func daysOf(y int, m time.Month, months int) int {
	return int(dayOf(y, m+time.Month(months)) - dayOf(y, m))
}

// UnitOfFile is the days of a file's partition.
func UnitOfFile(f *catalog.File) Unit { return Unit{Day: f.Day, Days: f.Days} }

// End is the first millisecond after the unit.
func (u Unit) End() int64 { return (u.Day + int64(u.Days)) * series.DayMillis }

// Contains reports whether all days of o are days of u.
func (u Unit) Contains(o Unit) bool {
	return u.Day <= o.Day && o.Day+int64(o.Days) <= u.Day+int64(u.Days)
}

// level is the lowest level that has units this long.
func (u Unit) level() int {
	for level := LevelDay; level < LevelYear; level++ {
		if unitOf(level, u.Day) == u {
			return level
		}
	}
	return LevelYear
}

// String is the first and last day: "2026-05-01..2026-05-31".
func (u Unit) String() string {
	first := time.Unix(u.Day*series.DayMillis/1000, 0).UTC()
	if u.Days == 1 {
		return first.Format(time.DateOnly)
	}
	return fmt.Sprintf("%s..%s", first.Format(time.DateOnly), first.AddDate(0, 0, u.Days-1).Format(time.DateOnly))
}
