package catalog_test

import (
	"path/filepath"
	"testing"

	"herringbone/storage/catalog"
	"herringbone/storage/catalog/catalogtest"
)

func TestSQLite(t *testing.T) {
	catalogtest.Run(t, func(t *testing.T) catalogtest.Open {
		path := filepath.Join(t.TempDir(), "catalog.db")
		return func(t *testing.T, o catalog.Options) *catalog.Catalog {
			c, err := catalog.Open(t.Context(), path, o, nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			return c
		}
	})
}
