package fsystest

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
)

func TestCrash(t *testing.T) {
	c := NewCrash()
	if err := c.Mkdir("/d"); err != nil {
		t.Fatal(err)
	}
	Run(t, c, "/d")
}

func TestWhatWasSyncedSurvives(t *testing.T) {
	rng := Rand(t)
	c := NewCrash()
	f, err := c.Create("/f")
	if err != nil {
		t.Fatal(err)
	}
	first, second := strings.Repeat("a", 9000), strings.Repeat("b", 9000)
	write := func(s string) {
		t.Helper()
		if _, err := f.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	write(first)
	if err := errors.Join(f.Datasync(), c.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	write(second)

	if got := Get(t, c.CloneKeep(rng, 0), "/f"); got != first {
		t.Errorf("nothing kept: %d bytes, want the %d synced ones", len(got), len(first))
	}
	if got := Get(t, c.CloneKeep(rng, 1), "/f"); !strings.HasPrefix(got, first) || len(got) < len(first) {
		t.Errorf("synced bytes are not all there")
	}
	outcomes := map[string]bool{}
	for range 500 {
		got := Get(t, c.Clone(rng), "/f")
		if !strings.HasPrefix(got, first) {
			t.Fatalf("synced bytes are not all there")
		}
		outcomes[got[len(first):]] = true
	}
	if !outcomes[""] || !outcomes[second] || len(outcomes) < 10 {
		t.Errorf("%d different outcomes; nothing %v, everything %v", len(outcomes), outcomes[""], outcomes[second])
	}
	if got := Get(t, c, "/f"); got != first+second {
		t.Error("Clone changed the original")
	}
}

func TestUnsyncedNamesMayGo(t *testing.T) {
	rng := Rand(t)
	c := NewCrash()
	Put(t, c, "/old", "x") // Put syncs the directory.
	if err := errors.Join(c.Rename("/old", "/new"), c.Mkdir("/d")); err != nil {
		t.Fatal(err)
	}
	Put(t, c, "/d/f", "y") // Its directory is not durable.
	seen := map[string]bool{}
	for range 300 {
		seen[names(t, c.Clone(rng))] = true
	}
	// A rename in one directory is atomic, and a lost directory takes all along.
	for _, want := range []string{"old", "new", "old d/f", "new d/f"} {
		if !seen[want] {
			t.Errorf("never saw %q", want)
		}
		delete(seen, want)
	}
	if len(seen) > 0 {
		t.Errorf("impossible outcomes: %v", seen)
	}
	if err := c.SyncDir("/"); err != nil {
		t.Fatal(err)
	}
	if got := names(t, c.CloneKeep(rng, 0)); got != "new d/f" {
		t.Errorf("after SyncDir: %q", got)
	}
}

func names(t *testing.T, c *Crash) string {
	var got []string
	for _, name := range []string{"/old", "/new", "/d/f"} {
		switch _, err := c.Stat(name); {
		case err == nil:
			got = append(got, name[1:])
		case !errors.Is(err, fs.ErrNotExist):
			t.Fatal(err)
		}
	}
	return strings.Join(got, " ")
}

func TestARenameAcrossDirectoriesMayKeepBothNames(t *testing.T) {
	rng := Rand(t)
	c := NewCrash()
	if err := errors.Join(c.Mkdir("/a"), c.Mkdir("/b"), c.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	Put(t, c, "/a/f", "x")
	if err := errors.Join(c.Rename("/a/f", "/b/f"), c.SyncDir("/b")); err != nil {
		t.Fatal(err)
	}
	after := c.CloneKeep(rng, 0)
	if a, b := Get(t, after, "/a/f"), Get(t, after, "/b/f"); a != "x" || b != "x" {
		t.Errorf("a %q, b %q", a, b)
	}
}

func TestAFailedSyncCannotBeRepeated(t *testing.T) {
	c := NewCrash()
	c.SetHook(FailNth(Datasync, 2, syscall.EIO))
	f, err := c.Create("/f")
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range []string{"aaaa", "bbbb", "cccc"} {
		if _, err := f.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
		if err := f.Datasync(); (err != nil) != (i == 1) {
			t.Fatalf("sync %d: %v", i+1, err)
		}
	}
	if err := c.SyncDir("/"); err != nil {
		t.Fatal(err)
	}
	if got := Get(t, c.CloneKeep(Rand(t), 0), "/f"); got != "aaaa\x00\x00\x00\x00cccc" {
		t.Errorf("durable: %q", got)
	}
}

func TestShortWrite(t *testing.T) {
	c := NewCrash()
	c.SetHook(FailNth(Write, 1, &ShortWrite{Keep: 2, Err: syscall.ENOSPC}))
	f, err := c.Create("/f")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := f.Write([]byte("abc")); n != 2 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Write = %d, %v", n, err)
	}
	if got := Get(t, c, "/f"); got != "ab" {
		t.Errorf("file holds %q", got)
	}
}

func TestASeedRepeats(t *testing.T) {
	c := NewCrash()
	for _, name := range []string{"/a", "/b", "/c"} {
		f, err := c.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(bytes.Repeat([]byte("x"), 50_000)); err != nil {
			t.Fatal(err)
		}
	}
	image := func() string {
		after := c.CloneKeep(rand.New(rand.NewPCG(1, 2)), 0.7)
		var s strings.Builder
		for _, name := range []string{"/a", "/b", "/c"} {
			b, err := after.ReadFile(name)
			s.Write(b)
			if err != nil {
				s.WriteString("missing")
			}
		}
		return s.String()
	}
	if first, second := image(), image(); first != second {
		t.Error("one seed gave two outcomes")
	}
}
