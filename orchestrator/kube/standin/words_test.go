package standin

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestArgumentsOrArgs(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		spec spec
		want []string
	}{
		{"none", spec{}, []string{}},
		{"cut at blanks, quotes or not", spec{Arguments: `--tag a="b c"`}, []string{"--tag", `a="b`, `c"`}},
		{"args win, as they are", spec{Arguments: "--quiet", Args: []string{"--tag=a=b c"}}, []string{"--tag=a=b c"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			run := testRun{Spec: row.spec}
			assert.Equal(t, row.want, run.arguments())
		})
	}
}

func TestCheckArguments(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, words, want string
	}{
		{"nothing", "", ""},
		{"flags with values", "--out json --tag=a=b -e X=1 --quiet", ""},
		{"a word of its own", "verbose", `"verbose"`},
		{"a word after a value", "--tag a=b c", `"c"`},
		{"a word after a flag that has its value", "--tag=a=b c", `"c"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			err := checkArguments(strings.Fields(row.words))
			if row.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, row.want)
		})
	}
}

func TestArchiveIsMadeWithoutWhatOnlyARunTakes(t *testing.T) {
	t.Parallel()
	words := strings.Fields("--out json --out=csv -o x --tag a=b --verbose --blacklist-ip 10.0.0.0/8 --linger -e A=1")
	assert.Equal(t, strings.Fields("--tag a=b -e A=1"), forArchive(words))
}

func TestSegmentsAreTheWhole(t *testing.T) {
	t.Parallel()
	assert.Nil(t, segments(1, 1))
	for i, want := range []string{"0:1/4", "1/4:2/4", "2/4:3/4", "3/4:1"} {
		assert.Equal(t, []string{"--execution-segment=" + want, "--execution-segment-sequence=0,1/4,2/4,3/4,1"}, segments(i+1, 4))
	}
}

func TestQuotedIsOneWordEach(t *testing.T) {
	t.Parallel()
	assert.Equal(t, `'a b' 'it'\''s' '$HOME'`, quoted([]string{"a b", "it's", "$HOME"}))
}
