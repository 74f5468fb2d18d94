// Command biletter is a sample team's service in a Pod: the good one.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/lab/biletter"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := serve(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "biletter:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context) error {
	world, err := biletter.NewWorld(time.Now())
	if err != nil {
		return err
	}
	team, err := biletter.New(biletter.Good, biletter.Options{World: world})
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", ":8080")
	if err != nil {
		return err
	}
	return team.Serve(ctx, ln)
}
