package series

import (
	"fmt"
	"time"

	"github.com/cespare/xxhash/v2"
)

// longestKey bounds the part of a name that is made of a partition key: a bucket
// allows 255 bytes between two slashes.
const longestKey = 200

// ObjectName is the name of a new object with rows of one partition: days whole
// days from day on, and the tag values of key. It reads tenant/kind/day/key/level-id,
// "default/samples/2026-11-22+7d/__name__~8=3/L3-<id>.parquet", so that a listing
// looks like the data model. What is in a file is known from the catalog, never
// from its name; the id, a ULID, is what makes the name unique. Kind is that of the
// catalog, which is above this package.
func ObjectName[Kind ~string](t Tenant, kind Kind, day int64, days int, key string, level int, id string) string {
	unit := time.UnixMilli(day * DayMillis).UTC().Format(time.DateOnly)
	if days != 1 {
		unit = fmt.Sprintf("%s+%dd", unit, days)
	}
	switch {
	case key == "":
		key = "all"
	case len(key) > longestKey:
		key = fmt.Sprintf("%s-%016x", key[:longestKey-17], xxhash.Sum64String(key))
	}
	return fmt.Sprintf("%s/%s/%s/%s/L%d-%s.parquet", t, kind, unit, key, level, id)
}
