package plan

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"herringbone/storage/series"
)

func TestLevelsValidate(t *testing.T) {
	if err := DefaultLevels().Validate(); err != nil {
		t.Errorf("the default: %v", err)
	}
	wrong := map[string]func(*Levels){
		"one file is not several":               func(l *Levels) { l.Level0Files = 1 },
		"a job needs as many inputs as L0 have": func(l *Levels) { l.MaxInputs = 3 },
		"a window divides the day":              func(l *Levels) { l.Window = 5 * time.Hour },
		"a window is not longer than a day":     func(l *Levels) { l.Window = 48 * time.Hour },
		"a window has a length":                 func(l *Levels) { l.Window = 0 },
		"lateness is not negative":              func(l *Levels) { l.Lateness = -1 },
		"waiting is longer than settling":       func(l *Levels) { l.MaxWait = time.Minute },
		"a file has a size":                     func(l *Levels) { l.MaxFileBytes = 0 },
		"memory is not negative":                func(l *Levels) { l.MemoryBytes = -1 },
		"a share is at most all":                func(l *Levels) { l.LateShare = 1.1 },
		"a share is a number":                   func(l *Levels) { l.LateShare = math.NaN() },
	}
	for name, change := range wrong {
		l := DefaultLevels()
		change(&l)
		if err := l.Validate(); !errors.Is(err, series.ErrInvalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestLevelsUsed(t *testing.T) {
	days := func(n int) time.Duration { return time.Duration(n) * WholeDay }
	f := func(keep time.Duration, change func(*Levels), want ...int) {
		t.Helper()
		l := DefaultLevels()
		if change != nil {
			change(&l)
		}
		if got := l.used(keep); !slices.Equal(got, want) {
			t.Errorf("levels for %v: %v, want %v", keep, got, want)
		}
	}
	f(0, nil, LevelYear, LevelMonth, LevelWeek, LevelDay)
	f(days(27), nil, LevelDay)
	f(days(28), nil, LevelWeek, LevelDay)
	f(days(120), nil, LevelMonth, LevelWeek, LevelDay)
	f(days(1460), nil, LevelYear, LevelMonth, LevelWeek, LevelDay)
	f(0, func(l *Levels) { l.Week, l.Month, l.Year = false, false, false }, LevelDay)
	f(0, func(l *Levels) { l.Month = false }, LevelYear, LevelWeek, LevelDay)
}

func TestRuleValidate(t *testing.T) {
	good := Rule{Tenant: "default", Resolution: 300_000, After: 1}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Rule){
		"no tenant":                       func(r *Rule) { r.Tenant = "" },
		"no resolution":                   func(r *Rule) { r.Resolution = 0 },
		"a part of a second":              func(r *Rule) { r.Resolution = 1500 },
		"does not divide the day":         func(r *Rule) { r.Resolution = 7 * 60_000 },
		"longer than a day":               func(r *Rule) { r.Resolution = 2 * series.DayMillis },
		"aggregates of what is not there": func(r *Rule) { r.After = -1 },
	} {
		r := good
		change(&r)
		if err := r.Validate(); !errors.Is(err, series.ErrInvalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
