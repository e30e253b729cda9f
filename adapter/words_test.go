package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// homemade are words that this project once used for what the field has names
// for. None may come back, in identifiers, comments or texts.
var homemade = []string{
	"attic", "barren", "bury", "buried", "cellar", "claim", "claims", "claimed", "crowd", "crowded", "gone", "kin", "learn", "learned",
	"learns", "mark", "marks", "marked", "moment", "moments", "room", "rooms", "shelf", "shelves", "sole", "suspect", "suspects", "suspected", "yard",
}

// kept are the places where such a word must stay, because catalogs that exist or
// dashboards have it: see the glossary of ARCHITECTURE.
var kept = map[string][]string{
	"suspects": {"storage/catalog", "compactor/collect"},
	"sole":     {"storage/catalog"},
}

// parts are the words of an identifier or a sentence: orphanCandidates is orphan
// and candidates.
var parts = regexp.MustCompile(`[A-Z]?[a-z]+|[A-Z]+`)

func TestWords(t *testing.T) {
	banned := map[string]bool{}
	for _, w := range homemade {
		banned[w] = true
	}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		text, err := os.ReadFile(filepath.Join("..", s.file))
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			for _, w := range parts.FindAllString(line, -1) {
				w = strings.ToLower(w)
				if banned[w] && !slices.Contains(kept[w], s.folder) {
					t.Errorf("%s:%d: %q is not a word of this field: %s", s.file, i+1, w, strings.TrimSpace(line))
				}
			}
		}
	}
}
