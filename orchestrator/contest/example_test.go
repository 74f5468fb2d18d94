package contest_test

import (
	"fmt"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func ExampleParseThreshold() {
	rule, err := contest.ParseThreshold("http_req_duration{scenario:steady}", "p(95) < 2000")
	fmt.Println(rule, err)
	fmt.Println(rule.HoldsByCount(950, 1000), rule.HoldsByCount(949, 1000))
	// Output:
	// http_req_duration{scenario:steady}: p(95)<2000 <nil>
	// true false
}

func ExampleTargetOf() {
	for _, endpoint := range []string{"https://Team.example.org./api", "http://user:password@[::ffff:192.0.2.1]:8080", "user:password@team"} {
		fmt.Println(contest.TargetOf(endpoint))
	}
	// Output:
	// team.example.org:443 <nil>
	// 192.0.2.1:8080 <nil>
	//  endpoint is no web address: want a URL that starts with http:// or https://
}

func ExampleLevel_VUs() {
	level := contest.Level{Users: 50_000, TimeUnit: contest.Duration(10 * time.Minute)}
	fmt.Printf("%.1f arrivals per second need %d virtual users\n", level.Rate(), level.VUs(2*time.Second, 1))
	// Output: 83.3 arrivals per second need 335 virtual users
}

func ExampleFindService() {
	for _, name := range []string{"git-monitor", "git-monitor-service", "CODE_REPO"} {
		s, _ := contest.FindService(name)
		fmt.Println(s.Key, s.Load())
	}
	_, err := contest.FindService("git")
	fmt.Println(err)
	// Output:
	// git-monitor false
	// git-monitor false
	// git-monitor false
	// unknown service "git": want a key like "git-monitor", a name like "git-monitor-service" or a criterion like "CODE_REPO"
}
