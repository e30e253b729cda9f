package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// documents are the pages that people read.
func documents(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("../docs/*.md")
	if err != nil || len(names) < 7 {
		t.Fatalf("%d pages in docs, %v", len(names), err)
	}
	names = append(names, "../README.md", "../ARCHITECTURE.md", "../DECISIONS.md", "../CHANGELOG.md")
	pages := map[string]string{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		pages[name] = string(text)
	}
	return pages
}

// A page can be read in a terminal, and README in a few minutes.
func TestDocumentsAreNarrow(t *testing.T) {
	for name, text := range documents(t) {
		for i, line := range strings.Split(text, "\n") {
			if n := utf8.RuneCountInString(line); n > docsWidth {
				t.Errorf("%s:%d has %d columns, at most %d are wanted", name, i+1, n, docsWidth)
			}
		}
	}
	if n := strings.Count(documents(t)["../README.md"], "\n"); n > 150 {
		t.Errorf("README has %d lines, at most 150 are wanted", n)
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	fenced  = regexp.MustCompile("(?ms)^```.*?^```")
)

// anchors are what links may name behind the # of a page: its headings as GitHub
// writes them.
func anchors(text string) map[string]bool {
	out := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		out[strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, m[1])] = true
	}
	return out
}

// Links between the pages, and from them to the source, lead somewhere.
func TestDocumentsLink(t *testing.T) {
	found := 0
	for name, text := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			found++
			path, anchor, _ := strings.Cut(m[1], "#")
			target := name
			if path != "" {
				target = filepath.Join(filepath.Dir(name), path)
			}
			there, err := os.ReadFile(target)
			if err != nil {
				t.Errorf("%s links to %s: %v", name, m[1], err)
				continue
			}
			if anchor != "" && !anchors(string(there))[anchor] {
				t.Errorf("%s links to %s, where no heading is called so", name, m[1])
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d links found", found)
	}
}

// The figures of README stand among the benchmarks, with their commands.
func TestReadmeFigures(t *testing.T) {
	pages := documents(t)
	_, figures, _ := strings.Cut(pages["../README.md"], "## Ten figures")
	figures, _, _ = strings.Cut(figures, "\n## ")
	_, table, found := strings.Cut(figures, "|---|---|\n")
	if rows := strings.Count(table, "\n| "); !found || rows != 9 {
		t.Fatalf("README has %d figures, want ten", rows+1)
	}
	known := map[string]bool{}
	number := regexp.MustCompile(`\d[\d.,]*\d|\d`)
	for _, n := range number.FindAllString(pages["../docs/benchmarks.md"], -1) {
		known[n] = true
	}
	for _, n := range number.FindAllString(table, -1) {
		if n != "50" && n != "99" && !known[n] { // As in p50 and p99.
			t.Errorf("README says %s, which docs/benchmarks.md does not", n)
		}
	}
}
