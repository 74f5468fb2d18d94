package scenarios_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/scenarios"
)

var update = flag.Bool("update", false, "rewrite lib/users.sample.csv")

const (
	sampleFile  = "lib/users.sample.csv"
	sampleSize  = 200
	punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
	letters     = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

// TestSampleUsersAreReproducible holds the shipped sample against the generator
// below; -update rewrites it.
func TestSampleUsersAreReproducible(t *testing.T) {
	t.Parallel()
	want := generateUsers(t)
	if *update {
		require.NoError(t, os.WriteFile(sampleFile, want, 0o644))
	}
	got, err := os.ReadFile(sampleFile)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

func TestSampleUsersCoverWhatTheRealDataHolds(t *testing.T) {
	t.Parallel()
	users, err := scenarios.SampleUsers()
	require.NoError(t, err)
	require.Len(t, users, sampleSize)

	var inactive, cyrillic int
	var passwords strings.Builder
	seen := map[string]bool{}
	for _, u := range users {
		require.Falsef(t, seen[u.Email], "%s twice", u.Email)
		seen[u.Email] = true
		require.NotContains(t, u.Email, ":", "Basic auth splits at the first colon")
		passwords.WriteString(u.Password)
		if !u.Active {
			inactive++
		}
		if strings.ContainsFunc(u.Email, func(r rune) bool { return r > 127 }) {
			cyrillic++
		}
	}
	require.Equal(t, sampleSize/5, inactive)
	require.Positive(t, cyrillic)
	for _, p := range punctuation {
		require.Containsf(t, passwords.String(), string(p), "no password holds %q", p)
	}
}

// generateUsers makes the sample in the format of the contest's users.csv.
func generateUsers(t *testing.T) []byte {
	t.Helper()
	rng := rand.New(rand.NewPCG(42, 2025))
	first := []string{"aigerim", "dmitriy", "nursultan", "irina", "alіya", "yerlan", "olga", "timur", "zhanna", "sergeі"}
	last := []string{"akhmetov", "kozlov", "omarova", "kіm", "petrova", "suleimenov", "ivanova", "bekov"}
	domains := []string{"example.kz", "example.com", "mail.example", "пошта.example"}

	var out bytes.Buffer
	w := csv.NewWriter(&out)
	write := func(row ...string) { require.NoError(t, w.Write(row)) }
	write("user_id", "email", "password_hash", "password_plain", "first_name", "surname",
		"birthday", "registered_at", "is_active", "last_logged_in")
	epoch := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for id := 1; id <= sampleSize; id++ {
		name, surname := first[rng.IntN(len(first))], last[rng.IntN(len(last))]
		password := password(rng, id)
		hash := sha256.Sum256([]byte(password))
		registered := epoch.Add(time.Duration(rng.IntN(5*365*24)) * time.Hour)
		active := "True"
		if id%5 == 0 {
			active = "False"
		}
		write(strconv.Itoa(id), fmt.Sprintf("%s_%s_%d@%s", name, surname, id, domains[rng.IntN(len(domains))]),
			hex.EncodeToString(hash[:]), password, name, surname,
			epoch.AddDate(-20-rng.IntN(40), 0, rng.IntN(365)).Format(time.DateOnly),
			registered.Format(time.DateTime), active, registered.AddDate(0, 1, 0).Format(time.DateTime))
	}
	w.Flush()
	require.NoError(t, w.Error())
	return out.Bytes()
}

// password makes 8 to 16 characters; the id-th punctuation mark is always one
// of them, so that the first users together hold all.
func password(rng *rand.Rand, id int) string {
	const all = letters + punctuation
	b := make([]byte, 8+rng.IntN(9))
	for i := range b {
		b[i] = all[rng.IntN(len(all))]
	}
	b[rng.IntN(len(b))] = punctuation[id%len(punctuation)]
	return string(b)
}
