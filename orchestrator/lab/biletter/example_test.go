package biletter_test

import (
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/lab/biletter"
)

func Example() {
	world, err := biletter.NewWorld(time.Date(2025, 8, 15, 0, 0, 0, 0, time.UTC))
	if err != nil {
		fmt.Println(err)
		return
	}
	good, err := biletter.New(biletter.Good, biletter.Options{World: world})
	if err != nil {
		fmt.Println(err)
		return
	}
	answer := httptest.NewRecorder()
	good.ServeHTTP(answer, httptest.NewRequest("GET", "/api/events?pageSize=1", nil))
	fmt.Println(answer.Code, answer.Body)
	// Output: 200 [{"id":1,"title":"Концерт на стадионе"}]
}
