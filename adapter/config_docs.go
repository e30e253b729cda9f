package main

import (
	_ "embed"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"reflect"
	"strings"

	"github.com/alecthomas/kingpin/v2"
	"gopkg.in/yaml.v3"
)

// configKeysSource is where the comments of the keys are read from.
//
//go:embed config_keys.go
var configKeysSource string

// configKey is one key of the configuration file as its documentation shows it.
type configKey struct {
	path     string // With dots; [] for an element of a list, <tenant> for a map's.
	depth    int    // 0 for a section.
	kind     string // The type in a reader's words.
	fallback string // The default as the file would say it; "" if there is none.
	meaning  string
}

// configCommand is adapter config: the effective configuration as a file, or the
// reference of all keys and flags.
func configCommand(cli *commandLine, cfg Config, stdout io.Writer) error {
	if cli.docs {
		text, err := configDocs(cli.app.Model())
		if err != nil {
			return err
		}
		_, err = io.WriteString(stdout, text)
		return err
	}
	text, err := yaml.Marshal(cfg)
	if err != nil {
		return fmt.Errorf("print configuration: %w", err)
	}
	_, err = stdout.Write(text)
	return err
}

// configKeys lists every key of the file in the order of its declaration. The
// meanings are the comments of source; the error names the keys without one.
func configKeys(source string) ([]configKey, error) {
	meanings, err := fieldComments(source)
	if err != nil {
		return nil, err
	}
	w := keyWalk{meanings: meanings}
	w.fields("", 0, reflect.ValueOf(defaultConfig()), true)
	return w.keys, errors.Join(w.missing...)
}

// fieldComments returns the comments above the fields of all structs in a Go
// file, by Type.Field.
func fieldComments(source string) (map[string]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), "config_keys.go", source, parser.ParseComments)
	if err != nil {
		return nil, fmt.Errorf("read comments of the configuration keys: %w", err)
	}
	out := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		decl, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		st, ok := decl.Type.(*ast.StructType)
		if !ok {
			return false
		}
		for _, f := range st.Fields.List {
			for _, name := range f.Names {
				out[decl.Name.Name+"."+name.Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
			}
		}
		return false
	})
	return out, nil
}

// keyWalk collects the keys of a configuration.
type keyWalk struct {
	meanings map[string]string
	keys     []configKey
	missing  []error
}

// fields adds the keys of a struct. An element of a list or map has no defaults.
func (w *keyWalk) fields(prefix string, depth int, v reflect.Value, defaults bool) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "" || name == "-" {
			w.missing = append(w.missing, fmt.Errorf("%s.%s has no yaml key", v.Type().Name(), f.Name))
			continue
		}
		k := configKey{path: prefix + name, depth: depth, kind: kindName(f.Type)}
		k.meaning = w.meanings[v.Type().Name()+"."+f.Name]
		if k.meaning == "" {
			w.missing = append(w.missing, fmt.Errorf("configuration key %s has no meaning: write a comment above the field %s of %s in config_keys.go", k.path, f.Name, v.Type().Name()))
		}
		if defaults {
			k.fallback = defaultText(v.Field(i))
		}
		w.keys = append(w.keys, k)
		w.below(k, v.Field(i), defaults)
	}
}

// below adds the keys inside a section, or inside the elements of a list or map.
func (w *keyWalk) below(k configKey, v reflect.Value, defaults bool) {
	t := v.Type()
	switch t.Kind() {
	case reflect.Struct:
		w.fields(k.path+".", k.depth+1, v, defaults)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Struct {
			w.fields(k.path+"[].", k.depth+1, reflect.New(t.Elem()).Elem(), false)
		}
	case reflect.Map:
		w.fields(k.path+".<tenant>[].", k.depth+1, reflect.New(t.Elem().Elem()).Elem(), false)
	}
}

// kindName is a type in the words of somebody who writes the file.
func kindName(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[Duration]():
		return "duration"
	case reflect.TypeFor[Size]():
		return "size"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return kindName(t.Elem())
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "whole number"
	case reflect.Float64:
		return "share"
	case reflect.String:
		return "text"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Struct {
			return "list of rules"
		}
		return "list"
	case reflect.Map:
		return "lists by tenant"
	}
	return "section"
}

