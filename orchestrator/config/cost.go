package config

import (
	"fmt"
	"regexp"
	"strings"
)

// Cost is where teams' spend is looked for beside what people write down.
type Cost struct {
	Currency  string `yaml:"currency" json:"currency"`   // ISO 4217, of amounts that name none
	TagKey    string `yaml:"tag_key" json:"tagKey"`      // of the tag or label by which a provider's bill names the team
	Namespace string `yaml:"namespace" json:"namespace"` // a team's in the cluster, $team being its slug; empty: its use is not asked for

	AWS   AWS   `yaml:"aws" json:"aws"`
	Azure Azure `yaml:"azure" json:"azure"`
	GCP   GCP   `yaml:"gcp" json:"gcp"`
}

// AWS is an account of Amazon Web Services whose bill is read.
type AWS struct {
	Enabled         bool   `yaml:"enabled" json:"enabled"`
	AccessKeyID     Secret `yaml:"access_key_id" json:"accessKeyId"`
	SecretAccessKey Secret `yaml:"secret_access_key" json:"secretAccessKey"`
	Endpoint        string `yaml:"endpoint" json:"endpoint"` // of Cost Explorer; empty: the public one, which serves all regions
}

// Azure is a scope of Microsoft Azure whose costs are read.
type Azure struct {
	Enabled      bool   `yaml:"enabled" json:"enabled"`
	ClientID     Secret `yaml:"client_id" json:"clientId"`
	ClientSecret Secret `yaml:"client_secret" json:"clientSecret"`
	TenantID     Secret `yaml:"tenant_id" json:"tenantId"`
	Scope        string `yaml:"scope" json:"scope"`         // subscriptions/<id>
	Authority    string `yaml:"authority" json:"authority"` // of the sign-in, in a national cloud
	Manager      string `yaml:"manager" json:"manager"`     // of the resource manager, in a national cloud
}

// GCP is a billing export of Google Cloud that is read.
type GCP struct {
	Enabled           bool   `yaml:"enabled" json:"enabled"`
	ServiceAccountKey Secret `yaml:"service_account_key" json:"serviceAccountKey"` // the key file's content, JSON
	Table             string `yaml:"table" json:"table"`                           // project.dataset.gcp_billing_export_v1_…
	Endpoint          string `yaml:"endpoint" json:"endpoint"`                     // of BigQuery; empty: the public one
}

func defaultCost() Cost { return Cost{Currency: "KZT", TagKey: "team", Namespace: "$team"} }

// provider is a cloud whose bills may be read, as its credentials are told.
type provider struct {
	name, key string // "AWS", "aws"
	enabled   bool
	needs     []need
}

// need is a value without which a provider cannot be asked.
type need struct {
	set        bool
	credential bool
	name       string // a variable, or a key
}

func (c Cost) providers() []provider {
	return []provider{
		{"AWS", "aws", c.AWS.Enabled, []need{
			{c.AWS.AccessKeyID.Set(), true, "AWS_ACCESS_KEY_ID"}, {c.AWS.SecretAccessKey.Set(), true, "AWS_SECRET_ACCESS_KEY"},
		}},
		{"Azure", "azure", c.Azure.Enabled, []need{
			{c.Azure.ClientID.Set(), true, "AZURE_CLIENT_ID"}, {c.Azure.ClientSecret.Set(), true, "AZURE_CLIENT_SECRET"},
			{c.Azure.TenantID.Set(), true, "AZURE_TENANT_ID"}, {c.Azure.Scope != "", false, "cost.azure.scope"},
		}},
		{"Google Cloud", "gcp", c.GCP.Enabled, []need{
			{c.GCP.ServiceAccountKey.Set(), true, "GCP_SERVICE_ACCOUNT_KEY"}, {c.GCP.Table != "", false, "cost.gcp.table"},
		}},
	}
}

// missing lists what an enabled provider lacks.
func (p provider) missing() (names []string) {
	for _, n := range p.needs {
		if p.enabled && !n.set {
			names = append(names, n.name)
		}
	}
	return names
}

// idle lists the credentials of a provider that is off.
func (p provider) idle() (names []string) {
	for _, n := range p.needs {
		if !p.enabled && n.set && n.credential {
			names = append(names, n.name)
		}
	}
	return names
}

const maxNamespace = 80 // bytes, of the rule and not of what it names

var (
	currencyPattern  = regexp.MustCompile(`^[A-Z]{3}$`)
	namespacePattern = regexp.MustCompile(`^[a-z0-9-]*\$team[a-z0-9-]*$`)
)

func (c Cost) check() []string {
	var problems []string
	if !currencyPattern.MatchString(c.Currency) {
		problems = append(problems, fmt.Sprintf("cost.currency %q is no code of ISO 4217: want one like KZT", c.Currency))
	}
	if c.TagKey == "" {
		problems = append(problems, "cost.tag_key is empty: name the tag whose value is a team's slug")
	}
	if c.Namespace != "" && (len(c.Namespace) > maxNamespace || !namespacePattern.MatchString(c.Namespace)) {
		problems = append(problems, fmt.Sprintf("cost.namespace %q names no namespace of a team: want a-z, 0-9 and - around one $team, like \"team-$team\", or nothing", c.Namespace))
	}
	for _, p := range c.providers() {
		if names := p.missing(); len(names) > 0 {
			problems = append(problems, fmt.Sprintf("cost.%s.enabled is true, but %s %s not set: %s cannot be asked for its bills",
				p.key, strings.Join(names, " and "), isOrAre(names), p.name))
		}
	}
	return problems
}

func isOrAre(names []string) string {
	if len(names) == 1 {
		return "is"
	}
	return "are"
}
