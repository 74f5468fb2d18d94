package web

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func inRussian() words {
	return words{lang: russian, phrases: loadPhrases(russian), kinds: loadKinds(russian)}
}

func TestFindingsInRussian(t *testing.T) {
	t.Parallel()
	w := inRussian()
	for here, there := range map[string]string{
		"1,297 of 1,500 requests were answered in under 2 s (86.47 %), needs at least 95 %. The p95 is 2304.1 ms (between 2293.2 and 2318.4 ms).": "Быстрее 2 с отвечено на 1\u00a0297 из 1\u00a0500 запросов (86,47 %), нужно не меньше 95 %. p95 = 2304,1 мс (между 2293,2 и 2318,4 мс).",
		"Level 1 (5,000 users per 10m0s): 0 of 3 runs passed.":                                           "Уровень 1 (5\u00a0000 пользователей за 10 мин): пройдено прогонов — 0 из 3.",
		"POST /api/bookings does not work: it answered 500 instead of 201, 400 or 401.":                  "POST /api/bookings не работает: ответ 500 вместо 201, 400 или 401.",
		"GET /api/events does not work: there was no answer within 10s.":                                 "GET /api/events не работает: ответа не было за 10 с.",
		"The last commit is 49 h old; less than 24 h is wanted.":                                         "Последнему коммиту 49 ч; нужно меньше 24 ч.",
		"12 commits since 15 August 2025 05:00 UTC, of them 3 in the last 24 h; at least 10 are wanted.": "Коммитов с 15.08.2025 05:00 UTC: 12, из них за последние 24 ч — 3; нужно не меньше 10.",
		"The service gave no answer before any load: connection refused.":                                "Сервис не ответил ещё до нагрузки: в соединении отказано.",
		"Seats sold twice: 3, needs less than 1.":                                                        "Мест продано дважды: 3, нужно меньше 1.",
		`Set by hand by Айгерим: "appeal". 100% fair %s`:                                                 `Установлено вручную, Айгерим: "appeal". 100% fair %s`,
	} {
		assert.Equal(t, said{there, russian}, w.finding(here))
	}
	for _, unknown := range []string{
		"", "Something new.", "The team has given no endpoint. Something new.", "%s", strings.Repeat("The team has given no endpoint. ", 20),
		"its certificate its certificate its certificate its certificate its certificate is not valid",
	} {
		assert.NotContains(t, w.finding(unknown).Text, "%!", "%q", unknown)
	}
	assert.Equal(t, said{"Something new.", english}, w.finding("Something new."))
	assert.Equal(t, "The team has given no endpoint. Something new.", w.finding("The team has given no endpoint. Something new.").Text, "never half of it")
	assert.Equal(t, said{"Something new.", english}, words{lang: english}.finding("Something new."))
}

// Every kind is in every language with the same values, and says what the program
// still says: where its words change, the table has to follow.
func TestKindsOfFindingsAreThoseOfTheProgram(t *testing.T) {
	t.Parallel()
	program := literals(t, "../verdict", "../conduct", "../evidence", "../target", "../hub", "../loadgen/launch", "../../exporters/deployment", "../../exporters/git", "../../exporters/cost")
	placed := regexp.MustCompile(`%(?:\[(\d)\])?s`)
	var table map[string]string
	text, err := files.ReadFile("templates/found_" + russian + ".json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &table))
	require.Greater(t, len(table), 100)
	for here, there := range table {
		for _, words := range strings.Split(here, "%s") {
			if !composed(program, words) {
				t.Errorf("nothing says %q of %q any more", words, here)
			}
		}
		used := map[string]bool{}
		next := 0
		for _, place := range placed.FindAllStringSubmatch(there, -1) {
			if next++; place[1] != "" {
				next, _ = strconv.Atoi(place[1])
			}
			used[strconv.Itoa(next)] = true
		}
		assert.Len(t, used, strings.Count(here, "%s"), "values of %q in %q", here, there)
		assert.Regexp(t, `[а-яА-Я=]`, there)
	}
}

// bare leaves only the words of a text.
func bare(text string) string {
	return regexp.MustCompile(`%[dsvq%]|[^A-Za-z0-9/'_-]+`).ReplaceAllString(text, " ")
}

// composed reports whether words are made of at most four texts of the program.
func composed(program, words string) bool {
	if words == "connection refused" { // the system's own
		return true
	}
	left := strings.Fields(bare(words))
	for range 4 {
		n := len(left)
		for n > 0 && !strings.Contains(program, strings.Join(left[:n], " ")) {
			n--
		}
		if left = left[n:]; len(left) == 0 || n == 0 {
			break
		}
	}
	return len(left) == 0
}

// literals are all texts in the sources of some folders, as the program writes them.
func literals(t *testing.T, folders ...string) string {
	t.Helper()
	var all strings.Builder
	for _, folder := range folders {
		names, err := filepath.Glob(folder + "/*.go")
		require.NoError(t, err)
		require.NotEmpty(t, names, folder)
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			require.NoError(t, err)
			ast.Inspect(file, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					value, err := strconv.Unquote(lit.Value)
					require.NoError(t, err)
					all.WriteString(bare(value) + "\n")
				}
				return true
			})
		}
	}
	return regexp.MustCompile(" +").ReplaceAllString(all.String(), " ")
}

// Whatever the judge of load runs said in its recorded cases can be said in Russian.
func TestVerdictsOfLoadRunsInRussian(t *testing.T) {
	t.Parallel()
	w := inRussian()
	ofLauncher := regexp.MustCompile(`xk6-hackload|OOM-killed|[Rr]unner|Nothing larger`) // of its own means: organisers read it
	cases, err := filepath.Glob("../verdict/testdata/judge/*.txt")
	require.NoError(t, err)
	require.Greater(t, len(cases), 20)
	count := 0
	for _, name := range cases {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			cells := strings.SplitN(strings.TrimSpace(line), " | ", 4)
			if len(cells) < 4 || ofLauncher.MatchString(cells[3]) {
				continue
			}
			count++
			assert.Equal(t, russian, w.finding(cells[3]).Lang, "%s: %s", filepath.Base(name), cells[3])
		}
	}
	require.Greater(t, count, 200)
}
