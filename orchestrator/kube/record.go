package kube

import (
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Keys of a record.
const (
	keyLaunch = "launch.json"
	keyStop   = "stop.json"
	keyResult = "result.json"
)

// Why a launch was told to stop.
const (
	stoppedOnRequest = "request"
	stoppedByTimeout = "timeout"
	stoppedByTrouble = "trouble"
)

// stopOrder is why a launch is being ended before its time.
type stopOrder struct {
	Reason  string           `json:"reason"`
	Trouble string           `json:"trouble,omitempty"` // in a sentence
	Short   contest.Shortage `json:"short,omitempty"`   // of what, where that was the trouble
	At      time.Time        `json:"at"`
}

// record is what is known of a launch for good.
type record struct {
	name    string
	id      contest.TestID
	launch  contest.Launch // without the script's environment, and where metrics go
	script  string         // the ConfigMap of its script
	created time.Time
	stop    *stopOrder
	result  *contest.LaunchResult
}

// openLaunch leaves out of a launch what is not for everybody.
func openLaunch(launch contest.Launch) contest.Launch {
	launch.Env, launch.WriteURL, launch.WriteToken = nil, "", ""
	return launch
}

func readRecord(c *corev1.ConfigMap) (record, error) {
	r := record{name: c.Name, script: c.Labels[labelScript], created: c.CreationTimestamp.Time}
	if err := json.Unmarshal([]byte(c.Data[keyLaunch]), &r.launch); err != nil {
		return r, fmt.Errorf("read the record of launch %s: %w", c.Name, err)
	}
	r.id = r.launch.TestID
	for key, to := range map[string]any{keyStop: &r.stop, keyResult: &r.result} {
		if text := c.Data[key]; text != "" {
			if err := json.Unmarshal([]byte(text), to); err != nil {
				return r, fmt.Errorf("read %s of launch %s: %w", key, r.id, err)
			}
		}
	}
	return r, nil
}

// write puts a value under a key of the record.
func write(c *corev1.ConfigMap, key string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s of launch %s: %w", key, c.Name, err)
	}
	if c.Data == nil {
		c.Data = map[string]string{}
	}
	c.Data[key] = string(text)
	return nil
}
