package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/tidwall/gjson"

	"github.com/hackload-kz/hackload/orchestrator/web"
)

// The handler reads the contest through three small interfaces and serves it
// as pages and as JSON.
func ExampleNew() {
	contestState := sample()
	h := web.New(web.Config{Board: contestState, Archive: contestState, Pulse: contestState})

	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/api/v1/results", nil))
	first := gjson.Get(answer.Body.String(), "teams.0")
	fmt.Println(answer.Code, first.Get("rank"), first.Get("name"), first.Get("criteria.EVENT_SEARCH.status"))
	// Output: 200 1 Zero Downtime PASSED
}
