package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// webFiles are web configuration files of every kind of protection.
type webFiles struct {
	none, tls, auth, both, clientCerts, optionalCerts string
	roots                                             *x509.CertPool
}

const (
	testUser     = "ann"
	testPassword = "correct horse"
)

func makeWebFiles(t *testing.T) webFiles {
	t.Helper()
	dir := t.TempDir()
	roots := makeCertificate(t, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	hash, err := bcrypt.GenerateFromPassword([]byte(testPassword), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	tlsText := "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n"
	authText := "basic_auth_users:\n  " + testUser + ": " + string(hash) + "\n"
	file := func(name, text string) string {
		name = filepath.Join(dir, name)
		writeFile(t, name, text)
		return name
	}
	return webFiles{
		none:          file("none.yml", ""),
		tls:           file("tls.yml", tlsText),
		auth:          file("auth.yml", authText),
		both:          file("both.yml", tlsText+authText),
		clientCerts:   file("client.yml", tlsText+"  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: cert.pem\n"),
		optionalCerts: file("optional.yml", tlsText+"  client_auth_type: RequestClientCert\n"),
		roots:         roots,
	}
}

func makeCertificate(t *testing.T, certFile, keyFile string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "herringbone test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	writeFile(t, certFile, string(certPEM))
	writeFile(t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})))
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certPEM)
	return roots
}

func TestExposure(t *testing.T) {
	f := makeWebFiles(t)
	tests := map[string]struct {
		address  string
		file     string
		insecure bool
		refused  bool
		open     bool
	}{
		"the default":                      {address: "127.0.0.1:9201"},
		"another loopback address":         {address: "127.1.2.3:9201"},
		"IPv6 loopback":                    {address: "[::1]:9201"},
		"IPv4 in IPv6 loopback":            {address: "[::ffff:127.0.0.1]:9201"},
		"localhost":                        {address: "localhost:9201"},
		"loopback with everything":         {address: "127.0.0.1:9201", file: f.both},
		"loopback, insecure, is not open":  {address: "127.0.0.1:9201", insecure: true},
		"every address":                    {address: ":9201", refused: true},
		"every IPv4 address":               {address: "0.0.0.0:9201", refused: true},
		"every IPv6 address":               {address: "[::]:9201", refused: true},
		"a private address":                {address: "192.168.1.2:9201", refused: true},
		"an IPv6 address":                  {address: "[2001:db8::1]:9201", refused: true},
		"an empty web file":                {address: ":9201", file: f.none, refused: true},
		"TLS alone":                        {address: ":9201", file: f.tls, refused: true},
		"passwords alone, in plain text":   {address: ":9201", file: f.auth, refused: true},
		"certificates that may be missing": {address: ":9201", file: f.optionalCerts, refused: true},
		"TLS and passwords":                {address: ":9201", file: f.both},
		"TLS and client certificates":      {address: ":9201", file: f.clientCerts},
		"allowed":                          {address: ":9201", insecure: true, open: true},
		"allowed with TLS alone":           {address: "0.0.0.0:9201", file: f.tls, insecure: true, open: true},
		"allowed, but protected anyway":    {address: ":9201", file: f.both, insecure: true},
		"a name that does not resolve":     {address: "no-such-host.invalid:9201", refused: true},
		"no port":                          {address: "127.0.0.1", refused: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e, err := readExposure(tt.file)
			if err != nil {
				t.Fatal(err)
			}
			open, err := checkExposure(context.Background(), tt.address, e, tt.insecure)
			if refused := err != nil; refused != tt.refused || open != tt.open {
				t.Errorf("open %v, error %v; want open %v, refused %v", open, err, tt.open, tt.refused)
			}
		})
	}
}

func TestBadWebFile(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"unknown key":      "tls: {}\n",
		"missing key file": "tls_server_config: {cert_file: nowhere.pem}\n",
		"no bcrypt hash":   "basic_auth_users: {ann: secret}\n",
	} {
		file := filepath.Join(dir, "web.yml")
		writeFile(t, file, text)
		if e, err := readExposure(file); err == nil {
			t.Errorf("%s: accepted as %+v", name, e)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error tells the password: %v", name, err)
		}
	}
}

func TestExposedNodeIsRefused(t *testing.T) {
	out, code := runAdapter("--data.dir="+t.TempDir(), "--web.listen-address=0.0.0.0:0")
	if code != 1 || !strings.Contains(out, "refused to listen beyond loopback") {
		t.Errorf("exit code %d, output %q", code, out)
	}
}

func TestOpenNodeSaysSo(t *testing.T) {
	p := startNode(t, t.TempDir(), "--web.listen-address=0.0.0.0:0", "--web.insecure-allow-unauthenticated")
	p.await(t, "listening beyond loopback")
	_, port, _ := net.SplitHostPort(p.address)
	if _, body := get(t, "http://127.0.0.1:"+port+"/metrics"); !strings.Contains(body, "\nherringbone_web_unauthenticated 1\n") {
		t.Error("no herringbone_web_unauthenticated 1 among the metrics")
	}
}

func TestTLSAndBasicAuth(t *testing.T) {
	f := makeWebFiles(t)
	if err := os.Chmod(f.both, 0o644); err != nil {
		t.Fatal(err)
	}
	p := startNode(t, t.TempDir(), "--web.listen-address=0.0.0.0:0", "--web.config.file="+f.both)
	p.await(t, "the web configuration can be read by other users")
	_, port, _ := net.SplitHostPort(p.address)
	url := "https://127.0.0.1:" + port + "/api/v1/query?query=1"

	strict := tlsClient(&tls.Config{RootCAs: f.roots})
	tests := map[string]struct {
		client         *http.Client
		url            string
		user, password string
		want           int // 0: no connection.
	}{
		"right password":           {strict, url, testUser, testPassword, 200},
		"wrong password":           {strict, url, testUser, "guess", 401},
		"unknown user":             {strict, url, "bob", testPassword, 401},
		"no password":              {strict, url, "", "", 401},
		"metrics need it too":      {strict, strings.Replace(url, "/api/v1/query?query=1", "/metrics", 1), "", "", 401},
		"plain text":               {strict, strings.Replace(url, "https", "http", 1), testUser, testPassword, 400},
		"client that trusts no CA": {tlsClient(&tls.Config{RootCAs: x509.NewCertPool()}), url, testUser, testPassword, 0},
		"TLS 1.1":                  {tlsClient(&tls.Config{RootCAs: f.roots, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}), url, testUser, testPassword, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequest(http.MethodGet, tt.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			if tt.user != "" {
				req.SetBasicAuth(tt.user, tt.password)
			}
			res, err := tt.client.Do(req)
			if err != nil {
				if tt.want != 0 {
					t.Fatal(err)
				}
				return
			}
			if code, body := readAnswer(t, res); code != tt.want {
				t.Errorf("%d %s, want %d", code, body, tt.want)
			}
		})
	}
	p.stop(t)
	if strings.Contains(p.log(), testPassword) {
		t.Error("the log tells the password")
	}
}

func tlsClient(c *tls.Config) *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: c, DisableKeepAlives: true}}
}
