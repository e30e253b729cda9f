package main

import (
	"fmt"
	"time"

	"github.com/alecthomas/units"
	"github.com/prometheus/common/model"
	"gopkg.in/yaml.v3"
)

// Duration is written as in Prometheus: 15s, 1h30m, 2w.
type Duration time.Duration

// String is the form that UnmarshalYAML reads.
func (d Duration) String() string { return model.Duration(d).String() }

// MarshalYAML implements yaml.Marshaler.
func (d Duration) MarshalYAML() (any, error) { return d.String(), nil }

// UnmarshalYAML implements yaml.Unmarshaler; its error names the line.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := model.ParseDuration(n.Value)
	if err != nil {
		return lineError(n, err)
	}
	*d = Duration(v)
	return nil
}

// Size is a number of bytes, written as in Prometheus: 512KiB, 64MiB, 1GiB. As
// there, KB and KiB are both 1024 bytes.
type Size int64

// String is the form that UnmarshalYAML reads.
func (s Size) String() string { return units.Base2Bytes(s).String() }

// MarshalYAML implements yaml.Marshaler.
func (s Size) MarshalYAML() (any, error) { return s.String(), nil }

// UnmarshalYAML implements yaml.Unmarshaler; its error names the line.
func (s *Size) UnmarshalYAML(n *yaml.Node) error {
	v, err := units.ParseBase2Bytes(n.Value)
	if err != nil {
		return lineError(n, fmt.Errorf("not a valid size: %q (write 512KiB, 64MiB, 1GiB)", n.Value))
	}
	*s = Size(v)
	return nil
}

// lineError is the YAML library's own type, so that it goes on and collects the
// other mistakes of the file.
func lineError(n *yaml.Node, err error) error {
	return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %v", n.Line, err)}}
}
