package bucket_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"herringbone/storage/bucket"
	"herringbone/storage/bucket/buckettest"
	"herringbone/storage/fsys"
	"herringbone/storage/fsys/fsystest"
	"herringbone/storage/series"
)

func open(t testing.TB, files fsys.FS, root string) *bucket.Directory {
	t.Helper()
	b, err := bucket.Dir(files, root)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOSDirectory(t *testing.T) {
	buckettest.Run(t, func(t *testing.T) bucket.Bucket {
		return open(t, fsys.OS, filepath.Join(t.TempDir(), "new", "objects"))
	})
}

func TestCrashDirectory(t *testing.T) {
	buckettest.Run(t, func(t *testing.T) bucket.Bucket { return open(t, fsystest.NewCrash(), "/objects") })
}

func TestErrorClasses(t *testing.T) {
	if !errors.Is(bucket.ErrNotFound, series.ErrCorrupt) || !errors.Is(bucket.ErrExists, series.ErrInvalid) || !errors.Is(bucket.ErrName, series.ErrInvalid) {
		t.Error("an error is of no class")
	}
}

// The order of operations is what makes an object durable; a sync that moves
// shows here.
func TestOrderOfOperations(t *testing.T) {
	files := fsystest.NewCrash()
	b := open(t, files, "/objects")
	var ops []string
	files.SetHook(func(op fsystest.Op) error {
		if op.Kind.Changes() {
			ops = append(ops, op.String())
		}
		return nil
	})
	buckettest.Put(t, b, "a/b/1", "first")
	buckettest.Put(t, b, "a/b/2", "second")
	if err := b.Delete(t.Context(), "a/b/1"); err != nil {
		t.Fatal(err)
	}
	fsystest.Equal(t, []string{
		"create /objects/.tmp/1",
		"write /objects/.tmp/1 5",
		"datasync /objects/.tmp/1",
		"syncdir /", // Once a process: whoever made /objects may have died before its sync.
		"mkdir /objects/a",
		"syncdir /objects",
		"mkdir /objects/a/b",
		"syncdir /objects/a",
		"rename /objects/.tmp/1 /objects/a/b/1",
		"syncdir /objects/a/b",

		"create /objects/.tmp/2",
		"write /objects/.tmp/2 6",
		"datasync /objects/.tmp/2",
		"rename /objects/.tmp/2 /objects/a/b/2",
		"syncdir /objects/a/b",

		"remove /objects/a/b/1",
		"syncdir /objects/a/b",
	}, ops)
}

// A large object is synced in portions, so that never much of it waits to be
// written by the kernel; and once a sync failed the object gets no name, though
// later syncs succeed.
func TestLargeObjectsAreSyncedInPortions(t *testing.T) {
	files := fsystest.NewCrash()
	b := open(t, files, "/objects")
	var waiting, most, syncs, failAt int
	files.SetHook(func(op fsystest.Op) error {
		switch op.Kind {
		case fsystest.Write:
			waiting += op.Size
			most = max(most, waiting)
		case fsystest.Datasync:
			waiting = 0
			if syncs++; syncs == failAt {
				return syscall.EIO
			}
		}
		return nil
	})
	large := func(name string) error {
		w, err := b.Create(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		part := make([]byte, 100_000)
		for range 300 {
			if _, err := w.Write(part); err != nil && !errors.Is(err, syscall.EIO) {
				t.Fatal(err) // A caller that overlooks the error must not do harm.
			}
		}
		return w.Commit()
	}
	if err := large("a/x"); err != nil {
		t.Fatal(err)
	}
	if most > 5<<20 || syncs > 10 {
		t.Errorf("%d bytes waited at most, %d syncs for 30 MB", most, syncs)
	}
	for failAt = 1; failAt <= 8; failAt++ {
		syncs = 0
		if err := large("a/y"); !errors.Is(err, syscall.EIO) {
			t.Errorf("sync %d of %d failed, then Commit returned %v", failAt, syncs, err)
		}
		if names := buckettest.List(t, b, ""); len(names) != 1 {
			t.Fatalf("sync %d failed: there are %v", failAt, names)
		}
	}
}

func TestUnnamedObjectsAreRemovedAtOpen(t *testing.T) {
	files := fsystest.NewCrash()
	b := open(t, files, "/objects")
	for range 3 {
		if _, err := b.Create(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
	}
	buckettest.Put(t, b, "kept", "content")
	b = open(t, files, "/objects")
	left, err := files.ReadDir("/objects/.tmp")
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	buckettest.Put(t, b, "x", "content") // The first temporary name is free again.
	fsystest.Equal(t, []string{"kept", "x"}, buckettest.List(t, b, ""))
}

// TestPowerLoss is invariant 3: after a power loss at any moment every committed
// object is there, and what is there is whole.
func TestPowerLoss(t *testing.T) {
	rng := fsystest.Rand(t)
	points := 0
	for range 35 {
		points += losePower(t, rng)
		if t.Failed() {
			return
		}
	}
	if points < 4000 {
		t.Errorf("only %d crash points", points)
	}
	t.Logf("%d crash points", points)
}

func content(name string) string { return strings.Repeat(name+" ", 1000) }

// losePower runs three writers and loses power before each of their operations.
func losePower(t *testing.T, rng *rand.Rand) (points int) {
	files := fsystest.NewCrash()
	b := open(t, files, "/data/objects")
	var mu sync.Mutex // Guards all below.
	committed := map[string]bool{}
	check := func() {
		mu.Lock()
		defer mu.Unlock()
		for range 3 {
			points++
			checkObjects(t, files.Clone(rng), committed)
		}
	}
	files.SetHook(func(fsystest.Op) error { check(); return nil })
	var writers sync.WaitGroup
	for w := range 3 {
		writers.Go(func() {
			for i := range 3 {
				name := fmt.Sprintf("day-%d/part-%d/%d", i%2, i, w)
				if err := write(t.Context(), b, name); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				committed[name] = true
				mu.Unlock()
			}
		})
	}
	writers.Wait()
	check()
	return points
}

func write(ctx context.Context, b bucket.Bucket, name string) error {
	w, err := b.Create(ctx, name)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, content(name)); err != nil {
		return err
	}
	return w.Commit()
}

func checkObjects(t *testing.T, files fsys.FS, committed map[string]bool) {
	b := open(t, files, "/data/objects")
	found := map[string]bool{}
	for _, name := range buckettest.List(t, b, "") {
		found[name] = true
		if got := buckettest.Get(t, b, name); got != content(name) {
			t.Errorf("%s is there and not whole", name)
		}
	}
	for name := range committed {
		if !found[name] {
			t.Errorf("%s was committed and is lost", name)
		}
	}
}

func TestADeletedObjectStaysDeleted(t *testing.T) {
	files := fsystest.NewCrash()
	b := open(t, files, "/objects")
	buckettest.Put(t, b, "x", "content")
	files.SetHook(fsystest.FailNth(fsystest.SyncDir, 1, syscall.EIO))
	if err := b.Delete(t.Context(), "x"); !errors.Is(err, syscall.EIO) {
		t.Errorf("Delete without its sync: %v", err)
	}
	if err := b.Delete(t.Context(), "x"); err != nil {
		t.Error(err)
	}
	after := open(t, files.CloneKeep(fsystest.Rand(t), 0), "/objects")
	fsystest.Equal(t, nil, buckettest.List(t, after, ""))
}

// Whatever fails, a failed Commit never leaves part of an object, and the name
// can be used again unless the object is there.
func TestFaults(t *testing.T) {
	for _, kind := range []fsystest.Kind{fsystest.Create, fsystest.Write, fsystest.Datasync, fsystest.Mkdir, fsystest.Rename, fsystest.SyncDir} {
		for n := range int64(3) {
			files := fsystest.NewCrash()
			b := open(t, files, "/objects")
			files.SetHook(fsystest.FailNth(kind, n+1, &fsystest.ShortWrite{Keep: 10, Err: syscall.EIO}))
			err := write(t.Context(), b, "a/x")
			if err != nil && !errors.Is(err, syscall.EIO) {
				t.Errorf("%s %d failed: %v", kind, n+1, err)
			}
			files.SetHook(nil)
			names := buckettest.List(t, b, "")
			if err == nil && len(names) != 1 {
				t.Errorf("%s %d: committed and not listed", kind, n+1)
			}
			if len(names) == 1 && buckettest.Get(t, b, "a/x") != content("a/x") {
				t.Errorf("%s %d failed: part of an object is there", kind, n+1)
			}
			if err := write(t.Context(), b, "a/x"); err != nil && !(len(names) == 1 && errors.Is(err, bucket.ErrExists)) {
				t.Errorf("%s %d failed, then: %v", kind, n+1, err)
			}
			if left, err := files.ReadDir("/objects/.tmp"); len(left) > 0 {
				t.Errorf("%s %d failed: %v is left, %v", kind, n+1, left, err)
			}
		}
	}
}

func TestAForeignFileIsNoObject(t *testing.T) {
	files := fsystest.NewCrash()
	b := open(t, files, "/objects")
	fsystest.Put(t, files, "/objects/.hidden", "")
	buckettest.Put(t, b, "x", "")
	fsystest.Equal(t, []string{"x"}, buckettest.List(t, b, ""))
	if _, err := files.Stat("/objects/.hidden"); errors.Is(err, fs.ErrNotExist) {
		t.Error("it was removed")
	}
}
