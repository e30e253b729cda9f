package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// architecture is ARCHITECTURE.md without its blocks of code.
func architecture(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile("(?s)```.*?```").ReplaceAllString(string(text), "")
}

// declarations returns, by file from the root, the names declared at the top
// level of the Go files below the root: F, T, T.Method and T.Field.
func declarations(t *testing.T) map[string]map[string]bool {
	t.Helper()
	all := map[string]map[string]bool{}
	for _, s := range sources(t) {
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", s.file), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		for _, d := range f.Decls {
			declared(d, names)
		}
		all[s.file] = names
	}
	return all
}

func declared(d ast.Decl, names map[string]bool) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			names[d.Name.Name] = true
			return
		}
		names[receiver(d.Recv.List[0].Type)+"."+d.Name.Name] = true
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.ValueSpec:
				for _, n := range spec.Names {
					names[n.Name] = true
				}
			case *ast.TypeSpec:
				names[spec.Name.Name] = true
				members(spec, names)
			}
		}
	}
}

// members adds the fields of a struct or the methods of an interface.
func members(spec *ast.TypeSpec, names map[string]bool) {
	var list *ast.FieldList
	switch body := spec.Type.(type) {
	case *ast.StructType:
		list = body.Fields
	case *ast.InterfaceType:
		list = body.Methods
	default:
		return
	}
	for _, f := range list.List {
		for _, n := range f.Names {
			names[spec.Name.Name+"."+n.Name] = true
		}
	}
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

var (
	quoted     = regexp.MustCompile("`([^`\n]+)`")
	pathLike   = regexp.MustCompile(`^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.*-]+)*/?$`)
	identifier = regexp.MustCompile(`^[A-Za-z_]\w*(\.[A-Za-z_]\w*)?$`)
)

// Every file and folder that ARCHITECTURE mentions exists, and every name of
// code is declared somewhere: in the file beside it, if it stands in
// parentheses behind one.
func TestArchitectureNamesExist(t *testing.T) {
	text := architecture(t)
	files := declarations(t)
	checked := 0
	for _, m := range quoted.FindAllStringSubmatch(text, -1) {
		word := m[1]
		switch {
		case strings.ContainsAny(word, "/") && pathLike.MatchString(word), strings.HasSuffix(word, ".go"), strings.HasSuffix(word, ".md"):
			found, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(word)))
			if err != nil || len(found) == 0 {
				t.Errorf("ARCHITECTURE.md names %s, which does not exist", word)
			}
			checked++
		case identifier.MatchString(word):
			if !isDeclared(files, word) && !isFolder(word) {
				t.Errorf("ARCHITECTURE.md names %s, which no Go file declares", word)
			}
			checked++
		}
	}
	if checked < 100 {
		t.Errorf("only %d names found in ARCHITECTURE.md: the test looks for the wrong thing", checked)
	}
}

func isFolder(name string) bool {
	info, err := os.Stat(filepath.Join("..", name))
	return err == nil && info.IsDir()
}

// isDeclared reports whether name is F, T, T.M or package.F of any file.
func isDeclared(files map[string]map[string]bool, name string) bool {
	pkg, of, qualified := strings.Cut(name, ".")
	for file, names := range files {
		if names[name] || qualified && path.Base(path.Dir(file)) == pkg && names[of] {
			return true
		}
	}
	return false
}

// The questions that a newcomer asks, each with the file and the name in it that
// answers: two hops from the question to the code.
func TestArchitectureAnswers(t *testing.T) {
	questions := []string{
		"which of two samples wins", "what hides a row", "who answers 503", "where is a query split",
		"which SQL functions may run", "when is a segment dropped", "what is a file called",
		"where does a tenant come from", "how is a damaged page reported", "when are files merged",
		"where are defaults", "what does a write cost",
	}
	files := declarations(t)
	row := regexp.MustCompile("(?m)^\\| ([^|]+?) \\| `([^`]+)` \\| `([^`]+)`")
	var asked []string
	for _, m := range row.FindAllStringSubmatch(architecture(t), -1) {
		question, file, name := strings.ToLower(m[1]), m[2], m[3]
		asked = append(asked, question)
		names, ok := files[file]
		if !ok {
			t.Errorf("%s: no Go file %s", question, file)
			continue
		}
		if !names[name] {
			t.Errorf("%s: %s does not declare %s", question, file, name)
		}
	}
	for _, q := range questions {
		if !slices.ContainsFunc(asked, func(a string) bool { return strings.HasPrefix(a, strings.ToLower(q)) }) {
			t.Errorf("ARCHITECTURE.md does not answer: %s", q)
		}
	}
}
