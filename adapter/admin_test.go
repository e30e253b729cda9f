package main

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const adminTSDB = "/api/v1/admin/tsdb/"

// wantAnswer posts and compares status and part of the body.
func wantAnswer(t *testing.T, p *process, path string, want int, part string) {
	t.Helper()
	res, err := http.Post(p.url+path, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if code, body := readAnswer(t, res); code != want || !strings.Contains(body, part) {
		t.Errorf("%s: %d %s, want %d and %q", path, code, body, want, part)
	}
}

// Whoever finds the admin API off is told how to turn it on.
func TestAdminAPIIsOff(t *testing.T) {
	p := startNode(t, t.TempDir(), "--self-monitoring=false")
	for _, call := range []string{"delete_series?match[]=up", "delete_series?match[]={", "clean_tombstones", "snapshot"} {
		wantAnswer(t, p, adminTSDB+call, http.StatusForbidden, `"error":"the admin API is off, start the node with --web.enable-admin-api"`)
	}
	wantAnswer(t, p, "/api/v1/query?query=1", http.StatusOK, "success")
	p.stop(t)
}

// Without a compactor deletes hide rows, and nobody can take them out.
func TestAdminAPIWithoutCompactor(t *testing.T) {
	file, now := filepath.Join(t.TempDir(), "off.yml"), time.Now()
	writeFile(t, file, "compaction: {enabled: false}")
	p := startNode(t, t.TempDir(), "--config.file="+file, "--web.enable-admin-api", "--self-monitoring=false")
	push(t, p.url, 10, now)
	for _, call := range []string{"match[]=pushed&match[]={", "match[]=pushed&start=1795362404000000000", "match[]=pushed&end=-1e300"} {
		wantAnswer(t, p, adminTSDB+"delete_series?"+call, http.StatusBadRequest, "bad_data")
	}
	wantPushed(t, p.url, 10, now)
	wantAnswer(t, p, adminTSDB+"delete_series?match[]=pushed", http.StatusNoContent, "")
	if got := query(t, p.url, "pushed", now); len(got) > 0 {
		t.Errorf("deleted, and still there: %v", got)
	}
	for _, path := range []string{adminTSDB + "clean_tombstones", "/-/compact"} {
		wantAnswer(t, p, path, http.StatusServiceUnavailable, "compaction.enabled is false")
	}
	wantAnswer(t, p, adminTSDB+"snapshot", http.StatusNotImplemented, "not supported")
	p.stop(t)
}

// A guard that refuses is no fault of the node: the answer names the setting.
func TestRefusedExpiry(t *testing.T) {
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "retention.yml")
	writeFile(t, file, "storage: {retention: 5d}\nretention: {max_share: 0}\ncollection: {min_files: 0}")
	p := startNode(t, dir, "--self-monitoring=false")
	push(t, p.url, 10, time.Now().Add(-40*24*time.Hour))
	p.stop(t)
	p = startNode(t, dir, "--config.file="+file, "--web.enable-admin-api", "--self-monitoring=false")
	wantAnswer(t, p, "/-/expire", http.StatusConflict, "retention.max_share")
	wantAnswer(t, p, "/-/collect", http.StatusNoContent, "")
	p.stop(t)
}
