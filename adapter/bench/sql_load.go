package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"herringbone/storage/series"
)

// SQLLoad says which samples bench sql asks about: many series over some days,
// and few series over a year at one sample a minute. Equal SQLLoads make equal
// samples. All of them are before End, and the newest are near it.
type SQLLoad struct {
	Rows       int64     `json:"rows"`   // Of all series, about: the step is cut to whole milliseconds.
	Series     int       `json:"series"` // Without those of the year.
	Days       int       `json:"days"`
	YearSeries int       `json:"year_series"`
	YearDays   int       `json:"year_days"` // How long the year is; shorter in tests.
	Seed       uint64    `json:"seed"`
	End        time.Time `json:"end"` // Whole minute; zero is the current one.
}

// DefaultSQLLoad is the load of the published figures.
func DefaultSQLLoad() SQLLoad {
	return SQLLoad{Rows: 205_000_000, Series: 1000, Days: 30, YearSeries: 200, YearDays: 365, Seed: 1}
}

const (
	day     = 24 * time.Hour
	yearGap = time.Minute // Between two samples of a series of the year.
)

// Validate checks the bounds. Errors wrap series.ErrInvalid.
func (l SQLLoad) Validate() error {
	switch {
	case l.Rows > maxSamples:
		return fmt.Errorf("%d rows, at most %d are possible: %w", l.Rows, maxSamples, series.ErrInvalid)
	case l.Series < sqlHostSeries || l.Series > maxSeries:
		return fmt.Errorf("%d series, %d to %d are possible: %w", l.Series, sqlHostSeries, maxSeries, series.ErrInvalid)
	case l.YearSeries < 1 || l.YearSeries > 1000:
		return fmt.Errorf("%d series of the year, 1 to 1000 are possible: %w", l.YearSeries, series.ErrInvalid)
	case l.Days < 1 || l.YearDays < l.Days || l.YearDays > 3660:
		return fmt.Errorf("%d days in a year of %d, 1 up to the year's and 3660 are possible: %w", l.Days, l.YearDays, series.ErrInvalid)
	case l.step() < 100*time.Millisecond || l.step() > time.Hour:
		return fmt.Errorf("%d rows: %d are the year's, and with the others %d series have one sample each %v, 100ms to 1h are possible: %w",
			l.Rows, l.yearRows(), l.Series, l.step(), series.ErrInvalid)
	}
	return nil
}

func (l SQLLoad) yearRows() int64 {
	return int64(l.YearSeries) * int64(l.YearDays) * int64(day/yearGap)
}

// step is the time between two samples of a series that is not the year's.
func (l SQLLoad) step() time.Duration {
	each := max(0, l.Rows-l.yearRows()) / int64(max(l.Series, 1))
	return (time.Duration(l.Days) * day / time.Duration(max(each, 1))).Truncate(time.Millisecond)
}

// aligned sets the end, if there is none.
func (l SQLLoad) aligned(now time.Time) SQLLoad {
	if l.End.IsZero() {
		l.End = now
	}
	l.End = l.End.UTC().Truncate(yearGap)
	return l
}

func (l SQLLoad) start() time.Time { return l.End.Add(-time.Duration(l.YearDays) * day) }

// ticks are the whole minutes of the load, in which samples are sent.
func (l SQLLoad) ticks() int { return l.YearDays * int(day/yearGap) }

// firstTick is the tick in which the series begin that are not the year's.
func (l SQLLoad) firstTick() int { return (l.YearDays - l.Days) * int(day/yearGap) }

// loadFile says, in a data directory, which load is wholly in it.
const loadFile = "load.json"

// readSQLLoad returns the load that a directory holds; false if it holds none.
func readSQLLoad(dir string) (l SQLLoad, ok bool, err error) {
	text, err := os.ReadFile(filepath.Join(dir, loadFile))
	if errors.Is(err, fs.ErrNotExist) {
		return l, false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &l)
	}
	if err != nil {
		return l, false, fmt.Errorf("read load: %w", err)
	}
	return l, true, l.Validate()
}
