package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"

	"gopkg.in/yaml.v3"
)

// loadConfig returns the defaults overlaid with the file; name "" is no file.
// It does not Validate. Errors name the file and the line.
func loadConfig(name string) (Config, error) {
	cfg := defaultConfig()
	if name == "" {
		return cfg, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	if err := parseConfig(text, &cfg); err != nil {
		return Config{}, fmt.Errorf("parse configuration %s: %w", name, err)
	}
	return cfg, nil
}

// parseConfig overlays cfg with one YAML document. Several mistakes are
// reported at once, each with its line.
func parseConfig(text []byte, cfg *Config) error {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	err := dec.Decode(cfg)
	if errors.Is(err, io.EOF) {
		return nil // An empty file is all defaults.
	}
	if err != nil {
		return plainYAMLError(err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("more than one YAML document")
	}
	return nil
}

var unknownField = regexp.MustCompile(`^(line \d+): field (\S+) not found in type \S+$`)

// plainYAMLError says "unknown key" where the YAML library speaks of Go types.
func plainYAMLError(err error) error {
	var te *yaml.TypeError
	if !errors.As(err, &te) {
		return err
	}
	var all error
	for _, msg := range te.Errors {
		all = errors.Join(all, errors.New(unknownField.ReplaceAllString(msg, `$1: unknown key "$2"`)))
	}
	return all
}
