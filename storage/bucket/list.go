package bucket

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"herringbone/storage/fsys"
)

// List implements Bucket. It holds one directory a level in memory.
func (d *Directory) List(ctx context.Context, prefix string, fn func(Info) error) error {
	top, _ := path.Split(prefix) // The lowest directory that holds all of them.
	if top != "" && CheckName(strings.TrimSuffix(top, "/")) != nil {
		return nil // Nothing can have such a name.
	}
	return d.list(ctx, top, prefix, fn)
}

// list walks one directory, whose name is empty or ends with a slash.
func (d *Directory) list(ctx context.Context, dir, prefix string, fn func(Info) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("list objects: %w", err)
	}
	entries, err := d.files.ReadDir(d.path(dir))
	if missing(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list objects: %w", err)
	}
	// A directory stands where its first object's name would: after a-b, not
	// before, because a slash is greater than a hyphen.
	slices.SortFunc(entries, func(a, b fsys.Entry) int { return cmp.Compare(key(a), key(b)) })
	for _, e := range entries {
		name := dir + key(e)
		if !strings.HasPrefix(name, prefix) && !strings.HasPrefix(prefix, name) || CheckName(dir+e.Name) != nil {
			continue
		}
		if e.Dir {
			err = d.list(ctx, name, prefix, fn)
		} else if strings.HasPrefix(name, prefix) {
			err = d.visit(name, fn)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *Directory) visit(name string, fn func(Info) error) error {
	st, err := d.files.Stat(d.path(name))
	if missing(err) {
		return nil // Deleted since.
	}
	if err != nil {
		return fmt.Errorf("list objects: %w", err)
	}
	return fn(Info{Name: name, Size: st.Size, Modified: st.Modified})
}

func key(e fsys.Entry) string {
	if e.Dir {
		return e.Name + "/"
	}
	return e.Name
}
