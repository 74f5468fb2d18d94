package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// setting says which keys an environment variable overrides.
type setting struct {
	Env  string
	Keys []string
	// OffOnly keys are switched off by a false, but not on by a true: the
	// variable is older than the service that they belong to.
	OffOnly []string
}

// settings is every variable that is read: the complete list of the seed
// document in its order, then ours.
func settings() []setting {
	return slices.Concat(coreSettings(), serviceSettings(), sourceSettings(), watchSettings(), observeSettings(), ourSettings())
}

func coreSettings() []setting {
	return []setting{
		{Env: "NODE_ENV", Keys: one("environment")},
		{Env: "LOG_LEVEL", Keys: one("log.level")},
		{Env: "API_BASE_URL", Keys: one("hub.url")},
		{Env: "SERVICE_API_KEY", Keys: one("hub.api_key")},
		{Env: "API_TIMEOUT", Keys: one("hub.timeout")},
		{Env: "API_RETRIES", Keys: one("hub.retries")},
	}
}

func serviceSettings() []setting {
	return []setting{
		{Env: "GIT_MONITOR_ENABLED", Keys: one("services.git-monitor.enabled")},
		{Env: "GIT_MONITOR_INTERVAL", Keys: one("services.git-monitor.interval")},
		{Env: "GIT_MONITOR_TIMEOUT", Keys: one("services.git-monitor.timeout")},
		{Env: "GITHUB_TOKEN", Keys: one("github.token")},
		{Env: "GITHUB_API_URL", Keys: one("github.api_url")},
		{Env: "GITHUB_APP_ID", Keys: one("github.app_id")},
		{Env: "GITHUB_APP_PRIVATE_KEY", Keys: one("github.app_private_key")},

		{Env: "DEPLOYMENT_MONITOR_ENABLED", Keys: one("services.deployment-monitor.enabled")},
		{Env: "DEPLOYMENT_MONITOR_INTERVAL", Keys: one("services.deployment-monitor.interval")},
		{Env: "DEPLOYMENT_MONITOR_TIMEOUT", Keys: one("services.deployment-monitor.timeout")},
		{Env: "HTTP_TIMEOUT", Keys: one("probe.timeout")},
		{Env: "USER_AGENT", Keys: one("probe.user_agent")},

		{Env: "K6_SERVICES_ENABLED", Keys: k6Keys("enabled"), OffOnly: one(cancellation + "enabled")},
		{Env: "K6_SERVICES_INTERVAL", Keys: append(k6Keys("interval"), cancellation+"interval")},
		{Env: "K6_SERVICES_TIMEOUT", Keys: append(k6Keys("timeout"), cancellation+"timeout")},
		{Env: "GRAFANA_API_URL", Keys: one("grafana.api_url")},
		{Env: "GRAFANA_TOKEN", Keys: one("grafana.token")},
		{Env: "GRAFANA_USERNAME", Keys: one("grafana.username")},
		{Env: "K6_RESULTS_RETENTION", Keys: one("metrics.retention_days")},

		{Env: "COST_TRACKING_ENABLED", Keys: one("services.cost-tracking.enabled")},
		{Env: "COST_TRACKING_INTERVAL", Keys: one("services.cost-tracking.interval")},
		{Env: "COST_TRACKING_TIMEOUT", Keys: one("services.cost-tracking.timeout")},
		{Env: "AWS_ACCESS_KEY_ID", Keys: one("cost.aws.access_key_id")},
		{Env: "AWS_SECRET_ACCESS_KEY", Keys: one("cost.aws.secret_access_key")},
		{Env: "AZURE_CLIENT_ID", Keys: one("cost.azure.client_id")},
		{Env: "AZURE_CLIENT_SECRET", Keys: one("cost.azure.client_secret")},
		{Env: "AZURE_TENANT_ID", Keys: one("cost.azure.tenant_id")},
		{Env: "GCP_SERVICE_ACCOUNT_KEY", Keys: one("cost.gcp.service_account_key")},
	}
}

func watchSettings() []setting {
	return []setting{
		{Env: "HEALTH_CHECK_PORT", Keys: one("web.port")},
		{Env: "METRICS_PORT", Keys: one("web.metrics_port")},
		{Env: "METRICS_ENABLED", Keys: one("web.metrics_enabled")},

		{Env: "MAX_CONCURRENT_JOBS", Keys: one("limits.max_concurrent_jobs")},
		{Env: "MEMORY_LIMIT_MB", Keys: one("limits.memory_mb")},
		{Env: "CPU_LIMIT_CORES", Keys: one("limits.cpu_cores")},
		{Env: "RATE_LIMIT_PER_MINUTE", Keys: one("hub.rate_limit_per_minute")},
	}
}

