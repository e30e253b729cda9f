package block

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"herringbone/storage/series"
)

func someExemplars() []series.ExemplarSeries {
	var all []series.ExemplarSeries
	for i := range 20 {
		s := series.ExemplarSeries{Labels: labels.FromStrings("__name__", fmt.Sprintf("m%d", i/10), "time", "x", "i", fmt.Sprintf("%02d", i))}
		for k := range 1 + i*3 {
			e := series.Exemplar{T: start + int64(k), V: oddFloats[k%len(oddFloats)]}
			if k%3 > 0 {
				e.Labels = labels.FromStrings("trace_id", fmt.Sprint(i, k), "größe", "ü")
			}
			s.Exemplars = append(s.Exemplars, e)
		}
		all = append(all, s)
	}
	return all
}

func writeExemplars(t testing.TB, all []series.ExemplarSeries) written {
	t.Helper()
	var buf bytes.Buffer
	m, err := WriteExemplars(&buf, all)
	if err != nil {
		t.Fatal(err)
	}
	return written{buf.Bytes(), m}
}

func TestExemplarsRoundTrip(t *testing.T) {
	for _, all := range [][]series.ExemplarSeries{nil, someExemplars()[:1], someExemplars()} {
		f := writeExemplars(t, all)
		x, err := OpenExemplars(bytes.NewReader(f.bytes), f.meta.Size, "x", f.meta.Tail, f.meta.TailCRC)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(all, x.Series(), bitEqual); d != "" {
			t.Errorf("differs (-want +got):\n%s", d)
		}
	}
}

func TestExemplarsSelect(t *testing.T) {
	f := writeExemplars(t, someExemplars())
	x, err := OpenExemplars(bytes.NewReader(f.bytes), f.meta.Size, "x", f.meta.Tail, f.meta.TailCRC)
	if err != nil {
		t.Fatal(err)
	}
	got := x.Select(start+28, start+30,
		[]*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "i", "09")},
		[]*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "i", "10")},
		[]*labels.Matcher{labels.MustNewMatcher(labels.MatchRegexp, "i", "0[12]")})
	var names []string
	for _, s := range got {
		names = append(names, fmt.Sprint(s.Labels.Get("i"), " ", len(s.Exemplars)))
	}
	if d := cmp.Diff([]string{"10 3"}, names); d != "" { // 09 ends at +27.
		t.Errorf("wrong series (-want +got):\n%s", d)
	}
}

func TestExemplarsOutOfOrder(t *testing.T) {
	all := someExemplars()
	all[3], all[4] = all[4], all[3]
	if _, err := WriteExemplars(&bytes.Buffer{}, all); !errors.Is(err, series.ErrInvalid) {
		t.Errorf("got %v, want ErrInvalid", err)
	}
}

func TestExemplarsDamaged(t *testing.T) {
	f := writeExemplars(t, someExemplars()[:3])
	open := func(b []byte) error {
		_, err := OpenExemplars(bytes.NewReader(b), f.meta.Size, "x", f.meta.Tail, f.meta.TailCRC)
		return err
	}
	for i := range f.bytes {
		b := bytes.Clone(f.bytes)
		b[i] ^= 0x10
		if err := open(b); !errors.As(err, new(*CorruptError)) {
			t.Fatalf("byte %d flipped: %v", i, err)
		}
		if err := open(f.bytes[:i]); !errors.Is(err, series.ErrCorrupt) {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
}
