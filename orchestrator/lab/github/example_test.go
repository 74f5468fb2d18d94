package github_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/lab/github"
)

func Example() {
	lab := github.New(github.Options{Repos: github.SampleRepos(time.Now())})
	for _, path := range []string{"/repos/hackload-kz/good", "/repos/hackload-kz/oversold"} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("User-Agent", "example")
		w := httptest.NewRecorder()
		lab.ServeHTTP(w, r)
		fmt.Println(path, w.Code, w.Header().Get("X-RateLimit-Remaining"))
	}
	// Output:
	// /repos/hackload-kz/good 200 59
	// /repos/hackload-kz/oversold 404 58
}
