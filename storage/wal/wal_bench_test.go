package wal

import (
	"fmt"
	"runtime"
	"testing"

	"herringbone/storage/fsys"
)

func BenchmarkEnqueue(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10} {
		b.Run(fmt.Sprintf("record=%d", size), func(b *testing.B) {
			s, err := Create(fsys.OS, b.TempDir(), 1)
			if err != nil {
				b.Fatal(err)
			}
			rec := make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Enqueue(rec); err != nil {
					b.Fatal(err)
				}
				if len(s.pending) > keepBuffer/2 {
					s.pending = s.pending[:0] // As if written.
				}
			}
		})
	}
}

// BenchmarkSync is the time of one acknowledged record with many writers.
func BenchmarkSync(b *testing.B) {
	for _, writers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s, err := Create(fsys.OS, b.TempDir(), 1)
			if err != nil {
				b.Fatal(err)
			}
			rec := make([]byte, 16<<10)
			b.SetBytes(int64(len(rec)))
			b.SetParallelism(max(1, writers/runtime.GOMAXPROCS(0)))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					pos, err := s.Enqueue(rec)
					if err == nil {
						err = s.Sync(pos)
					}
					if err != nil {
						b.Error(err)
						return
					}
				}
			})
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

func BenchmarkReplay(b *testing.B) {
	dir := b.TempDir()
	fill(b, dir, 64<<20, 64<<10)
	b.SetBytes(64 << 20)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Replay(fsys.OS, dir, 1, true, func([]byte) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

// fill makes segment 1 with records of the given size.
func fill(t testing.TB, dir string, bytes, record int) {
	s, err := Create(fsys.OS, dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	rec := make([]byte, record)
	for i := range bytes / record {
		rec[0] = byte(i)
		pos, err := s.Enqueue(rec)
		if err == nil && i%16 == 0 {
			err = s.Sync(pos)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
