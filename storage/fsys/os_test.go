package fsys_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"herringbone/storage/fsys"
	"herringbone/storage/fsys/fsystest"
)

func TestOS(t *testing.T) { fsystest.Run(t, fsys.OS, t.TempDir()) }

func TestOSModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	if err := fsys.OS.Mkdir(dir); err != nil {
		t.Fatal(err)
	}
	fsystest.Put(t, fsys.OS, filepath.Join(dir, "f"), "secret")
	for name, want := range map[string]fs.FileMode{dir: 0o700 | fs.ModeDir, filepath.Join(dir, "f"): 0o600} {
		st, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if st.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, st.Mode(), want)
		}
	}
}

// The order matters: a directory whose parent was not synced takes everything
// in it along.
func TestMkdirAllSyncsFromTheTop(t *testing.T) {
	files := fsystest.NewCrash()
	if err := files.Mkdir("/a"); err != nil { // By a process that died before its sync.
		t.Fatal(err)
	}
	var ops []string
	files.SetHook(func(op fsystest.Op) error { ops = append(ops, op.String()); return nil })
	if err := fsys.MkdirAll(files, "/a/b/c"); err != nil {
		t.Fatal(err)
	}
	want := []string{"syncdir /", "mkdir /a/b", "syncdir /a", "mkdir /a/b/c", "syncdir /a/b"}
	fsystest.Equal(t, want, ops)
}

func TestMkdirAllReportsAFailedSync(t *testing.T) {
	for n := range int64(3) {
		files := fsystest.NewCrash()
		eio := errors.New("disk on fire")
		files.SetHook(fsystest.FailNth(fsystest.SyncDir, n+1, eio))
		if err := fsys.MkdirAll(files, "/a/b"); !errors.Is(err, eio) {
			t.Errorf("sync %d failed, MkdirAll = %v", n+1, err)
		}
	}
}
