package block

import (
	"bytes"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files of the present version")

// golden reads a file of testdata with what the catalog would know of it. present
// is what is written today under that name, if it is of the present version.
func golden(t *testing.T, name string, present *written) written {
	t.Helper()
	name = "testdata/" + name
	if *update && present != nil {
		meta, err := json.MarshalIndent(present.meta, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name+".parquet", present.bytes, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name+".json", append(meta, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(name + ".parquet")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	f := written{bytes: b}
	if err := json.Unmarshal(text, &f.meta); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestGolden reads files of each version as they were written at its release. A
// new version adds files and keeps these.
func TestGolden(t *testing.T) {
	all := oddSeries(rand.New(rand.NewPCG(4, 2)), 15)
	o := Options{Labels: []string{"id", "foo"}, PageRows: 100, RowGroupRows: 500, Level: 1, Writer: "golden", Sequence: 3}
	t.Run("samples, version 1", func(t *testing.T) { checkAll(t, golden(t, "v1", nil), all) })
	t.Run("samples, version 2", func(t *testing.T) {
		f := write(t, o, all)
		checkAll(t, golden(t, "v2", &f), all)
	})
	t.Run("aggregates, version 2", func(t *testing.T) {
		all := aggregated(rand.New(rand.NewPCG(4, 2)), 15)
		f := writeAggregates(t, o, all)
		checkAggregates(t, golden(t, "aggregates-v2", &f), all)
	})
}

// TestWriterIsDeterministic: a flush that is repeated gives the same bytes.
func TestWriterIsDeterministic(t *testing.T) {
	all := oddSeries(rand.New(rand.NewPCG(4, 2)), 15)
	o := Options{Labels: []string{"id", "foo"}, PageRows: 100}
	if a, b := write(t, o, all), write(t, o, all); !bytes.Equal(a.bytes, b.bytes) || a.meta != b.meta {
		t.Error("the same series made different files")
	}
}
