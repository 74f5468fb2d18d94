package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCalledK6ItIsTheLoadGenerator(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"loadgen", "run", "x.js"}, arguments([]string{"/usr/bin/k6", "run", "x.js"}))
	assert.Equal(t, []string{"loadgen"}, arguments([]string{"k6"}))
	assert.Equal(t, []string{"dev"}, arguments([]string{"./hackload", "dev"}))
}
