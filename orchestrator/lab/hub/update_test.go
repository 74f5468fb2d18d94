package hub

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// FuzzReadBulk: whatever is posted, nothing panics, and what is taken is whole.
func FuzzReadBulk(f *testing.F) {
	for _, seed := range []string{
		`{"updates":[]}`, `{"updates":[null]}`, `{"updates":{}}`, `[]`, `{`, "",
		`{"updates":[{"teamSlug":"a","hackathonId":"h","criteriaType":"CODE_REPO","status":"PASSED","score":1e999,"metrics":{"a":[null]},"updatedBy":"u"}]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		updates, valid := readBulk(httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
		if !valid && updates != nil {
			t.Fatal("refused, and yet there are updates")
		}
		for _, u := range updates {
			if u.TeamSlug == "" || u.HackathonID == "" || u.UpdatedBy == "" ||
				!contest.Criterion(u.CriteriaType).Valid() || !contest.Status(u.Status).Valid() {
				t.Errorf("taken, but not whole: %+v", u)
			}
			if u.Metrics != nil && !json.Valid([]byte(*u.Metrics)) {
				t.Errorf("metrics are no JSON: %s", *u.Metrics)
			}
			if u.Score != nil && *u.Score < 0 {
				t.Errorf("score %v", *u.Score)
			}
		}
	})
}
