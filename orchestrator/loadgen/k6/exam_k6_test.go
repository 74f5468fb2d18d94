//go:build k6

package k6_test

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// The k6 on the PATH sits the same exam.
func TestExamOfK6(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("k6")
	require.NoError(t, err, "this test was asked for and needs k6 on the PATH")
	exercise(t, program)
}