// defaultText is a default as the file would say it; a section has none.
func defaultText(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Struct:
		return ""
	case reflect.Map:
		return "none"
	case reflect.Slice:
		if v.Len() == 0 {
			return "none"
		}
		parts := make([]string, 0, v.Len())
		for i := range v.Len() {
			parts = append(parts, fmt.Sprint(v.Index(i)))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return fmt.Sprint(v.Interface())
}

const configDocsHead = `# Configuration

This page is made from the code by ` + "`make docs`" + `; do not edit it. A test compares the two.

A node needs no configuration. Flags are about one process: directory, address, logs. The YAML file
that ` + "`--config.file`" + ` names is about the data. A missing key keeps its default. An unknown key is
an error that names its line.

` + "`adapter check-config`" + ` checks a file without starting a node. ` + "`adapter config`" + ` prints the
configuration that a node would have: the file with all defaults filled in.

` + "```sh" + `
./bin/adapter check-config
./bin/adapter config
` + "```" + `

Durations are written as in Prometheus: ` + "`15s`, `2h`, `30d`" + `. Sizes are bytes, written ` + "`512KiB`" + `,
` + "`64MiB`, `1GiB`" + `. A share is a number from 0 to 1. A key of a list's elements is written
` + "`list[].key`" + ` here.

## Keys of the file
`

const configDocsDefaults = `
## A file that says the defaults

Lists of rules are empty by default and so are left out.

`

// configDocs is docs/configuration.md.
func configDocs(model *kingpin.ApplicationModel) (string, error) {
	keys, err := configKeys(configKeysSource)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(configDocsHead)
	for _, k := range keys {
		if k.depth == 0 {
			fmt.Fprintf(&b, "\n### %s\n\n%s\n\n", k.path, wrapText(k.meaning, ""))
			continue
		}
		b.WriteString(k.entry())
	}
	text, err := yaml.Marshal(defaultConfig())
	if err != nil {
		return "", fmt.Errorf("print defaults: %w", err)
	}
	fmt.Fprintf(&b, "%s```yaml\n%s```\n", configDocsDefaults, text)
	flagDocs(&b, model)
	return b.String(), nil
}

// entry is the key's item in a list.
func (k configKey) entry() string {
	text := fmt.Sprintf("- `%s`: %s", k.path, k.kind)
	switch {
	case k.kind == "section":
		text = fmt.Sprintf("- `%s`", k.path)
	case k.fallback == "none":
		text += ", none by default"
	case k.fallback != "":
		text += fmt.Sprintf(", default `%s`", k.fallback)
	}
	return wrapText(text+". "+k.meaning, "  ") + "\n"
}

// flagDocs writes the flags that all commands have, then those of each command.
// The benchmarks' are left to their --help: they steer no node.
func flagDocs(b *strings.Builder, model *kingpin.ApplicationModel) {
	b.WriteString("\n## Flags\n\n`adapter <command> --help` lists them too, also those of the benchmarks.\n\nAll commands:\n\n")
	flagEntries(b, model.FlagGroupModel)
	for _, c := range model.FlattenedCommands() {
		if !strings.HasPrefix(c.FullCommand, "bench ") && len(c.Flags) > 0 {
			fmt.Fprintf(b, "\n`adapter %s`:\n\n", c.FullCommand)
			flagEntries(b, c.FlagGroupModel)
		}
	}
}

func flagEntries(b *strings.Builder, group *kingpin.FlagGroupModel) {
	for _, f := range group.Flags {
		if f.Hidden || f.Name == "help" {
			continue
		}
		text := fmt.Sprintf("- `--%s`", f.Name)
		if f.Short != 0 {
			text += fmt.Sprintf(" or `-%c`", f.Short)
		}
		if len(f.Default) > 0 && f.Default[0] != "" {
			text += fmt.Sprintf(", default `%s`", f.Default[0])
		}
		fmt.Fprintln(b, wrapText(text+". "+f.Help, "  "))
	}
}

// docsWidth is how wide a line of the documents may be.
const docsWidth = 100

// wrapText breaks text between words; lines after the first begin with indent.
func wrapText(text, indent string) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		n := len([]rune(word))
		switch {
		case i == 0:
		case column+1+n > docsWidth:
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteString(" ")
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String()
}
