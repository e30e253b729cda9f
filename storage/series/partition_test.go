package series

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

func TestTemplateKey(t *testing.T) {
	ls := labels.FromStrings("__name__", "up", "re~gion", "a,b=c/.d")
	tests := map[string]struct {
		template Template
		want     string
	}{
		"default": {DefaultTemplate(), fmt.Sprintf("__name__~8=%d", Bucket("up", 8))},
		"plain":   {Template{{Label: "re~gion"}}, "re%7Egion=a%2Cb%3Dc%2F%2Ed"},
		"both":    {Template{{Label: "nope"}, {Label: "__name__", Buckets: 2}}, fmt.Sprintf("nope=,__name__~2=%d", Bucket("up", 2))},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.template.Key(ls); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

// Pruning may keep too much, never too little.
func TestKeyMayMatchNeverHidesASeries(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	values := []string{"", "a", "b", "c,d", "e=f", "g~2", "x%41", "ü/.."}
	templates := []Template{DefaultTemplate(), {{Label: "p"}}, {{Label: "p", Buckets: 3}, {Label: "q~"}}}
	pruned := 0
	for range 20000 {
		pick := func() string { return values[rng.IntN(len(values))] }
		ls := labels.FromStrings("__name__", "m"+pick(), "p", pick(), "q~", pick()).WithoutEmpty()
		name := []string{"__name__", "p", "q~"}[rng.IntN(3)]
		v := pick()
		if name == "__name__" {
			v = "m" + v
		}
		m, err := labels.NewMatcher(labels.MatchType(rng.IntN(4)), name, v)
		if err != nil {
			continue
		}
		key := templates[rng.IntN(len(templates))].Key(ls)
		may := KeyMayMatch(key, []*labels.Matcher{m})
		if !may {
			pruned++
		}
		if m.Matches(ls.Get(name)) && !may {
			t.Fatalf("%s in partition %s is hidden from %s", ls, key, m)
		}
	}
	if pruned == 0 {
		t.Error("nothing was pruned")
	}
}

func TestDay(t *testing.T) {
	for ts, want := range map[int64]int64{0: 0, DayMillis - 1: 0, DayMillis: 1, -1: -1, -DayMillis: -1, -DayMillis - 1: -2} {
		if got := Day(ts); got != want {
			t.Errorf("Day(%d) = %d, want %d", ts, got, want)
		}
	}
}
