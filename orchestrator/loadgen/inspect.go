package loadgen

import (
	"context"
	"encoding/json"
	"fmt"
)

// inspect prints what a script is about to do.
func inspect(ctx context.Context, x IO, f *flags, path string) error {
	t, err := load(ctx, x, f, path)
	if err != nil {
		return err
	}
	var text []byte
	if f.jsonScript {
		text, err = json.MarshalIndent(t.script(), "", "  ")
	} else {
		extra := map[string]any{}
		if f.requirements {
			extra["totalDuration"], extra["maxVUs"] = t.needs.Total.String(), t.needs.Max
		}
		text, err = t.options.JSON(t.scenarios, extra)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(x.Stdout, "%s\n", text)
	return err
}
