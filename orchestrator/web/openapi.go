package web

import (
	"bytes"
	_ "embed" // the document
	"net/http"
	"time"
)

// openAPI describes every route of the JSON API. It is written by hand; tests
// hold it against the routes and against every answer.
//
//go:embed openapi.json
var openAPI []byte

func (s *site) document(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("ETag", `"`+sha256Hex(openAPI)+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(openAPI))
	return nil
}
