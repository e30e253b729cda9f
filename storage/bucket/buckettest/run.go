// Package buckettest holds the tests that every bucket.Bucket passes.
package buckettest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"herringbone/storage/bucket"

	"github.com/google/go-cmp/cmp"
)

// Run tests a kind of bucket; open returns an empty one each time.
func Run(t *testing.T, open func(t *testing.T) bucket.Bucket) {
	for name, test := range map[string]func(*testing.T, bucket.Bucket){
		"what is committed is read back":                  testRoundTrip,
		"nothing is seen before commit":                   testInvisible,
		"an aborted object never was":                     testAbort,
		"an object is never replaced":                     testExists,
		"one of many writers of a name commits":           testRace,
		"an ended context does not commit":                testContext,
		"deleted is no longer there, and may be repeated": testDelete,
		"listing is by prefix and in order":               testList,
		"an error ends the listing":                       testListError,
		"unusable names are refused":                      testNames,
		"readers do not disturb each other":               testReaders,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// Put makes an object, or fails the test.
func Put(t testing.TB, b bucket.Bucket, name, content string) {
	t.Helper()
	if err := put(t.Context(), b, name, content); err != nil {
		t.Fatal(err)
	}
}

func put(ctx context.Context, b bucket.Bucket, name, content string) error {
	w, err := b.Create(ctx, name)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, content); err != nil {
		return errors.Join(err, w.Abort())
	}
	return w.Commit()
}

// Get returns an object's bytes, or fails the test.
func Get(t testing.TB, b bucket.Bucket, name string) string {
	t.Helper()
	o, err := b.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	content, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// List returns the names with a prefix, or fails the test.
func List(t testing.TB, b bucket.Bucket, prefix string) (names []string) {
	t.Helper()
	err := b.List(t.Context(), prefix, func(i bucket.Info) error {
		names = append(names, i.Name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func create(t *testing.T, b bucket.Bucket, name, content string) bucket.Writer {
	t.Helper()
	w, err := b.Create(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	return w
}

func testRoundTrip(t *testing.T, b bucket.Bucket) {
	for name, content := range map[string]string{
		"empty": "", "a/b/c~8=3/x.parquet": "abc", "ünïcode %2F &=,": "é", "large": strings.Repeat("0123456789", 500_000),
	} {
		w := create(t, b, name, "")
		for rest := []byte(content); len(rest) > 0; {
			n := min(len(rest), 100_001)
			if _, err := w.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			clear(rest[:n]) // The bucket must not keep what it was given.
			rest = rest[n:]
		}
		if err := errors.Join(w.Commit(), w.Abort()); err != nil {
			t.Fatal(err)
		}
		if got := Get(t, b, name); got != content {
			t.Errorf("%s: %d bytes came back of %d, or others", name, len(got), len(content))
		}
	}
	o, err := b.Open(t.Context(), "a/b/c~8=3/x.parquet")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	buf := make([]byte, 4)
	if n, err := o.ReadAt(buf, 1); n != 2 || !errors.Is(err, io.EOF) || string(buf[:2]) != "bc" {
		t.Errorf("ReadAt beyond the end: %d, %v, %q", n, err, buf)
	}
}

func testInvisible(t *testing.T, b bucket.Bucket) {
	w := create(t, b, "a/x", "content")
	if _, err := b.Open(t.Context(), "a/x"); !errors.Is(err, bucket.ErrNotFound) {
		t.Errorf("Open before Commit: %v", err)
	}
	if got := List(t, b, ""); len(got) > 0 {
		t.Errorf("listed before Commit: %v", got)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := List(t, b, ""); !cmp.Equal(got, []string{"a/x"}) {
		t.Errorf("listed after Commit: %v", got)
	}
}

func testAbort(t *testing.T, b bucket.Bucket) {
	w := create(t, b, "x", "content")
	if err := errors.Join(w.Abort(), w.Abort()); err != nil {
		t.Error(err)
	}
	if err := w.Commit(); err == nil {
		t.Error("committed after Abort")
	}
	if _, err := w.Write([]byte("x")); err == nil {
		t.Error("written after Abort")
	}
	if got := List(t, b, ""); len(got) > 0 {
		t.Errorf("listed: %v", got)
	}
	Put(t, b, "x", "another")
}

func testExists(t *testing.T, b bucket.Bucket) {
	Put(t, b, "x", "first")
	w, err := b.Create(t.Context(), "x")
	if err == nil {
		_, err = io.WriteString(w, "second")
	}
	if err == nil {
		err = errors.Join(w.Commit(), w.Abort())
	}
	if !errors.Is(err, bucket.ErrExists) {
		t.Errorf("second object of a name: %v", err)
	}
	if got := Get(t, b, "x"); got != "first" {
		t.Errorf("the object holds %q", got)
	}
}

func testRace(t *testing.T, b bucket.Bucket) {
	const writers = 8
	var committed atomic.Int64
	var content atomic.Value
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			mine := fmt.Sprint(i)
			switch err := put(t.Context(), b, "deep/er/x", mine); {
			case err == nil:
				committed.Add(1)
				content.Store(mine)
			case !errors.Is(err, bucket.ErrExists):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if committed.Load() != 1 {
		t.Fatalf("%d writers committed", committed.Load())
	}
	if got := Get(t, b, "deep/er/x"); got != content.Load() {
		t.Errorf("the object holds %q, committed was %q", got, content.Load())
	}
}

func testContext(t *testing.T, b bucket.Bucket) {
	ctx, cancel := context.WithCancel(t.Context())
	w, err := b.Create(ctx, "x")
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := w.Commit(); !errors.Is(err, context.Canceled) {
		t.Errorf("Commit: %v", err)
	}
	if got := List(t, b, ""); len(got) > 0 {
		t.Errorf("listed: %v", got)
	}
	_, createErr := b.Create(ctx, "x")
	_, openErr := b.Open(ctx, "x")
	listErr := b.List(ctx, "", func(bucket.Info) error { return nil })
	for what, err := range map[string]error{"Create": createErr, "Open": openErr, "List": listErr, "Delete": b.Delete(ctx, "x")} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func testDelete(t *testing.T, b bucket.Bucket) {
	Put(t, b, "a/x", "content")
	Put(t, b, "a/y", "content")
	for range 2 {
		if err := b.Delete(t.Context(), "a/x"); err != nil {
			t.Error(err)
		}
	}
	if err := b.Delete(t.Context(), "never/was"); err != nil {
		t.Error(err)
	}
	if err := b.Delete(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	if _, err := b.Open(t.Context(), "a/x"); !errors.Is(err, bucket.ErrNotFound) {
		t.Errorf("Open: %v", err)
	}
	if got := List(t, b, ""); !cmp.Equal(got, []string{"a/y"}) {
		t.Errorf("left: %v", got)
	}
	Put(t, b, "a/x", "again")
}

func testList(t *testing.T, b bucket.Bucket) {
	names := []string{"a-b/1", "a.b", "a/b/1", "a/b/2", "a/c", "a0", "b/a/b/1", "d"} // In byte order.
	for i := range names {
		Put(t, b, names[(i*3+2)%len(names)], strings.Repeat("x", (i*3+2)%len(names)))
	}
	for _, prefix := range []string{"", "a", "a/", "a/b", "a/b/", "a/b/1", "a/b/12", "b/a", "c", "a/c/", "/", "../", "a//"} {
		var want []string
		for _, name := range names {
			if strings.HasPrefix(name, prefix) {
				want = append(want, name)
			}
		}
		if diff := cmp.Diff(want, List(t, b, prefix)); diff != "" {
			t.Errorf("prefix %q (-want +got):\n%s", prefix, diff)
		}
	}
	i := 0
	err := b.List(t.Context(), "", func(o bucket.Info) error {
		if o.Size != int64(i) || o.Modified.IsZero() {
			t.Errorf("%+v, want size %d and a time", o, i)
		}
		i++
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if _, err := b.Open(t.Context(), "a/b"); !errors.Is(err, bucket.ErrNotFound) {
		t.Errorf("Open of what is only a prefix: %v", err)
	}
	if _, err := b.Open(t.Context(), "d/e"); !errors.Is(err, bucket.ErrNotFound) {
		t.Errorf("Open below an object: %v", err)
	}
}

func testListError(t *testing.T, b bucket.Bucket) {
	for _, name := range []string{"a/1", "a/2", "b"} {
		Put(t, b, name, "")
	}
	stop := errors.New("enough")
	n := 0
	err := b.List(t.Context(), "", func(bucket.Info) error { n++; return stop })
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("%d objects, %v", n, err)
	}
}

func testNames(t *testing.T, b bucket.Bucket) {
	for _, name := range []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", ".a", "a/.tmp/b", ".tmp/1", "a\x00", "a\nb", `a\b`, "a\xff",
		strings.Repeat("x", 256), strings.Repeat("x/", 512) + "x",
	} {
		_, createErr := b.Create(t.Context(), name)
		_, openErr := b.Open(t.Context(), name)
		for what, err := range map[string]error{"Create": createErr, "Open": openErr, "Delete": b.Delete(t.Context(), name)} {
			if !errors.Is(err, bucket.ErrName) {
				t.Errorf("%s %q: %v, want ErrName", what, name, err)
			}
		}
	}
	Put(t, b, strings.Repeat("x", 255), "")
	Put(t, b, "a..b/c.", "")
}

func testReaders(t *testing.T, b bucket.Bucket) {
	content := make([]byte, 1<<20)
	for i := range content {
		content[i] = byte(i / 1024 * 7)
	}
	Put(t, b, "x", string(content))
	o, err := b.Open(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	var all sync.WaitGroup
	for r := range 8 {
		all.Go(func() {
			buf := make([]byte, 5000)
			for off := r * 1000; off+len(buf) < len(content); off += 37_000 {
				if _, err := o.ReadAt(buf, int64(off)); err != nil || !bytes.Equal(buf, content[off:off+len(buf)]) {
					t.Errorf("ReadAt %d: %v, or other bytes", off, err)
				}
			}
		})
	}
	all.Wait()
}
