package main

import (
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// The plan names what each of the three steps has to do; compact says what it
// has done.
func TestCompactSaysWhatItDoes(t *testing.T) {
	dir, configs, now := t.TempDir(), t.TempDir(), time.Now()
	const retention = "storage: {retention_rules: [{match: '{__name__=\"pushed\",i!=\"3\"}', keep: 5d}]}"
	patient := filepath.Join(configs, "patient.yml")
	writeFile(t, patient, retention)
	rule, impatient := filepath.Join(configs, "rule.yml"), filepath.Join(configs, "impatient.yml")
	const eager = "compaction: {level0_files: 2, level0_age: 0s, lateness: 0s, settle: 0s, late_age: 0s}\n"
	writeFile(t, rule, eager+retention)
	writeFile(t, impatient, eager+"query: {timeout: 1ms}\nsql: {timeout: 1ms, max_timeout: 1ms}\ncollection: {grace: 2ms}")
	for range 2 { // So that there is something to merge.
		p := startNode(t, dir, "--self-monitoring=false")
		for _, age := range []time.Duration{40, 20, 0} { // Days.
			push(t, p.url, 10, now.Add(-age*24*time.Hour))
		}
		p.stop(t)
	}

	run := func(config string, args ...string) string {
		t.Helper()
		out, code := runAdapter(append([]string{"compact", "--data.dir=" + dir, "--config.file=" + config}, args...)...)
		if code != 0 {
			t.Fatalf("exit code %d, output %s", code, out)
		}
		return out
	}
	wantText := func(got string, lines ...string) {
		t.Helper()
		for _, line := range lines {
			if !regexp.MustCompile("(?m)^" + line).MatchString(got) {
				t.Errorf("no line %s in\n%s", line, got)
			}
		}
	}
	wantText(run(rule, "--plan"), `1\. merge default `,
		`tenant default, \{__name__="pushed",i!="3"\}, kept 5d: expired up to \S+Z, which at most 4 files of \d+ bytes hold; nothing is hidden by it now\.$`,
		`tenant default, default, kept forever: nothing expires\.$`,
		`0 objects of files that were removed before \S+Z, 0 bytes\.$`, `Not shown: .*retention\.max_share`)
	wantText(run(patient), `Retention: 0 files removed as a whole; hidden for tenant default by \{__name__="pushed",i!="3"\} up to \S+Z\.$`, `Compaction: 0 jobs done`)
	wantText(run(patient, "--plan"), `Nothing to do\.$`, `tenant default, .* hold; hidden now up to \S+Z\.$`)
	wantText(run(rule), `Retention: 0 files removed as a whole`,
		`Compaction: [1-9]\d* jobs done, 0 not; rows taken out: [1-9]\d* duplicate, [1-9]\d* deleted or expired, 0 of`,
		`Collection: 0 objects deleted, 0 bytes\.$`, `Files: 6 of \d+ bytes before, [23] of \d+ bytes now; [1-9]\d* removed ones of [1-9]\d* bytes are collected later\.$`)
	wantText(run(impatient, "--plan"), `Nothing to do\.$`, `[1-9]\d* objects of files that were removed before \S+Z, [1-9]\d* bytes\.$`)
	wantText(run(impatient), `Collection: [1-9]\d* objects deleted, [1-9]\d* bytes\.$`, `Files: .*; 0 removed ones of 0 bytes`)
}
