package fsys

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestLinkRename(t *testing.T) {
	dir := t.TempDir()
	from, taken, to := filepath.Join(dir, "from"), filepath.Join(dir, "taken"), filepath.Join(dir, "to")
	for _, name := range []string{from, taken} {
		if err := os.WriteFile(name, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := linkRename(from, taken); !errors.Is(err, fs.ErrExist) {
		t.Errorf("onto a taken name: %v", err)
	}
	if got, err := os.ReadFile(taken); string(got) != taken || err != nil {
		t.Errorf("taken holds %q, %v", got, err)
	}
	if err := linkRename(from, to); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(to); string(got) != from || err != nil {
		t.Errorf("to holds %q, %v", got, err)
	}
	if _, err := os.Stat(from); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("old name: %v", err)
	}
}
