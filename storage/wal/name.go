package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"herringbone/storage/fsys"
)

const (
	suffix     = ".wal"
	nameDigits = 20 // Of the largest uint64, so that names sort as numbers.
)

// Name is the file name of segment seq.
func Name(seq uint64) string { return fmt.Sprintf("%0*d%s", nameDigits, seq, suffix) }

// ParseName is the inverse of Name; ok is false for every other name.
func ParseName(name string) (seq uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok || len(digits) != nameDigits {
		return 0, false
	}
	seq, err := strconv.ParseUint(digits, 10, 64)
	return seq, err == nil && Name(seq) == name
}

// The names of files with evidence, beside the segment they are from.
const (
	tornInfix    = ".torn-"
	damagedInfix = ".damaged-"
)

func asideName(seq uint64, infix string, offset int64, attempt int) string {
	name := fmt.Sprintf("%s%s%d", Name(seq), infix, offset)
	if attempt > 1 {
		name += "." + strconv.Itoa(attempt)
	}
	return name
}

// List returns the numbers of the segments in dir, in ascending order. Other
// files are ignored.
func List(files fsys.FS, dir string) ([]uint64, error) {
	entries, err := files.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list wal: %w", err)
	}
	var seqs []uint64
	for _, e := range entries {
		if seq, ok := ParseName(e.Name); ok && !e.Dir {
			seqs = append(seqs, seq)
		}
	}
	slices.Sort(seqs)
	return seqs, nil
}

// Length is the length of segment seq's file in bytes.
func Length(files fsys.FS, dir string, seq uint64) (int64, error) {
	st, err := files.Stat(filepath.Join(dir, Name(seq)))
	if err != nil {
		return 0, fmt.Errorf("stat wal segment %d: %w", seq, err)
	}
	return st.Size, nil
}

// Remove drops segment seq for good; the evidence beside it stays. A segment
// that is not there is no error, so Remove may be repeated.
func Remove(files fsys.FS, dir string, seq uint64) error {
	err := files.Remove(filepath.Join(dir, Name(seq)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove wal segment %d: %w", seq, err)
	}
	if err := files.SyncDir(dir); err != nil {
		return fmt.Errorf("remove wal segment %d: sync directory: %w", seq, err)
	}
	return nil
}
