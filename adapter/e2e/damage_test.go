package e2e

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"herringbone/storage"
	"herringbone/storage/fsck"
	"herringbone/storage/series"
)

// newFlushed is a store whose data is all in Parquet: several partitions, two
// overlapping files in each, every kind of sample. It returns the files' paths.
func newFlushed(t *testing.T, rng *rand.Rand) (*cellar, []string) {
	t.Helper()
	c := newCellar(t)
	from := time.Now().Add(-48 * time.Hour).UnixMilli()
	c.append(t, mixture(rng, 24, 12, from))
	c.flush(t)
	c.append(t, mixture(rng, 16, 12, from+60_000))
	c.flush(t)
	var names []string
	err := filepath.WalkDir(filepath.Join(c.dir, "objects"), func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(names) < 4 {
		t.Fatalf("only %d files were written", len(names))
	}
	return c, names
}

// flip changes one byte of a file and returns what undoes it.
func flip(t *testing.T, name string, offset int64, mask byte) (undo func()) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	change := func() {
		var b [1]byte
		_, err := f.ReadAt(b[:], offset)
		if err == nil {
			b[0] ^= mask
			_, err = f.WriteAt(b[:], offset)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	change()
	return func() {
		change()
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFlippedParquet: with any byte of any file changed, each answer is the same
// as before or an error that wraps ErrCorrupt, and fsck reports it.
func TestFlippedParquet(t *testing.T) {
	rng := newRand(t)
	c, files := newFlushed(t, rng)
	before, err := c.readAll()
	if err != nil {
		t.Fatal(err)
	}
	detected := 0
	const flips = 2000
	for n := range flips {
		name := files[rng.IntN(len(files))]
		size := fileSize(t, name)
		offset := rng.Int64N(size)
		mask := byte(1 + rng.IntN(255))
		undo := flip(t, name, offset, mask)
		err := c.checkDamaged(before)
		if n%25 == 0 {
			err = errors.Join(err, c.mustFind(name))
		}
		undo()
		if errors.Is(err, errWrong) {
			t.Fatalf("%s (%d bytes) with byte %d changed by %#x: %v", filepath.Base(name), size, offset, mask, err)
		}
		if err != nil {
			detected++
		}
	}
	if err := c.checkDamaged(before); err != nil {
		t.Fatalf("after all flips were undone: %v", err)
	}
	t.Logf("%d of %d flips in %d files made an error, the others changed nothing that was read", detected, flips, len(files))
	if detected < flips/4 {
		t.Errorf("only %d of %d flips were noticed: is everything read?", detected, flips)
	}
}

func fileSize(t *testing.T, name string) int64 {
	t.Helper()
	s, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return s.Size()
}

var errWrong = errors.New("wrong answer")

// checkDamaged reads everything. It returns nil if all is as it was, an error
// wrapping ErrCorrupt if damage was noticed and no answer was wrong, and else one
// wrapping errWrong.
func (c *cellar) checkDamaged(before map[string]string) error {
	got, err := c.readAll()
	for key, answer := range got {
		if want, ok := before[key]; !ok || want != answer {
			return fmt.Errorf("%w: %s is %.200s, was %.200s", errWrong, key, answer, want)
		}
	}
	switch {
	case err == nil && !maps.Equal(got, before):
		return fmt.Errorf("%w: %d answers of %d and no error", errWrong, len(got), len(before))
	case err != nil && !errors.Is(err, series.ErrCorrupt):
		return fmt.Errorf("%w: an error of another class: %w", errWrong, err)
	}
	return err
}

// mustFind runs fsck, which must name the file.
func (c *cellar) mustFind(name string) error {
	var all []string
	err := fsck.Run(context.Background(), c.fs, c.bucket, c.catalog, c.dir, fsck.Options{Node: storage.DefaultOptions().Node},
		func(f fsck.Finding) { all = append(all, f.What) })
	if err != nil {
		return fmt.Errorf("%w: fsck: %w", errWrong, err)
	}
	for _, what := range all {
		if strings.Contains(what, filepath.Base(name)) {
			return nil
		}
	}
	return fmt.Errorf("%w: fsck does not report %s; it found %q", errWrong, name, all)
}

// TestMissingParquet: a file that the catalog has and the disk has not is an
// error that names it, and a finding of fsck.
func TestMissingParquet(t *testing.T) {
	c, files := newFlushed(t, newRand(t))
	before, err := c.readAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if err := os.Rename(name, name+".away"); err != nil {
			t.Fatal(err)
		}
		err := c.checkDamaged(before)
		if !errors.Is(err, series.ErrCorrupt) || errors.Is(err, errWrong) || !strings.Contains(err.Error(), filepath.Base(name)) {
			t.Errorf("without %s: %v", name, err)
		}
		if err := c.mustFind(name); err != nil {
			t.Error(err)
		}
		if err := os.Rename(name+".away", name); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTruncatedParquet: a file that lost its end is an error that names it.
func TestTruncatedParquet(t *testing.T) {
	rng := newRand(t)
	c, files := newFlushed(t, rng)
	before, err := c.readAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{0, 1, rng.IntN(len(text)), len(text) - 1} {
			if err := os.Truncate(name, int64(n)); err != nil {
				t.Fatal(err)
			}
			err := c.checkDamaged(before)
			if !errors.Is(err, series.ErrCorrupt) || errors.Is(err, errWrong) || !strings.Contains(err.Error(), filepath.Base(name)) {
				t.Errorf("%s cut to %d of %d bytes: %v", name, n, len(text), err)
			}
			if err := os.WriteFile(name, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
