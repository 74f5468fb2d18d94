package github

import "time"

// SampleRepos returns what stands behind the sample teams of dev, as
// github.com/hackload-kz/<team>: good, slow, leaky and down commit every four
// hours, as they did for five days before now; flaky has three commits, and that
// is all; oversold told the Hub of a repository that is gone.
func SampleRepos(now time.Time) []Repo {
	var all []Repo
	for _, team := range []string{"good", "slow", "leaky", "down"} {
		all = append(all, Repo{
			Owner: "hackload-kz", Name: team, Steady: 4 * time.Hour, Since: now.Add(-5 * 24 * time.Hour),
			// One by each member, so that there are contributors to be counted.
			Commits: []Commit{
				{Author: team + "-captain", Message: "Begin", At: now.Add(-5 * 24 * time.Hour)},
				{Author: team + "-second", Message: "Serve the list of events", At: now.Add(-99 * time.Hour)},
				{Author: team + "-third", Message: "Sell a seat", At: now.Add(-50 * time.Minute)},
			},
		})
	}
	return append(all, Repo{Owner: "hackload-kz", Name: "flaky", Commits: []Commit{
		{Author: "flaky-captain", Message: "Initial commit", At: now.Add(-30 * time.Hour)},
		{Author: "flaky-captain", Message: "It works", At: now.Add(-26 * time.Hour)},
		{Author: "flaky-captain", Message: "It works on my machine", At: now.Add(-2 * time.Hour)},
	}})
}
