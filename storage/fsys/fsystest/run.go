package fsystest

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"testing"

	"herringbone/storage/fsys"

	"github.com/google/go-cmp/cmp"
)

// Run tests what every fsys.FS promises, apart from durability. dir is an empty
// directory of it.
func Run(t *testing.T, files fsys.FS, dir string) {
	t.Run("a file grows at its end and is read anywhere", func(t *testing.T) { testFile(t, files, filepath.Join(dir, "f")) })
	t.Run("a name is taken once", func(t *testing.T) { testTaken(t, files, dir) })
	t.Run("what is missing is said to be missing", func(t *testing.T) { testMissing(t, files, dir) })
	t.Run("directories are listed in order", func(t *testing.T) { testReadDir(t, files, dir) })
	t.Run("a cut file is shorter", func(t *testing.T) { testTruncate(t, files, filepath.Join(dir, "cut")) })
	t.Run("MkdirAll makes all and may be repeated", func(t *testing.T) { testMkdirAll(t, files, dir) })
}

// Put makes a durable file with the given bytes, or fails the test.
func Put(t testing.TB, files fsys.FS, name, content string) {
	t.Helper()
	f, err := files.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	_, writeErr := f.Write([]byte(content))
	if err := errors.Join(writeErr, f.Datasync(), f.Close(), files.SyncDir(filepath.Dir(name))); err != nil {
		t.Fatal(err)
	}
}

// Get returns a file's bytes, or fails the test.
func Get(t testing.TB, files fsys.FS, name string) string {
	t.Helper()
	f, err := files.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(io.NewSectionReader(f, 0, size))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func testFile(t *testing.T, files fsys.FS, name string) {
	f, err := files.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"abc", "", "defg"} {
		if n, err := f.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatalf("Write(%q) = %d, %v", part, n, err)
		}
	}
	buf := make([]byte, 3)
	if n, err := f.ReadAt(buf, 2); n != 3 || err != nil || string(buf) != "cde" {
		t.Errorf("ReadAt(3, 2) = %d, %v, %q", n, err, buf)
	}
	if n, err := f.ReadAt(buf, 5); n != 2 || !errors.Is(err, io.EOF) {
		t.Errorf("ReadAt(3, 5) = %d, %v; want 2, EOF", n, err)
	}
	if size, err := f.Size(); size != 7 || err != nil {
		t.Errorf("Size = %d, %v", size, err)
	}
	if err := errors.Join(f.Datasync(), f.Close()); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("second Close = %v, want ErrClosed", err)
	}
	if _, err := f.Write([]byte("x")); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Write after Close = %v, want ErrClosed", err)
	}
	r, err := files.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Write([]byte("x")); err == nil {
		t.Error("a file opened for reading took a write")
	}
	if st, err := files.Stat(name); st.Size != 7 || st.Dir || st.Modified.IsZero() || err != nil {
		t.Errorf("Stat = %+v, %v", st, err)
	}
}

func testTaken(t *testing.T, files fsys.FS, dir string) {
	a, b, free := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "free")
	Put(t, files, a, "A")
	Put(t, files, b, "B")
	if _, err := files.Create(a); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create of a taken name: %v", err)
	}
	if err := files.Mkdir(a); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Mkdir of a taken name: %v", err)
	}
	if err := files.Rename(a, b); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Rename onto a taken name: %v", err)
	}
	if got := Get(t, files, b); got != "B" {
		t.Errorf("b holds %q after a refused rename", got)
	}
	if err := files.Rename(a, free); err != nil {
		t.Fatal(err)
	}
	if got := Get(t, files, free); got != "A" {
		t.Errorf("renamed file holds %q", got)
	}
	if _, err := files.Stat(a); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("old name after Rename: %v", err)
	}
	for _, name := range []string{b, free} {
		if err := files.Remove(name); err != nil {
			t.Error(err)
		}
	}
}

func testMissing(t *testing.T, files fsys.FS, dir string) {
	name := filepath.Join(dir, "missing")
	_, open := files.Open(name)
	_, create := files.Create(filepath.Join(name, "x"))
	_, stat := files.Stat(name)
	_, list := files.ReadDir(name)
	for what, err := range map[string]error{
		"Open": open, "Create below": create, "Stat": stat, "ReadDir": list,
		"Remove": files.Remove(name), "Rename": files.Rename(name, name+"2"),
		"Truncate": files.Truncate(name, 0), "Mkdir below": files.Mkdir(filepath.Join(name, "x")),
		"SyncDir": files.SyncDir(name),
	} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want ErrNotExist", what, err)
		}
	}
}

func testReadDir(t *testing.T, files fsys.FS, dir string) {
	sub := filepath.Join(dir, "list")
	if err := errors.Join(files.Mkdir(sub), files.Mkdir(filepath.Join(sub, "m"))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"z", "a", "m.1"} {
		Put(t, files, filepath.Join(sub, name), name)
	}
	got, err := files.ReadDir(sub)
	if err != nil {
		t.Fatal(err)
	}
	want := []fsys.Entry{{Name: "a"}, {Name: "m", Dir: true}, {Name: "m.1"}, {Name: "z"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("wrong entries (-want +got):\n%s", diff)
	}
	if err := files.Remove(sub); err == nil {
		t.Error("a directory was removed with what is in it")
	}
	if err := files.Remove(filepath.Join(sub, "m")); err != nil {
		t.Errorf("Remove of an empty directory: %v", err)
	}
}

func testTruncate(t *testing.T, files fsys.FS, name string) {
	Put(t, files, name, "0123456789")
	if err := files.Truncate(name, 4); err != nil {
		t.Fatal(err)
	}
	if got := Get(t, files, name); got != "0123" {
		t.Errorf("got %q", got)
	}
}

func testMkdirAll(t *testing.T, files fsys.FS, dir string) {
	deep := filepath.Join(dir, "x", "y", "z")
	for range 2 {
		if err := fsys.MkdirAll(files, deep); err != nil {
			t.Fatal(err)
		}
	}
	if st, err := files.Stat(deep); !st.Dir || err != nil {
		t.Errorf("Stat = %+v, %v", st, err)
	}
	Put(t, files, filepath.Join(deep, "file"), "")
	if err := fsys.MkdirAll(files, filepath.Join(deep, "file")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("MkdirAll on a file: %v, want ErrExist", err)
	}
}
