package block

import (
	"bytes"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden file of the present version")

// TestGolden reads a file of version 1 as it was written at its release. A new
// version adds a file and keeps this one.
func TestGolden(t *testing.T) {
	const name = "testdata/v1"
	all := oddSeries(rand.New(rand.NewPCG(4, 2)), 15)
	o := Options{Labels: []string{"id", "foo"}, PageRows: 100, RowGroupRows: 500, Level: 1, Writer: "golden", Sequence: 3}
	if *update {
		f := write(t, o, all)
		meta, err := json.MarshalIndent(f.meta, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name+".parquet", f.bytes, 0o644); err != nil {
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
	var meta Meta
	if err := json.Unmarshal(text, &meta); err != nil {
		t.Fatal(err)
	}
	checkAll(t, written{b, meta}, all)
}

// TestWriterIsDeterministic: a flush that is repeated gives the same bytes.
func TestWriterIsDeterministic(t *testing.T) {
	all := oddSeries(rand.New(rand.NewPCG(4, 2)), 15)
	o := Options{Labels: []string{"id", "foo"}, PageRows: 100}
	if a, b := write(t, o, all), write(t, o, all); !bytes.Equal(a.bytes, b.bytes) || a.meta != b.meta {
		t.Error("the same series made different files")
	}
}
