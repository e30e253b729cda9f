package wal

import (
	"slices"
	"strings"
	"testing"

	"herringbone/storage/fsys/fsystest"
)

// FuzzReplay reads any bytes as a segment: no panic, no record that is not in
// the file, every byte accounted for, and the same again the second time.
func FuzzReplay(f *testing.F) {
	w := small(f)
	f.Add(w.bytes, true)
	f.Add(w.bytes[:len(w.bytes)-1], false)
	f.Add([]byte{}, true)
	hit := slices.Clone(w.bytes)
	hit[40] ^= 1
	f.Add(hit, false)
	f.Fuzz(func(t *testing.T, segment []byte, newest bool) {
		disk := w.disk(t, segment)
		var got []string
		report, err := Replay(disk, "/", w.seq, newest, func(rec []byte) error {
			got = append(got, string(rec))
			return nil
		})
		if err != nil {
			return // ErrVersion or ErrForeign.
		}
		bytes := int64(min(headerSize, len(segment)))
		for _, rec := range got {
			bytes += frameSize + int64(len(rec))
			if !strings.Contains(string(segment), rec) {
				t.Errorf("%q is not in the segment", rec)
			}
		}
		damage := report.Damaged
		if report.Torn != nil {
			damage = append(damage[:len(damage):len(damage)], *report.Torn)
		}
		for _, d := range damage {
			bytes += d.Length
			if d.Offset == 0 {
				bytes -= int64(min(headerSize, len(segment))) // Counted already.
			}
		}
		if report.MoreDamaged == 0 && len(report.Damaged) < maxDamage && bytes != int64(len(segment)) {
			t.Errorf("records and damage are %d bytes, the segment %d", bytes, len(segment))
		}
		again, second := replayed(t, disk, "/", w.seq, newest)
		fsystest.Equal(t, got, again)
		if second.Torn != nil {
			t.Errorf("torn after the cut: %v", *second.Torn)
		}
	})
}