func ourSettings() []setting {
	return []setting{
		{Env: "ADMIN_TOKEN", Keys: one("web.admin_token")},
		{Env: "GRAFANA_PASSWORD", Keys: one("grafana.password")},
		{Env: "GRAFANA_URL", Keys: one("grafana.url")},
		{Env: "GRAFANA_DATASOURCE", Keys: one("grafana.datasource")},
		{Env: "GRAFANA_TEAM_DASHBOARD", Keys: one("grafana.team_dashboard.uid")},
		{Env: "GRAFANA_RUN_DASHBOARD", Keys: one("grafana.run_dashboard.uid")},
		{Env: "PROMETHEUS_URL", Keys: one("prometheus.url")},
		{Env: "PROMETHEUS_WRITE_URL", Keys: one("prometheus.write_url")},
		{Env: "KUBECONFIG", Keys: one("kubernetes.kubeconfig")},
		{Env: "K6_NAMESPACE", Keys: one("kubernetes.namespace")},
		{Env: "K6_RUNNER_IMAGE", Keys: one("kubernetes.runner_image")},
		{Env: "STATE_DATABASE_URL", Keys: one("state.database_url")},
		{Env: "HACKLOAD_STATE_DIR", Keys: one("state.dir")},
		{Env: "HACKLOAD_PUBLIC_URL", Keys: one("web.public_url")},
		{Env: "HACKLOAD_SCENARIOS_DIR", Keys: one("scenarios.dir")},
		{Env: "HACKLOAD_CONTEST", Keys: one("contest")},
	}
}

func one(key string) []string { return []string{key} }

// cancellation is the service that the seed document does not know.
const cancellation = "services.k6-cancellation-testing."

// k6Keys lists a field of the load services of the seed document.
func k6Keys(field string) []string {
	return []string{
		"services.k6-search-testing." + field, "services.k6-archive-testing." + field,
		"services.k6-auth-testing." + field, "services.k6-booking-testing." + field,
	}
}

// applyEnv overrides c by the environment. An empty variable counts as unset,
// as Kubernetes has no other way to leave one out.
func applyEnv(c *Config, getenv func(string) string) []error { return apply(settings(), c, getenv) }

func apply(some []setting, c *Config, getenv func(string) string) []error {
	var problems []error
	for _, s := range some {
		text := getenv(s.Env)
		if text == "" {
			continue
		}
		keys := s.Keys
		if text == "false" || text == "0" {
			keys = append(keys, s.OffOnly...)
		}
		for _, key := range keys {
			if err := c.set(key, text); err != nil {
				problems = append(problems, Problem{"variable " + s.Env, key, err.Error()})
				break
			}
		}
	}
	return problems
}

// set sets the value under a dotted key from text.
func (c *Config) set(key, text string) error {
	return setPath(reflect.ValueOf(c).Elem(), strings.Split(key, "."), text)
}

func setPath(v reflect.Value, path []string, text string) error {
	switch {
	case len(path) == 0:
		return setText(v, text, time.UTC)
	case v.Kind() == reflect.Map:
		return setElement(v, path, text)
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if yamlName(f) != path[0] {
				continue
			}
			if err := setPath(v.Field(i), path[1:], text); err != nil {
				return err
			}
			return checkTags(f, v.Field(i))
		}
	}
	return fmt.Errorf("%q is no key of the configuration", path[0])
}

// setElement sets inside a copy of a map's element, as elements cannot be
// changed in place.
func setElement(v reflect.Value, path []string, text string) error {
	name := path[0]
	if closed, ok := v.Interface().(keyed); ok {
		canonical, err := closed.canonicalKey(name)
		if err != nil {
			return err
		}
		name = canonical
	}
	index := reflect.ValueOf(name).Convert(v.Type().Key())
	element := reflect.New(v.Type().Elem()).Elem()
	if old := v.MapIndex(index); old.IsValid() {
		element.Set(old)
	}
	if err := setPath(element, path[1:], text); err != nil {
		return err
	}
	v.SetMapIndex(index, element)
	return nil
}
