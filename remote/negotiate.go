package remote

import (
	"mime"
	"net/http"
	"strings"
)

// version is a version of the remote-write protocol.
type version uint8

const (
	versionUnknown version = iota
	versionOne
	versionTwo
)

// String is also the value of the metrics' version label.
func (v version) String() string {
	switch v {
	case versionOne:
		return "1.0"
	case versionTwo:
		return "2.0"
	default:
		return "unknown"
	}
}

const (
	mediaType    = "application/x-protobuf"
	protoOne     = "prometheus.WriteRequest"
	protoTwo     = "io.prometheus.write.v2.Request"
	snappyCoding = "snappy"
)

// negotiate judges method and headers. The version is known even where the
// request is refused for something else, because every 2.0 answer has headers
// of its own.
func negotiate(r *http.Request) (version, error) {
	v, err := messageVersion(r.Header.Values("Content-Type"))
	if r.Method != http.MethodPost {
		return v, refuse(http.StatusMethodNotAllowed, "remote write wants POST, not %.20s", r.Method)
	}
	if err != nil {
		return v, err
	}
	return v, checkCoding(r.Header.Values("Content-Encoding"))
}

// messageVersion reads the Content-Type. None at all, and the media type without
// a proto parameter, mean 1.0.
func messageVersion(values []string) (version, error) {
	if len(values) == 0 || values[0] == "" || values[0] == mediaType {
		return versionOne, nil
	}
	media, params, err := mime.ParseMediaType(values[0])
	if err != nil || media != mediaType {
		return versionUnknown, refuse(http.StatusUnsupportedMediaType, "content type %.100q, want %s", values[0], mediaType)
	}
	switch proto, ok := params["proto"]; {
	case !ok || proto == protoOne:
		return versionOne, nil
	case proto == protoTwo:
		return versionTwo, nil
	default:
		return versionUnknown, refuse(http.StatusUnsupportedMediaType, "message %.100q, want %s or %s", proto, protoOne, protoTwo)
	}
}

// checkCoding accepts the block format of snappy, named or not. A list of codings
// is refused: nothing may hide a second compression.
func checkCoding(values []string) error {
	if len(values) == 0 {
		return nil
	}
	if len(values) > 1 || (values[0] != "" && !strings.EqualFold(values[0], snappyCoding)) {
		return refuse(http.StatusUnsupportedMediaType, "content encoding %.100q, want %s", strings.Join(values, ", "), snappyCoding)
	}
	return nil
}
