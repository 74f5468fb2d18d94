package standin

import (
	"fmt"
	"slices"
	"strings"
)

// arguments are the words for k6 run. Those in args are taken as they are, those
// in arguments are cut at blanks, quotes or not.
func (run *testRun) arguments() []string {
	if len(run.Spec.Args) > 0 {
		return run.Spec.Args
	}
	return strings.Fields(run.Spec.Arguments)
}

// checkArguments refuses words that are neither a flag nor follow one.
func checkArguments(words []string) error {
	follows := false
	for _, w := range words {
		flag := strings.HasPrefix(w, "-")
		if !flag && !follows {
			return fmt.Errorf("encountered an invalid value for k6 CLI argument: %q", w)
		}
		follows = flag && !strings.Contains(w, "=")
	}
	return nil
}

// forArchive leaves out what k6 archive does not take.
func forArchive(words []string) (kept []string) {
	valued := []string{"--log-output", "--block-hostnames", "--blacklist-ip", "--user-agent", "-o", "--out"}
	plain := []string{"-l", "--linger", "--no-usage-report", "-v", "--verbose"}
	for i := 0; i < len(words); i++ {
		name, _, joined := strings.Cut(words[i], "=")
		if slices.Contains(plain, name) {
			continue
		}
		if slices.Contains(valued, name) {
			if !joined {
				i++
			}
			continue
		}
		kept = append(kept, words[i])
	}
	return kept
}

// quoted makes one word of a shell of each.
func quoted(words []string) string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	}
	return strings.Join(all, " ")
}

// segments returns the share of runner i of n, and how all shares follow each
// other. One runner has everything and needs neither.
func segments(i, n int) []string {
	if n < 2 {
		return nil
	}
	end := func(k int) string {
		switch k {
		case 0:
			return "0"
		case n:
			return "1"
		default:
			return fmt.Sprintf("%d/%d", k, n)
		}
	}
	ends := make([]string, n+1)
	for k := range ends {
		ends[k] = end(k)
	}
	return []string{
		fmt.Sprintf("--execution-segment=%s:%s", end(i-1), end(i)),
		"--execution-segment-sequence=" + strings.Join(ends, ","),
	}
}
