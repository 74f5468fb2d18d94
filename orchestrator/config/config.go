package config

import (
	"net/netip"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Config is everything that can be configured, complete: what no source sets
// has its default.
type Config struct {
	Environment string      `yaml:"environment" json:"environment"` // NODE_ENV
	Services    Services    `yaml:"services" json:"services"`
	Hub         Hub         `yaml:"hub" json:"hub"`
	HubDatabase HubDatabase `yaml:"hub_database" json:"hubDatabase"`
	Teams       Teams       `yaml:"teams" json:"teams"`
	Prometheus  Prometheus  `yaml:"prometheus" json:"prometheus"`
	Grafana     Grafana     `yaml:"grafana" json:"grafana"`
	Kubernetes  Kubernetes  `yaml:"kubernetes" json:"kubernetes"`
	GitHub      GitHub      `yaml:"github" json:"github"`
	Cost        Cost        `yaml:"cost" json:"cost"`
	Probe       Probe       `yaml:"probe" json:"probe"`
	Web         Web         `yaml:"web" json:"web"`
	Scenarios   Scenarios   `yaml:"scenarios" json:"scenarios"`
	State       State       `yaml:"state" json:"state"`
	Load        LoadTest    `yaml:"load" json:"load"`
	Metrics     Metrics     `yaml:"metrics" json:"metrics"`
	Log         Log         `yaml:"log" json:"log"`
	Limits      Limits      `yaml:"limits" json:"limits"`
	Observe     Observe     `yaml:"observe" json:"observe"`

	// ContestFile is where Contest came from: a path, the name of a shipped
	// one, or the configuration file itself when it stands inside.
	ContestFile contestRef `yaml:"contest" json:"contestFile"`
	Contest     *Contest   `yaml:"-" json:"contest"`

	// Warnings are settings that were seen but have no effect, in sentences.
	Warnings []string `yaml:"-" json:"-"`
}

// Services holds the settings of each service under its key.
type Services map[contest.ServiceKey]Service

// canonicalKey accepts any of a service's three names.
func (Services) canonicalKey(name string) (string, error) {
	s, err := contest.FindService(name)
	return string(s.Key), err
}

// keyNames lists the keys for an error message.
func (Services) keyNames() []string {
	var names []string
	for _, s := range contest.Services() {
		names = append(names, string(s.Key))
	}
	return names
}

// Service is when and how long a service measures.
type Service struct {
	Enabled  bool             `yaml:"enabled" json:"enabled"`
	Interval Cron             `yaml:"interval" json:"interval"`
	Timeout  contest.Duration `yaml:"timeout" json:"timeout"` // per team; per run for load
	Retries  int              `yaml:"retries" json:"retries" min:"0" max:"100"`
}

// Hub is the contest's results page.
type Hub struct {
	URL                string           `yaml:"url" json:"url"`
	APIKey             Secret           `yaml:"api_key" json:"apiKey"`
	Timeout            contest.Duration `yaml:"timeout" json:"timeout"`
	Retries            int              `yaml:"retries" json:"retries" min:"1" max:"100"` // attempts within one flush
	RateLimitPerMinute int              `yaml:"rate_limit_per_minute" json:"rateLimitPerMinute" min:"1" max:"100000"`
}

// Prometheus is the metric store outside; without a URL it is reached through
// Grafana where grafana.datasource is set, and else the embedded one serves.
type Prometheus struct {
	URL      string           `yaml:"url" json:"url"`
	WriteURL string           `yaml:"write_url" json:"writeUrl"` // of remote write; url/api/v1/write when not set
	Username string           `yaml:"username" json:"username"`
	Password Secret           `yaml:"password" json:"password"`
	Token    Secret           `yaml:"token" json:"token"`
	Timeout  contest.Duration `yaml:"timeout" json:"timeout"`
}

// Kubernetes is where load generators run when the launcher is testrun, and
// what each of these runners is and gets.
type Kubernetes struct {
	Namespace      string            `yaml:"namespace" json:"namespace"`
	Kubeconfig     string            `yaml:"kubeconfig" json:"kubeconfig"` // empty: in-cluster
	RunnerImage    string            `yaml:"runner_image" json:"runnerImage"`
	PullSecrets    []string          `yaml:"pull_secrets" json:"pullSecrets"`
	ServiceAccount string            `yaml:"service_account" json:"serviceAccount"`    // no token of it is mounted
	CPU            string            `yaml:"runner_cpu" json:"runnerCpu"`              // asked for, as Kubernetes writes it
	Memory         string            `yaml:"runner_memory" json:"runnerMemory"`        // asked for, and the limit
	MaxMemory      string            `yaml:"max_runner_memory" json:"maxRunnerMemory"` // that another attempt may have; empty: four times runner_memory
	NodeSelector   map[string]string `yaml:"node_selector" json:"nodeSelector"`
	Tolerations    []string          `yaml:"tolerations" json:"tolerations"`                             // key, key=value, key:Effect or key=value:Effect
	Separate       bool              `yaml:"separate" json:"separate"`                                   // no two runners on one node
	MaxRunners     int               `yaml:"max_runners" json:"maxRunners" min:"1" max:"1000"`           // of one run
	VUsPerRunner   int               `yaml:"vus_per_runner" json:"vusPerRunner" min:"1" max:"1000000"`   // that one runner can have
	RatePerRunner  int               `yaml:"rate_per_runner" json:"ratePerRunner" min:"1" max:"1000000"` // iterations per second that one runner can begin
	LearnWithin    int               `yaml:"learn_within" json:"learnWithin" min:"1" max:"100"`          // times, and part of, both numbers that past runs may change them to; 1: they stay
	BeginWithin    contest.Duration  `yaml:"begin_within" json:"beginWithin"`                            // from the order to the load
	UsersClaim     string            `yaml:"users_claim" json:"usersClaim"`                              // PersistentVolumeClaim with users files, seen at /users
	UsersSecret    string            `yaml:"users_secret" json:"usersSecret"`                            // or a Secret
}

// GitHub is where repositories are looked at.
type GitHub struct {
	APIURL        string `yaml:"api_url" json:"apiUrl"`
	Token         Secret `yaml:"token" json:"token"`
	AppID         string `yaml:"app_id" json:"appId"`
	AppPrivateKey Secret `yaml:"app_private_key" json:"appPrivateKey"`
	Workers       int    `yaml:"workers" json:"workers" min:"1" max:"100"` // repositories that are looked at at once
}

// Probe is how a team's endpoint is looked at without load.
type Probe struct {
	Timeout   contest.Duration `yaml:"timeout" json:"timeout"`
	UserAgent string           `yaml:"user_agent" json:"userAgent"`
	Workers   int              `yaml:"workers" json:"workers" min:"1" max:"1000"` // teams that are looked at at once
	Reset     bool             `yaml:"reset" json:"reset"`                        // POST /api/reset is a part of the look
	Evidence  string           `yaml:"evidence" json:"evidence"`                  // PromQL for a further finding, $team being the slug; empty: none
}

// Web is our own pages, JSON API, health and metrics.
type Web struct {
	PublicURL      string `yaml:"public_url" json:"publicUrl"` // builds links to our pages
	AdminToken     Secret `yaml:"admin_token" json:"adminToken"`
	Port           int    `yaml:"port" json:"port" min:"1" max:"65535"`
	MetricsPort    int    `yaml:"metrics_port" json:"metricsPort" min:"1" max:"65535"`
	MetricsEnabled bool   `yaml:"metrics_enabled" json:"metricsEnabled"`

	RatePerAddress int            `yaml:"rate_per_address" json:"ratePerAddress" min:"0" max:"100000"` // requests a second; 0: any number
	Rate           int            `yaml:"rate" json:"rate" min:"0" max:"1000000"`                      // of everybody together, a second; 0: any number
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies" json:"trustedProxies"`                       // whose X-Forwarded-For is believed
}

// Scenarios is where edited scripts are looked for before the embedded ones.
type Scenarios struct {
	Dir string `yaml:"dir" json:"dir"`
}

// State is where runs, verdicts and the outbox are kept.
type State struct {
	Dir         string `yaml:"dir" json:"dir"`                  // of the SQLite database
	DatabaseURL Secret `yaml:"database_url" json:"databaseUrl"` // PostgreSQL instead; holds a password
}

// LoadTest is how load is put on teams.
type LoadTest struct {
	Launcher            string           `yaml:"launcher" json:"launcher" enum:"loadgen,k6,testrun"`
	K6Program           string           `yaml:"k6_program" json:"k6Program"`                            // of the launcher k6; empty: k6 on the PATH
	Generators          int              `yaml:"generators" json:"generators" min:"1" max:"100"`         // share one run's load
	MaxTargets          int              `yaml:"max_targets" json:"maxTargets" min:"1" max:"1000"`       // under load at once
	InvalidRetries      int              `yaml:"invalid_retries" json:"invalidRetries" min:"0" max:"20"` // of one repeat
	PushInterval        contest.Duration `yaml:"push_interval" json:"pushInterval"`                      // of remote write
	PreflightTimeout    contest.Duration `yaml:"preflight_timeout" json:"preflightTimeout"`              // of the smoke test
	ResetTimeout        contest.Duration `yaml:"reset_timeout" json:"resetTimeout"`                      // of POST /api/reset
	AllowPrivateTargets bool             `yaml:"allow_private_targets" json:"allowPrivateTargets"`
	AllowedTargetCIDRs  []netip.Prefix   `yaml:"allowed_target_cidrs" json:"allowedTargetCidrs"`
}

// Metrics is the embedded metric store.
type Metrics struct {
	Listen        string `yaml:"listen" json:"listen"` // of remote write; loopback by default
	URL           string `yaml:"url" json:"url"`       // where runners on a cluster reach it, by a name that outlives this process
	RetentionDays int    `yaml:"retention_days" json:"retentionDays" min:"1" max:"3650"`
}

// Log is how much is logged.
type Log struct {
	Level string `yaml:"level" json:"level" enum:"error,warn,info,debug"`
}

// Limits are what the process may use.
type Limits struct {
	MaxConcurrentJobs int     `yaml:"max_concurrent_jobs" json:"maxConcurrentJobs" min:"1" max:"1000"`
	MemoryMB          int     `yaml:"memory_mb" json:"memoryMb" min:"64" max:"1048576"`
	CPUCores          float64 `yaml:"cpu_cores" json:"cpuCores" min:"0.05" max:"1024"`
}

// JSONLogs reports whether logs are for machines: in production, which is also
// what an unset environment means.
func (c *Config) JSONLogs() bool { return c.Environment == "" || c.Environment == "production" }

// What the Go runtime may take of this process' memory, in bytes. A contest of
// 200 teams keeps 50 MiB, and twice that while the embedded metric store writes a
// block; less than modestMemory would be spent on collecting garbage. outsideGo is
// the program's own pages and what SQLite keeps.
const (
	modestMemory = 144 << 20
	outsideGo    = 112 << 20
)

// MemoryLimit returns the soft limit of what the Go runtime takes, in bytes: as
// much as leaves half of the process' limit free for what the kernel keeps of its
// files, or modestMemory where that is more, and never above 80 % of the limit.
func (c *Config) MemoryLimit() int64 {
	whole := int64(c.Limits.MemoryMB) << 20
	return min(whole*8/10, max(modestMemory, whole/2-outsideGo))
}

// Default returns the configuration of an empty file and an empty environment.
func Default() *Config {
	return &Config{
		Environment: "production",
		Services:    defaultServices(),
		Hub:         Hub{Timeout: duration(30 * time.Second), Retries: 3, RateLimitPerMinute: 60},
		HubDatabase: defaultHubDatabase(),
		Prometheus:  Prometheus{Timeout: duration(30 * time.Second)},
		Grafana:     Grafana{Annotations: true},
		Kubernetes:  defaultKubernetes(),
		GitHub:      GitHub{APIURL: "https://api.github.com", Workers: 8},
		Cost:        defaultCost(),
		Probe:       Probe{Timeout: duration(10 * time.Second), UserAgent: "HackLoad-Monitor/1.0", Workers: 32},
		Web:         Web{Port: 8080, MetricsPort: 9090, MetricsEnabled: true, RatePerAddress: 100, Rate: 1000},
		State:       State{Dir: "state"},
		Load: LoadTest{
			Launcher: "loadgen", Generators: 1, MaxTargets: 4, InvalidRetries: 3,
			PushInterval: duration(5 * time.Second), PreflightTimeout: duration(10 * time.Second),
			ResetTimeout: duration(30 * time.Second),
		},
		Metrics: Metrics{Listen: "127.0.0.1:0", RetentionDays: 30},
		Log:     Log{Level: "info"},
		Limits:  Limits{MaxConcurrentJobs: 5, MemoryMB: 512, CPUCores: 0.5},
	}
}

func defaultKubernetes() Kubernetes {
	return Kubernetes{
		Namespace: "k6-runs", CPU: "1", Memory: "1Gi", MaxRunners: 16, VUsPerRunner: 2000, RatePerRunner: 1000, LearnWithin: 4,
		BeginWithin: duration(5 * time.Minute),
	}
}

// defaultServices is the seed document's table. Cancellation is not in it: it
// is off unless a file turns it on, because the Hub shows no column for it.
func defaultServices() Services {
	load := Service{Enabled: true, Interval: "0 */6 * * *", Timeout: duration(20 * time.Minute), Retries: 1}
	off := load
	off.Enabled = false
	return Services{
		contest.GitMonitor:          {Enabled: true, Interval: "*/30 * * * *", Timeout: duration(5 * time.Minute), Retries: 3},
		contest.DeploymentMonitor:   {Enabled: true, Interval: "*/15 * * * *", Timeout: duration(30 * time.Second), Retries: 2},
		contest.SearchTesting:       load,
		contest.ArchiveTesting:      load,
		contest.AuthTesting:         load,
		contest.BookingTesting:      load,
		contest.CancellationTesting: off,
		contest.CostTracking:        {Enabled: true, Interval: "0 */6 * * *", Timeout: duration(10 * time.Minute), Retries: 2},
	}
}

// Dev returns the configuration of a whole contest on one machine: targets on
// loopback, at most two under load at once, levels scaled to a laptop.
func Dev() (*Config, error) {
	rules, err := Shipped("dev")
	if err != nil {
		return nil, err
	}
	c := Default()
	c.Environment = "development"
	c.Contest, c.ContestFile = rules, contestRef{Name: "dev"}
	c.Load.AllowPrivateTargets = true
	c.Load.MaxTargets = 2
	c.Load.PushInterval = duration(time.Second)
	for key, service := range c.Services {
		service.Enabled = true
		c.Services[key] = service
	}
	return c, nil
}

func duration(d time.Duration) contest.Duration { return contest.Duration(d) }
