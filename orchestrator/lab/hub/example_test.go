package hub_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/hackload-kz/hackload/orchestrator/lab/hub"
)

// A Hub with one team, asked for its teams the way a service would.
func Example() {
	dir, err := os.MkdirTemp("", "hub")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	h, err := hub.Open(filepath.Join(dir, "hub.db"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer h.Close()
	ctx := context.Background()
	if err := h.Seed(ctx, hub.Team{Slug: "zulu", Name: "Zulu"}); err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(h.Handler())
	defer server.Close()

	key, _ := h.CreateKey(ctx, hub.EnvironmentRead) // but not hub.TeamsRead
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/api/service/teams", nil)
	req.Header.Set("X-API-Key", key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	fmt.Println(resp.StatusCode, string(body))
	// Output: 403 {"error":"Insufficient permissions"}
}
