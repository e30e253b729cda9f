package catalog

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// withoutCompactor takes the schema back to before there was a compactor.
var withoutCompactor = []string{
	`DROP TABLE tombstones`, `DROP TABLE tombstones_state`, `DROP TABLE suspects`, `DROP TABLE quarantine`,
	`ALTER TABLE files DROP COLUMN clean`, `ALTER TABLE files DROP COLUMN sole`,
	`DELETE FROM goose_db_version WHERE version_id = 3`,
}

// TestBeforeCompactor: a database from before there was a compactor is brought up
// to date, its rows are as right as they were, and it takes tombstones.
func TestBeforeCompactor(t *testing.T) {
	path, want := sample(t)
	c := open(t, path)
	if _, err := c.Commit(t.Context(), Edit{Token: "bare", Lift: []string{liveTombstone}}); err != nil {
		t.Fatal(err)
	}
	for _, statement := range withoutCompactor {
		if _, err := c.db.write.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	c.Close()
	c = open(t, path)
	var got []File
	for f := range c.Snapshot().All() {
		got = append(got, *f)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if s := c.Snapshot(); len(s.Tombstones("t")) != 0 || s.TombstonesVersion() != 0 {
		t.Errorf("tombstones %v of version %d", s.Tombstones("t"), s.TombstonesVersion())
	}
	if _, err := c.Commit(t.Context(), Edit{Token: "new", Tombstones: []Tombstone{testTombstone("n")}}); err != nil {
		t.Error(err)
	}
	if found, err := c.Check(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("check: %v, %v", found, err)
	}
}

// TestOldChecksums: the checksums of files that compaction said nothing of are
// those that were written before it could.
func TestOldChecksums(t *testing.T) {
	r := row{File: testFile("a", 1), changed: 7, deletedAt: 9}
	if f, row := r.File.checksum(), r.checksum(); f != 3648874478 || row != 3461820737 {
		t.Errorf("got %d of the file, %d of the row", f, row)
	}
	for _, change := range []func(*File){func(f *File) { f.Clean = 1 }, func(f *File) { f.SamplesDropped = true }} {
		changed := testFile("a", 1)
		change(&changed)
		if changed.checksum() == r.File.checksum() {
			t.Errorf("the checksum does not tell %+v", changed)
		}
	}
}
