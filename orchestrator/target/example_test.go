package target_test

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/hackload-kz/hackload/orchestrator/target"
)

// A name that leads to the inside is refused when it is dialled.
func ExampleProber_Preflight() {
	p := target.New(target.Guard{}, "hackload")
	p.Tries = 1
	seen := p.Preflight(context.Background(), "http://user:password@127.0.0.1:9", false)
	fmt.Println(seen.Answered)
	fmt.Println(seen.Error)
	// Output:
	// false
	// dial: address 127.0.0.1 is not public, so it is not called (allow_private_targets is off)
}

func ExampleGuard_Check() {
	g := target.Guard{Allowed: []netip.Prefix{netip.MustParsePrefix("10.8.0.0/16")}}
	for _, addr := range []string{"10.8.1.2", "169.254.169.254", "64:ff9b::10.0.0.1"} {
		fmt.Println(addr, g.Check(netip.MustParseAddr(addr)) == nil)
	}
	// Output:
	// 10.8.1.2 true
	// 169.254.169.254 false
	// 64:ff9b::10.0.0.1 false
}
