package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

func TestLastRound(t *testing.T) {
	t.Parallel()
	at := func(minute int) time.Time { return time.Date(2026, 11, 24, 10, minute, 0, 0, time.UTC) }
	ended := func(minute int) *time.Time { e := at(minute); return &e }
	assert.Equal(t, web.LastRound{}, lastRound(nil))
	assert.Equal(t, web.LastRound{Started: at(30), Ended: at(25), Succeeded: at(15)}, lastRound([]contest.Round{
		{StartedAt: at(30)},
		{StartedAt: at(20), EndedAt: ended(25), Error: "no teams"},
		{StartedAt: at(10), EndedAt: ended(15)},
		{StartedAt: at(0), EndedAt: ended(5)},
	}))
}
