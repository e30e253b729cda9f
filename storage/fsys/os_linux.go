package fsys

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// datasync syncs f's bytes and length, without the journal entry that a
// changed modification time would cost.
func datasync(f *os.File) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var syncErr error
	err = conn.Control(func(fd uintptr) {
		for {
			// EINTR means that the call was interrupted, not that it failed.
			if syncErr = unix.Fdatasync(int(fd)); syncErr != unix.EINTR {
				return
			}
		}
	})
	return errors.Join(err, syncErr)
}

func renameNoReplace(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		return linkRename(from, to) // Some network file systems know no flags.
	}
	return err
}
