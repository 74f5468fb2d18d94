package biletter

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
)

// statusConflict is the API's own status for a seat that is already taken and
// for what the present state does not allow.
const statusConflict = 419

// badRequest answers 400 in words.
func badRequest(w http.ResponseWriter, err error) {
	http.Error(w, err.Error(), http.StatusBadRequest)
}

// refuse answers what the box office refused.
func refuse(w http.ResponseWriter, err error) {
	code := http.StatusInternalServerError
	switch {
	case errors.Is(err, errNotOwner):
		code = http.StatusForbidden
	case errors.Is(err, errTaken), errors.Is(err, errState):
		code = statusConflict
	case errors.Is(err, errUnknown):
		code = http.StatusNotFound
	}
	http.Error(w, err.Error(), code)
}

// done answers 200 without a body, or what was refused.
func done(w http.ResponseWriter, err error) {
	if err != nil {
		refuse(w, err)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// sendJSON answers a value that always encodes.
func sendJSON(w http.ResponseWriter, code int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		http.Error(w, "cannot encode the answer", http.StatusInternalServerError)
		return
	}
	sendEncoded(w, code, body)
}

// sendEncoded answers JSON text. A write that fails is the client's affair: it
// has left.
func sendEncoded(w http.ResponseWriter, code int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	_, _ = w.Write(body)
}

// tenge writes a price as the API does: a decimal string.
func tenge(amount int64) string { return strconv.FormatInt(amount, 10) + ".00" }
