package biletter_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/lab/biletter"
)

// FuzzQueries asks for events and seats with any parameters: the answer is a
// page or a 400, never anything else.
func FuzzQueries(f *testing.F) {
	f.Add("концерт", "2024-12-25", "1", "20", "1", "FREE")
	f.Add("\"", "0000-00-00", "-1", "0", "100", "sold")
	f.Add("\x00\xff", "2024-12-25T", "1e3", "21", "9223372036854775807", "")
	f.Add("", "", "1073741824", "20", "1073741824", "RESERVED")
	world, err := biletter.NewWorld(day)
	require.NoError(f, err)
	service, err := biletter.New(biletter.Good, biletter.Options{World: world})
	require.NoError(f, err)
	user := visitors(f, nil, 1)[0].user
	f.Fuzz(func(t *testing.T, query, date, page, size, row, status string) {
		for _, path := range []string{"/api/events", "/api/seats"} {
			q := url.Values{"query": {query}, "date": {date}, "page": {page}, "pageSize": {size}, "row": {row}, "status": {status}, "event_id": {"1"}}
			r := httptest.NewRequest("GET", path+"?"+q.Encode(), nil)
			r.SetBasicAuth(user.Email, user.Password)
			answer := httptest.NewRecorder()
			service.ServeHTTP(answer, r)
			if answer.Code == http.StatusBadRequest {
				continue
			}
			require.Equal(t, http.StatusOK, answer.Code)
			var list []json.RawMessage
			require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &list))
			require.NotNil(t, list)
			require.LessOrEqual(t, len(list), 20)
		}
	})
}
