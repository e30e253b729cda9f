package bench

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// diskUse adds up the lengths of the files under dir, whole and for each entry
// at its top. A file that goes away meanwhile does not count.
func diskUse(dir string) (total int64, entries map[string]int64, err error) {
	entries = map[string]int64{}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path != dir {
			return nil
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		stat, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		top, _, _ := strings.Cut(rel, string(filepath.Separator))
		entries[top] += stat.Size()
		total += stat.Size()
		return nil
	})
	if err != nil {
		return 0, nil, fmt.Errorf("measure %s: %w", dir, err)
	}
	return total, entries, nil
}
