package catalog

import (
	"errors"
	"time"
)

// Options steer a Catalog.
type Options struct {
	// TokenAge is how long the token of an edit is remembered.
	TokenAge time.Duration
	// ReceiptAge is how long a tombstone of the cause Deleted is remembered after
	// it was lifted. Others are for a week.
	ReceiptAge time.Duration
	// MetadataCacheBytes bounds the memory for metadata that is known to be
	// stored. What does not fit is written again when it is seen again.
	MetadataCacheBytes int64
	// MetadataSeenEvery is how often the stored time of the last sighting of
	// unchanged metadata is brought up to date.
	MetadataSeenEvery time.Duration
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// DefaultOptions are right unless a test wants something else.
func DefaultOptions() Options {
	return Options{
		TokenAge:           30 * 24 * time.Hour,
		ReceiptAge:         400 * 24 * time.Hour,
		MetadataCacheBytes: 32 << 20,
		MetadataSeenEvery:  time.Hour,
	}
}

// Validate names the first option that cannot work.
func (o Options) Validate() error {
	switch {
	case o.TokenAge <= 0:
		return errors.New("catalog: TokenAge is not positive")
	case o.ReceiptAge <= 0:
		return errors.New("catalog: ReceiptAge is not positive")
	case o.MetadataCacheBytes < 0:
		return errors.New("catalog: MetadataCacheBytes is negative")
	case o.MetadataSeenEvery <= 0:
		return errors.New("catalog: MetadataSeenEvery is not positive")
	}
	return nil
}

func (o Options) now() time.Time {
	if o.Now == nil {
		return time.Now()
	}
	return o.Now()
}
