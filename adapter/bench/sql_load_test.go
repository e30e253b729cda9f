package bench

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"herringbone/storage/series"
)

func testSQLLoad() SQLLoad {
	return SQLLoad{
		Rows: 100_000, Series: 100, Days: 2, YearSeries: 3, YearDays: 5, Seed: 1,
		End: time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC),
	}
}

// drainSQL takes all requests of all shards, as far as until.
func drainSQL(t *testing.T, l SQLLoad, shards int) map[string][]stamp {
	t.Helper()
	got := map[string][]stamp{}
	for i := range shards {
		s, last := newSQLShard(l, 50, i, shards), 0
		for {
			b, ok := s.next(l.ticks())
			if !ok {
				break
			}
			n, err := collect(got, Protocol1, b.bytes)
			if err != nil {
				t.Fatal(err)
			}
			if n != b.samples || b.step < last {
				t.Fatalf("a request of %d samples says %d, its step is %d after %d", n, b.samples, b.step, last)
			}
			last = b.step
		}
	}
	return got
}

func TestSQLLoadIsWhatItSays(t *testing.T) {
	l := testSQLLoad()
	got := drainSQL(t, l, 3)
	if diff := cmp.Diff(drainSQL(t, l, 1), got); diff != "" {
		t.Errorf("samples depend on the number of connections (-1 +3):\n%s", diff)
	}
	l.Seed++
	if cmp.Equal(drainSQL(t, l, 1), got) {
		t.Error("samples do not depend on the seed")
	}
	if len(got) != l.Series+l.YearSeries {
		t.Errorf("%d series", len(got))
	}
	rows, begins := 0, map[time.Duration]int{}
	for name, stamps := range got {
		rows += len(stamps)
		step := stamps[1].T - stamps[0].T
		begins[l.End.Sub(time.UnixMilli(stamps[0].T)).Round(day)]++
		for i, s := range stamps {
			if s.T != stamps[0].T+int64(i)*step || s.T >= l.End.UnixMilli() {
				t.Fatalf("%s: sample %d is at %d, the step is %d", name, i, s.T, step)
			}
		}
		if behind := l.End.UnixMilli() - stamps[len(stamps)-1].T; behind > step {
			t.Errorf("%s ends %d ms before the end", name, behind)
		}
	}
	if rows < 99_900 || rows > 100_100 {
		t.Errorf("%d rows, not about %d", rows, l.Rows)
	}
	if want := map[time.Duration]int{2 * day: l.Series, 5 * day: l.YearSeries}; !cmp.Equal(want, begins) {
		t.Errorf("series by how long ago they begin: %v", begins)
	}
}

func TestSQLShardStops(t *testing.T) {
	l := testSQLLoad()
	s := newSQLShard(l, 50, 0, 1)
	for until := range l.ticks() + 1 {
		for {
			b, ok := s.next(until)
			if !ok {
				break
			}
			if b.step >= until {
				t.Fatalf("a request of minute %d before minute %d", b.step, until)
			}
		}
	}
}

func TestSQLLoadBounds(t *testing.T) {
	for name, change := range map[string]func(*SQLLoad){
		"fewer rows than the year has": func(l *SQLLoad) { l.Rows = l.yearRows() - 1 },
		"too many rows":                func(l *SQLLoad) { l.Rows = maxSamples },
		"no whole host":                func(l *SQLLoad) { l.Series = sqlHostSeries - 1 },
		"no year":                      func(l *SQLLoad) { l.YearSeries = 0 },
		"a year shorter than the days": func(l *SQLLoad) { l.YearDays = 1 },
	} {
		l := testSQLLoad()
		change(&l)
		if err := l.Validate(); !errors.Is(err, series.ErrInvalid) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if err := testSQLLoad().Validate(); err != nil {
		t.Error(err)
	}
	if err := DefaultSQLLoad().Validate(); err != nil {
		t.Error(err)
	}
}
