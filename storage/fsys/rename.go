package fsys

import "os"

// linkRename renames without replacing where the kernel has no call for it. A
// hard link is refused if the new name is taken. A crash between the two steps
// leaves both names, which a reader of the new one cannot tell from success.
func linkRename(from, to string) error {
	if err := os.Link(from, to); err != nil {
		return err
	}
	return os.Remove(from)
}
