package config

import "testing"

func TestShippedContestsCheckOut(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"default", "hackload-2025", "dev"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := Load(Source{Flags: map[string]string{"contest": name, "services.k6-cancellation-testing.enabled": "false"}})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range c.Check(nil) {
				t.Error(p)
			}
		})
	}
	dev, err := Dev()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range dev.Check(nil) {
		t.Error(p)
	}
}
