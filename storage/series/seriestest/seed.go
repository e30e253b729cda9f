package seriestest

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// Seeded returns a source of randomness and prints its seed, so that a failure can
// be repeated: an environment variable of that name sets it.
func Seeded(t testing.TB, variable string) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	if s, err := strconv.ParseUint(os.Getenv(variable), 10, 64); err == nil {
		seed = s
	}
	t.Logf("%s=%d", variable, seed)
	return rand.New(rand.NewPCG(seed, 1))
}
