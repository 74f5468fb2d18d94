package options_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/options"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/pace"
)

// Whatever options are accepted make a plan that can be counted, and are the same
// after a way through JSON, as they go into an archive.
func FuzzDecode(f *testing.F) {
	f.Add(whole)
	f.Add(`{"vus": "1e3", "duration": "1d2h", "stages": [{"duration": 0, "target": 0}]}`)
	f.Add(`{"scenarios":{"s":{"executor":"ramping-arrival-rate","preAllocatedVUs":1,"stages":[{"duration":"3650d","target":1000000000}]}}}`)
	f.Add(`{"thresholds":{"a{ b : \"c\" }":["avg < 1e3",{"threshold":"p(95)<2","abortOnFail":true,"delayAbortEval":"0"}]},"iterations":1}`)
	f.Add(`{"dns":{"ttl":"inf","select":"first"},"localIPs":"127.0.0.1-127.0.0.9","tlsVersion":{"min":"tls1.2"},"tlsCipherSuites":["TLS_RSA_WITH_AES_128_GCM_SHA256"]}`)
	f.Add(`{"executionSegment":"0:1/3","executionSegmentSequence":"0,1/3,1","hosts":{"*.A":"1.2.3.4:5"},"tags":{"a":1}}`)
	f.Fuzz(func(t *testing.T, text string) {
		o, _, err := options.Decode([]byte(text))
		if err != nil {
			return
		}
		plan, err := o.Plan()
		if err != nil {
			return
		}
		r := options.Require(plan, pace.Stripe{})
		if r.Ready < 0 || r.Max < r.Ready || r.Total < 0 {
			t.Fatalf("requirements %+v", r)
		}
		for _, s := range plan {
			if n := s.Planned(pace.Stripe{}); n < 0 {
				t.Fatalf("%d planned", n)
			}
		}
		if shown, err := o.Effective(plan); err != nil || !json.Valid(shown) {
			t.Fatalf("effective options: %v", err)
		}
		written, err := o.JSON(plan, nil)
		require.NoError(t, err)
		again, _, err := options.Decode(written)
		require.NoError(t, err, "%s", written)
		twice, err := again.JSON(again.Scenarios, nil)
		require.NoError(t, err)
		require.Equal(t, string(written), string(twice))
	})
}

// FuzzFromEnv holds that a variable is refused by name, or gives options that can
// be written down.
func FuzzFromEnv(f *testing.F) {
	for name, text := range map[string]string{
		"K6_VUS": "5", "K6_STAGES": "1s:5,2m:0", "K6_DNS": "ttl=5m,select=first,policy=any", "K6_TAGS": "a=b,c=d", "K6_HOSTS": `{"a":"1.2.3.4"}`,
		"K6_LOCAL_IPS": "127.0.0.0/24", "K6_DURATION": "1d2h3ms", "K6_THROW": "TRUE", "K6_SUMMARY_TREND_STATS": "avg,p(99.9)", "K6_USER_AGENT": "\xff",
	} {
		f.Add(name, text)
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		o, err := options.FromEnv(map[string]string{name: text})
		if err != nil {
			require.ErrorContains(t, err, name)
			return
		}
		written, err := o.JSON(nil, nil)
		require.NoError(t, err)
		require.True(t, json.Valid(written))
	})
}
