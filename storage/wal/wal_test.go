package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"

	"herringbone/storage/fsys"
	"herringbone/storage/fsys/fsystest"
	"herringbone/storage/series"
)

const testSalt = 0x1122334455667788

// written is a segment as bytes, and where its records are.
type written struct {
	seq     uint64
	bytes   []byte
	records []string
	starts  []int64
	ends    []int64
}

// write makes segment 7 of the given records.
func write(t testing.TB, records ...string) written {
	t.Helper()
	files := fsystest.NewCrash()
	s, err := create(files, "/", 7, testSalt)
	if err != nil {
		t.Fatal(err)
	}
	w := written{seq: 7, records: records}
	for _, rec := range records {
		w.starts = append(w.starts, s.Size())
		pos, err := s.Enqueue([]byte(rec))
		if err != nil {
			t.Fatal(err)
		}
		w.ends = append(w.ends, pos)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if w.bytes, err = files.ReadFile(Name(7)); err != nil {
		t.Fatal(err)
	}
	return w
}

// disk is a file system that holds image as segment 7.
func (w written) disk(t testing.TB, image []byte) *fsystest.Crash {
	t.Helper()
	files := fsystest.NewCrash()
	if err := files.WriteFile(Name(w.seq), image); err != nil {
		t.Fatal(err)
	}
	return files
}

// replayed returns the records of segment seq.
func replayed(t testing.TB, files fsys.FS, dir string, seq uint64, newest bool) ([]string, Report) {
	t.Helper()
	var got []string
	r, err := Replay(files, dir, seq, newest, func(rec []byte) error {
		got = append(got, string(rec))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Records != len(got) {
		t.Fatalf("report says %d records, got %d", r.Records, len(got))
	}
	return got, r
}

// checkDamaged replays image, which is w's bytes after some damage, twice:
// every record that was not hit is there, none else, and what was hit is kept
// aside.
func (w written) checkDamaged(t testing.TB, image []byte, newest bool) Report {
	t.Helper()
	var want []string
	var hit [][2]int64
	for i, rec := range w.records {
		from, to := w.starts[i], w.ends[i]
		if int64(len(image)) >= to && bytes.Equal(image[from:to], w.bytes[from:to]) {
			want = append(want, rec)
		} else if from < int64(len(image)) {
			hit = append(hit, [2]int64{from, min(to, int64(len(image)))})
		}
	}
	files := w.disk(t, image)
	got, report := replayed(t, files, "/", w.seq, newest)
	fsystest.Equal(t, want, got)

	damage := report.Damaged
	if report.Torn != nil {
		damage = append(damage[:len(damage):len(damage)], *report.Torn)
	}
	for _, h := range hit {
		covered := false
		for _, d := range damage {
			covered = covered || d.Offset <= h[0] && h[1] <= d.Offset+d.Length
		}
		if !covered {
			t.Errorf("record at %d was hit and not reported: %v", h[0], damage)
		}
	}
	for _, d := range damage {
		if kept := fsystest.Get(t, files, d.Aside); kept != string(image[d.Offset:d.Offset+d.Length]) {
			t.Errorf("%v: the copy holds other bytes", d)
		}
		if !errors.Is(d, series.ErrCorrupt) {
			t.Errorf("%v is not ErrCorrupt", d)
		}
	}
	left := fsystest.Get(t, files, Name(w.seq))
	if report.Torn != nil && (!newest || int64(len(left)) != report.Torn.Offset) || report.Torn == nil && len(left) != len(image) {
		t.Errorf("newest %v, torn %v: %d bytes of %d are left", newest, report.Torn, len(left), len(image))
	}

	again, second := replayed(t, files, "/", w.seq, newest)
	fsystest.Equal(t, want, again)
	fsystest.Equal(t, report.Damaged, second.Damaged)
	if second.Torn != nil {
		t.Errorf("torn after the cut: %v", *second.Torn)
	}
	return report
}

func TestName(t *testing.T) {
	for _, seq := range []uint64{0, 1, 42, 1<<64 - 1} {
		if got, ok := ParseName(Name(seq)); got != seq || !ok {
			t.Errorf("ParseName(%q) = %d, %v", Name(seq), got, ok)
		}
	}
	for _, name := range []string{"", ".wal", "1.wal", "+0000000000000000001.wal", "99999999999999999999.wal", Name(1) + ".torn-32", Name(1) + "x", "x" + Name(1)} {
		if seq, ok := ParseName(name); ok {
			t.Errorf("ParseName(%q) = %d", name, seq)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	records := []string{"", "a", strings.Repeat("long ", 300_000), frameMagic, "", "z"}
	w := write(t, records...)
	for _, newest := range []bool{false, true} {
		r := w.checkDamaged(t, w.bytes, newest)
		if r.Torn != nil || len(r.Damaged) > 0 || r.Bytes != int64(len(w.bytes)) {
			t.Errorf("a clean segment is reported as %+v", r)
		}
	}
}

func TestAnEmptySegmentIsClean(t *testing.T) {
	w := write(t)
	for _, image := range [][]byte{nil, w.bytes} {
		if r := w.checkDamaged(t, image, true); r.Torn != nil || len(r.Damaged) > 0 {
			t.Errorf("%d bytes: %+v", len(image), r)
		}
	}
}

func TestListAndRemove(t *testing.T) {
	files := fsystest.NewCrash()
	if err := files.Mkdir("/wal"); err != nil {
		t.Fatal(err)
	}
	for _, seq := range []uint64{10, 2, 33} {
		s, err := Create(files, "/wal", seq)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	fsystest.Put(t, files, "/wal/"+Name(2)+".torn-32", "evidence")
	if _, err := Create(files, "/wal", 10); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create of an existing segment: %v", err)
	}
	for range 2 {
		if err := Remove(files, "/wal", 2); err != nil {
			t.Error(err)
		}
	}
	got, err := List(files, "/wal")
	if err != nil {
		t.Fatal(err)
	}
	fsystest.Equal(t, []uint64{10, 33}, got)
	if n, err := Length(files, "/wal", 10); n != headerSize || err != nil {
		t.Errorf("Length = %d, %v", n, err)
	}
	if got := fsystest.Get(t, files, "/wal/"+Name(2)+".torn-32"); got != "evidence" {
		t.Errorf("evidence is %q after Remove", got)
	}
	after := files.CloneKeep(fsystest.Rand(t), 0)
	if _, err := List(after, "/wal"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory itself was never synced: %v", err)
	}
}

func TestRemoveIsDurable(t *testing.T) {
	files := fsystest.NewCrash()
	s, err := Create(files, "/", 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), Remove(files, "/", 1)); err != nil {
		t.Fatal(err)
	}
	got, err := List(files.CloneKeep(fsystest.Rand(t), 0), "/")
	if len(got) != 0 || err != nil {
		t.Errorf("after a power loss: %v, %v", got, err)
	}
}

func TestAForeignSegmentIsRefused(t *testing.T) {
	w := write(t, "a")
	files := fsystest.NewCrash()
	if err := files.WriteFile(Name(8), w.bytes); err != nil {
		t.Fatal(err)
	}
	_, err := Replay(files, "/", 8, true, func([]byte) error { return nil })
	if !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), Name(8)) {
		t.Errorf("segment 7 under the name of 8: %v", err)
	}
	if left := fsystest.Get(t, files, Name(8)); left != string(w.bytes) {
		t.Error("a refused segment was changed")
	}
}

func TestANewerVersionIsRefused(t *testing.T) {
	w := write(t, "a")
	head := appendHeader(nil, 7, testSalt)
	head[24] = version + 1
	head = appendChecksum(head[:28])
	_, err := Replay(w.disk(t, append(head, w.bytes[headerSize:]...)), "/", 7, true, func([]byte) error { return nil })
	if !errors.Is(err, ErrVersion) {
		t.Errorf("got %v", err)
	}
}

func appendChecksum(b []byte) []byte {
	sum := checksum(b)
	return append(b, byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24))
}

func TestAnErrorOfTheCallerEndsTheReplay(t *testing.T) {
	w := write(t, "a", "b", "c")
	files := w.disk(t, w.bytes[:len(w.bytes)-1])
	stop := errors.New("enough")
	n := 0
	_, err := Replay(files, "/", 7, true, func([]byte) error {
		if n++; n == 2 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || n != 2 {
		t.Errorf("%d records, %v", n, err)
	}
	if !strings.Contains(err.Error(), fmt.Sprintf("offset %d", w.starts[1])) {
		t.Errorf("no place in %q", err)
	}
	if left := fsystest.Get(t, files, Name(7)); len(left) != len(w.bytes)-1 {
		t.Error("a replay that did not end has cut the segment")
	}
}

// randomRecords are n records of up to size bytes.
func randomRecords(rng *rand.Rand, n, size int) []string {
	records := make([]string, n)
	for i := range records {
		b := make([]byte, rng.IntN(size+1))
		for j := range b {
			b[j] = byte(rng.Uint32())
		}
		records[i] = string(b)
	}
	return records
}
