package wal

import (
	"slices"
	"strings"
	"testing"

	"herringbone/storage/fsys/fsystest"
)

func TestEvidenceIsNeverOverwritten(t *testing.T) {
	w := write(t, "first", "last")
	torn := w.bytes[:len(w.bytes)-1]
	disk := w.disk(t, torn)
	name := asideName(7, tornInfix, w.starts[1], 1)
	fsystest.Put(t, disk, name, "half of an earlier copy")
	_, report := replayed(t, disk, "/", 7, true)
	if report.Torn == nil || report.Torn.Aside != "/"+name+".2" {
		t.Fatalf("torn %v", report.Torn)
	}
	if got := fsystest.Get(t, disk, name); got != "half of an earlier copy" {
		t.Errorf("the earlier file holds %q", got)
	}
	if got := fsystest.Get(t, disk, report.Torn.Aside); got != string(torn[w.starts[1]:]) {
		t.Errorf("the copy holds %q", got)
	}
}

func TestEvidenceIsUsedAgain(t *testing.T) {
	w := write(t, strings.Repeat("x", 200_000), "last") // Longer than what is compared at once.
	image := slices.Clone(w.bytes)
	image[w.starts[0]+frameSize+150_000] ^= 1
	disk := w.disk(t, image)
	for range 3 {
		replayed(t, disk, "/", 7, false)
	}
	entries, err := disk.ReadDir("/")
	if err != nil || len(entries) != 2 {
		t.Errorf("%v, %v; want the segment and one copy", entries, err)
	}
}

func TestEvidenceIsDurable(t *testing.T) {
	w := write(t, "first", "second", "last")
	image := slices.Clone(w.bytes[:len(w.bytes)-1])
	image[w.starts[0]] ^= 1
	disk := w.disk(t, image)
	_, report := replayed(t, disk, "/", 7, true)
	after := disk.CloneKeep(fsystest.Rand(t), 0)
	if report.Torn == nil || len(report.Damaged) != 1 {
		t.Fatalf("torn %v, damaged %v", report.Torn, report.Damaged)
	}
	for _, d := range append(report.Damaged, *report.Torn) {
		if got := fsystest.Get(t, after, d.Aside); got != string(image[d.Offset:d.Offset+d.Length]) {
			t.Errorf("%v: %q after a power loss", d, got)
		}
	}
}

// The cut must not come before the copy: a power loss between them would lose
// the bytes.
func TestTheCopyIsDurableBeforeTheCut(t *testing.T) {
	w := write(t, "first", "last")
	disk := w.disk(t, w.bytes[:len(w.bytes)-1])
	var ops []string
	disk.SetHook(func(op fsystest.Op) error {
		if op.Kind.Changes() {
			ops = append(ops, op.String())
		}
		return nil
	})
	replayed(t, disk, "/", 7, true)
	aside := "/" + asideName(7, tornInfix, w.starts[1], 1)
	fsystest.Equal(t, []string{
		"create " + aside,
		"write " + aside + " 35",
		"datasync " + aside,
		"syncdir /",
		"truncate /" + Name(7) + " 69",
	}, ops)
}

func TestVerifyChangesNothing(t *testing.T) {
	w := write(t, "first", "second", "last")
	image := slices.Clone(w.bytes[:len(w.bytes)-1])
	image[w.starts[0]] ^= 1
	disk := w.disk(t, image)
	disk.SetHook(func(op fsystest.Op) error {
		if op.Kind.Changes() {
			t.Errorf("unexpected: %v", op)
		}
		return nil
	})
	n := 0
	report, err := Verify(disk, "/", 7, true, func([]byte) error { n++; return nil })
	if err != nil || n != 1 || report.Torn == nil || len(report.Damaged) != 1 {
		t.Errorf("%d records, %+v, %v", n, report, err)
	}
	if report.Torn.Aside != "" || report.Damaged[0].Aside != "" {
		t.Errorf("copies are reported: %+v", report)
	}
}

// The process that wrote the copy may have died before its sync.
func TestEvidenceFoundIsSynced(t *testing.T) {
	w := write(t, "first", "last")
	torn := w.bytes[:len(w.bytes)-1]
	disk := w.disk(t, torn)
	f, err := disk.Create("/" + asideName(7, tornInfix, w.starts[1], 1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(torn[w.starts[1]:]); err != nil {
		t.Fatal(err)
	}
	_, report := replayed(t, disk, "/", 7, true)
	after := disk.CloneKeep(fsystest.Rand(t), 0)
	if got := fsystest.Get(t, after, report.Torn.Aside); got != string(torn[w.starts[1]:]) {
		t.Errorf("after a power loss the copy holds %q", got)
	}
}

func TestEvidenceOfTheSameLengthIsNotTheSame(t *testing.T) {
	w := write(t, "first", "last")
	torn := w.bytes[:len(w.bytes)-1]
	disk := w.disk(t, torn)
	other := strings.Repeat("x", len(torn)-int(w.starts[1]))
	fsystest.Put(t, disk, asideName(7, tornInfix, w.starts[1], 1), other)
	_, report := replayed(t, disk, "/", 7, true)
	if got := fsystest.Get(t, disk, report.Torn.Aside); got != string(torn[w.starts[1]:]) {
		t.Errorf("the copy holds %q", got)
	}
}
