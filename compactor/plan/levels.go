package plan

import (
	"fmt"
	"time"

	"herringbone/storage/series"
)

// The levels of files. A file of a higher level holds what lower ones held; the
// units nest, so any of them may be left out.
const (
	LevelFlushed = 0 // May overlap anything.
	LevelWindow  = 1 // A window inside of a day.
	LevelDay     = 2
	LevelWeek    = 3 // Days 1-7, 8-14, 15-21 or 22 to the end of a calendar month.
	LevelMonth   = 4 // A calendar month.
	LevelYear    = 5 // A calendar year.
)

// Levels says when files are merged, and into what. All days are UTC.
type Levels struct {
	// Level0Files is how many level-0 files of a day are merged into its windows;
	// at least 2.
	Level0Files int
	// Level0Age: fewer are merged when one of them is older than this, if there is
	// anything to merge them with.
	Level0Age time.Duration
	// Window is the length of a level-1 file; it divides the day.
	Window time.Duration

	// Lateness is how long after its end a unit is still open: samples arrive late.
	Lateness time.Duration
	// Settle: a closed unit is merged when its newest file of level 0 or 1 is older
	// than this, or …
	Settle time.Duration
	// … its oldest one is older than MaxWait; not below Settle.
	MaxWait time.Duration

	// Week, Month and Year are the units that are used above the day. None is longer
	// than a quarter of what a tenant keeps.
	Week, Month, Year bool

	// MaxFileBytes is the size at which outputs are cut.
	MaxFileBytes int64
	// MaxInputs is how many files one job may have; at least 2.
	MaxInputs int
	// MemoryBytes is what the inputs of one job may take of memory together, as far
	// as the catalog tells; two are always allowed. 0: any.
	MemoryBytes int64

	// LateShare and LateAge: what arrives after its unit was merged is merged into
	// it when it has LateShare of the bytes it touches, or is older than LateAge.
	LateShare float64
	LateAge   time.Duration

	// CleanAge is the age at which a delete is carried out in files that no other
	// job rewrites.
	CleanAge time.Duration
}

// DefaultLevels are for a few hundred thousand series, flushed a few times an
// hour.
func DefaultLevels() Levels {
	return Levels{
		Level0Files: 4, Level0Age: 2 * time.Hour, Window: 6 * time.Hour,
		Lateness: 2 * time.Hour, Settle: time.Hour, MaxWait: 24 * time.Hour,
		Week: true, Month: true, Year: true,
		MaxFileBytes: 512 << 20, MaxInputs: 256,
		LateShare: 0.1, LateAge: 24 * time.Hour,
		CleanAge: 24 * time.Hour,
	}
}

const WholeDay = 24 * time.Hour

// Validate names the first field that cannot be. The error wraps
// series.ErrInvalid.
func (l Levels) Validate() error {
	switch {
	case l.Level0Files < 2:
		return fmt.Errorf("Level0Files %d is below 2: %w", l.Level0Files, series.ErrInvalid)
	case l.MaxInputs < 2 || l.MaxInputs < l.Level0Files:
		return fmt.Errorf("MaxInputs %d is below 2 or below Level0Files (%d): %w", l.MaxInputs, l.Level0Files, series.ErrInvalid)
	case l.Window < time.Minute || l.Window > WholeDay || WholeDay%l.Window != 0:
		return fmt.Errorf("a Window of %v is below a minute or does not divide the day: %w", l.Window, series.ErrInvalid)
	case l.Level0Age < 0 || l.Lateness < 0 || l.Settle < 0 || l.LateAge < 0 || l.CleanAge < 0:
		return fmt.Errorf("Level0Age %v, Lateness %v, Settle %v, LateAge %v, CleanAge %v: one is below 0: %w",
			l.Level0Age, l.Lateness, l.Settle, l.LateAge, l.CleanAge, series.ErrInvalid)
	case l.MaxWait < l.Settle:
		return fmt.Errorf("MaxWait %v is below Settle (%v): %w", l.MaxWait, l.Settle, series.ErrInvalid)
	case l.MaxFileBytes < 1:
		return fmt.Errorf("MaxFileBytes %d is below 1: %w", l.MaxFileBytes, series.ErrInvalid)
	case l.MemoryBytes < 0:
		return fmt.Errorf("MemoryBytes %d is below 0: %w", l.MemoryBytes, series.ErrInvalid)
	case !(l.LateShare >= 0 && l.LateShare <= 1):
		return fmt.Errorf("LateShare %v is not between 0 and 1: %w", l.LateShare, series.ErrInvalid)
	}
	return nil
}

// usual is the length in days by which a level is compared with what is kept.
var usual = [...]int64{LevelDay: 1, LevelWeek: 7, LevelMonth: 30, LevelYear: 365}

// used returns the levels that days are merged to, the highest first; keep is
// how long the tenant's samples live, 0 for ever.
func (l Levels) used(keep time.Duration) []int {
	var levels []int
	for level := LevelYear; level >= LevelDay; level-- {
		on := [...]bool{LevelDay: true, LevelWeek: l.Week, LevelMonth: l.Month, LevelYear: l.Year}[level]
		if on && (level == LevelDay || keep <= 0 || 4*usual[level]*int64(WholeDay) <= int64(keep)) {
			levels = append(levels, level)
		}
	}
	return levels
}
