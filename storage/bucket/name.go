package bucket

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of names in bytes: those of directories and of object stores.
const (
	maxName = 1024
	maxPart = 255
)

// CheckName returns an error that wraps ErrName unless name is one that every
// kind of bucket can hold: parts joined by slashes, each of 1 to 255 bytes and
// not beginning with a dot, 1024 bytes in all, of printable UTF-8 without
// backslash. A name must not be another's directory: where there is a/b there
// can be no a/b/c.
func CheckName(name string) error {
	switch {
	case len(name) > maxName:
		return fmt.Errorf("%.100q… has %d bytes, at most %d are allowed: %w", name, len(name), maxName, ErrName)
	case !utf8.ValidString(name):
		return fmt.Errorf("%q is not valid UTF-8: %w", name, ErrName)
	case strings.ContainsFunc(name, forbidden):
		return fmt.Errorf("%q has a character that is not allowed: %w", name, ErrName)
	}
	for part := range strings.SplitSeq(name, "/") {
		switch {
		case part == "":
			return fmt.Errorf("%q has an empty part: %w", name, ErrName)
		case part[0] == '.':
			return fmt.Errorf("%q has a part that begins with a dot: %w", name, ErrName)
		case len(part) > maxPart:
			return fmt.Errorf("%.100q… has a part of %d bytes, at most %d are allowed: %w", name, len(part), maxPart, ErrName)
		}
	}
	return nil
}

func forbidden(r rune) bool { return r == '\\' || !unicode.IsPrint(r) }
