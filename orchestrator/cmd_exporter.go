package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	toolkit "github.com/prometheus/exporter-toolkit/web"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/hub"
	"github.com/hackload-kz/hackload/orchestrator/telemetry"
)

func exporterCommand(w world) *cobra.Command {
	var file, listen, webConfig string
	var a alone
	cmd := &cobra.Command{
		Use:   "exporter git|deployment|cost",
		Short: "One exporter alone, for Prometheus",
		Long: `exporter serves what one exporter sees of the Hub's teams, by the conventions of
Prometheus: /metrics of all teams, /probe?target=TEAM for one team alone,
/-/healthy and /-/ready. It judges nothing and tells the Hub nothing.

git and deployment measure all teams when they begin and then --every so often,
whoever scrapes them; cost measures when it is scraped. Beside a contest deployment
does not know when a team is under load, so it resets nothing and walks as lightly
as ever.

--web.config.file switches TLS and basic auth on, in the form of Prometheus'
exporter toolkit.`,
		Example: "  API_BASE_URL=https://hub.example.org SERVICE_API_KEY=… hackload exporter git --listen :9101",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(w, file, nil)
			if err != nil {
				return err
			}
			if a.every <= 0 {
				return usage(fmt.Errorf("--every %s", a.every), "Say a time like 15m.")
			}
			a.name = args[0]
			a.flags = &toolkit.FlagConfig{WebListenAddresses: &[]string{listen}, WebSystemdSocket: new(bool), WebConfigFile: &webConfig}
			return exporter(cmd.Context(), w, c, a)
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration `FILE`")
	cmd.Flags().StringVar(&listen, "listen", ":9101", "`ADDR` to serve on")
	cmd.Flags().DurationVar(&a.every, "every", 15*time.Minute, "`TIME` from one round over all teams to the next")
	cmd.Flags().StringVar(&webConfig, "web.config.file", "", "`FILE` of TLS and basic auth settings")
	return cmd
}

// alone is how an exporter stands alone.
type alone struct {
	name  string
	every time.Duration // from one round to the next
	flags *toolkit.FlagConfig
}

// exporterServices says which exporter measures for which service.
func exporterServices() map[string]contest.ServiceKey {
	return map[string]contest.ServiceKey{
		"git": contest.GitMonitor, "deployment": contest.DeploymentMonitor, "cost": contest.CostTracking,
	}
}

func exporter(ctx context.Context, w world, c *config.Config, a alone) (err error) {
	key, ok := exporterServices()[a.name]
	if !ok {
		return usage(fmt.Errorf("there is no exporter %q", a.name), "Choose git, deployment or cost.")
	}
	if err := c.ValidateServe(); err != nil {
		return usage(err, "The exporter looks at the Hub's teams: set API_BASE_URL and SERVICE_API_KEY.")
	}
	client, err := hub.New(hubConfig(c))
	if err != nil {
		return usage(err, "Check API_BASE_URL and SERVICE_API_KEY.")
	}
	from, err := openSources(c, client.Teams)
	if err != nil {
		return err
	}
	out, err := w.witness(ctx, c, "exporter", telemetry.LogConfig{JSON: c.JSONLogs(), Level: c.Log.Level})
	if err != nil {
		return errors.Join(err, from.Close())
	}
	defer out.close(ctx, &err)
	tell := func(finding string) { out.log.Warn("sources of teams", "finding", finding) }
	wk := &works{site: site{config: c, teams: from.teams(c, tell)}, closers: []func() error{from.Close}}
	if err := wk.borrow(ctx); err != nil {
		return trouble(errors.Join(err, wk.Close()))
	}
	x, err := wk.exporter(key, nil)
	if err != nil {
		return trouble(errors.Join(err, wk.Close()))
	}
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error {
		return listenByTheBook(ctx, telemetry.Recovering(out.log, x.Handler(wk.contestants)), a.flags, out.log)
	})
	if r, ok := x.(rounds); ok {
		failed := func(err error) { out.log.WarnContext(ctx, "the last round could not be measured", "error", err) }
		parts.Go(func() error { return r.Run(ctx, a.every, wk.contestants, failed) })
	}
	return trouble(errors.Join(parts.Wait(), wk.Close()))
}

// rounds are an exporter's that measures by itself, not when it is scraped.
type rounds interface {
	Run(ctx context.Context, every time.Duration, teams func(context.Context) ([]contest.Team, error), failed func(error)) error
}

// borrow opens for reading what a contest on this machine has written down, if
// there is one, and the Prometheus outside, if there is one.
func (w *works) borrow(ctx context.Context) (err error) {
	w.store, err = openToRead(ctx, w.config.State)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	default:
		w.closers = append(w.closers, w.store.Close)
	}
	if w.config.Prometheus.URL == "" && !w.config.Proxied() {
		return nil
	}
	if w.grafana, err = openGrafana(w.config); err != nil {
		return err
	}
	return w.openMetrics(ctx)
}

const exporterGrace = 5 * time.Second

// listenByTheBook serves until ctx is done, with TLS and basic auth where the
// flags name a file of settings.
func listenByTheBook(ctx context.Context, h http.Handler, flags *toolkit.FlagConfig, log *slog.Logger) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: exporterGrace}
	served := make(chan error, 1)
	go func() { served <- toolkit.ListenAndServe(server, flags, log) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve the exporter: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), exporterGrace)
	defer cancel()
	err := server.Shutdown(grace)
	<-served
	return err
}
