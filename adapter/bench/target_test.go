package bench

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"herringbone/storage/series"
)

func TestParseTarget(t *testing.T) {
	tests := map[string]struct {
		want Target
		bad  bool
	}{
		"a=http://127.0.0.1:1/api/v1/write": {want: Target{Name: "a", URL: "http://127.0.0.1:1/api/v1/write"}},
		"a=http://[::1]:1/?x=y,pid=12,data=/d,after=http://localhost/f,disk-after=http://localhost/s": {
			want: Target{Name: "a", URL: "http://[::1]:1/?x=y", PID: 12, Dir: "/d", After: "http://localhost/f", DiskAfter: "http://localhost/s"},
		},
		"http://127.0.0.1:1/":             {bad: true},
		"=http://127.0.0.1:1/":            {bad: true},
		"a=http://127.0.0.1:1,pid=x":      {bad: true},
		"a=http://127.0.0.1:1,pid=-4":     {bad: true},
		"a=http://127.0.0.1:1,colour=red": {bad: true},
	}
	for text, tt := range tests {
		t.Run(text, func(t *testing.T) {
			got, err := ParseTarget(text)
			if tt.bad != errors.Is(err, series.ErrInvalid) {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("wrong target (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOnlyLoopbackUnlessAllowed(t *testing.T) {
	f := func(target Target, remote, ok bool) {
		t.Helper()
		target.Name = "x"
		err := validateTargets([]Target{target}, remote)
		if (err == nil) != ok || (!ok && !errors.Is(err, series.ErrInvalid)) {
			t.Errorf("%+v, remote %t: %v", target, remote, err)
		}
	}
	f(Target{URL: "http://127.0.0.1:9201/api/v1/write"}, false, true)
	f(Target{URL: "http://127.8.9.1/"}, false, true)
	f(Target{URL: "http://[::1]:9201/"}, false, true)
	f(Target{URL: "https://localhost/"}, false, true)
	f(Target{URL: "http://192.0.2.1/"}, false, false)
	f(Target{URL: "http://192.0.2.1/"}, true, true)
	f(Target{URL: "http://localhost.example.com/"}, false, false)
	f(Target{URL: "http://user@192.0.2.1:80/"}, false, false)
	f(Target{URL: "http://127.0.0.1/", After: "http://192.0.2.1/"}, false, false)
	f(Target{URL: "http://127.0.0.1/", DiskAfter: "http://192.0.2.1/"}, false, false)
	f(Target{URL: "ftp://127.0.0.1/"}, true, false)
	f(Target{URL: "http:///x"}, true, false)
	f(Target{URL: ""}, true, false)
}

func TestTargetNamesAreUnique(t *testing.T) {
	x := Target{Name: "x", URL: "http://127.0.0.1/"}
	if err := validateTargets([]Target{x, x}, false); !errors.Is(err, series.ErrInvalid) {
		t.Errorf("error %v", err)
	}
	if err := validateTargets(nil, false); !errors.Is(err, series.ErrInvalid) {
		t.Errorf("error %v", err)
	}
}
