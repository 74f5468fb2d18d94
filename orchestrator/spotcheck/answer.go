package spotcheck

import (
	"encoding/json"
	"slices"
	"strings"
)

// answer is what of an answer matters here.
type answer struct {
	status int
	listed bool     // it is a list
	ids    []string // of the list's entries, as they are written
	events []string // of the same entries, where they have one
	id     string   // of the object, where it is one
}

// good reports whether the answer is a list that was found.
func (a answer) good() bool { return a.status/100 == 2 && a.listed }

// key is the same for answers that list the same things, in any order.
func (a answer) key() string {
	ids := slices.Clone(a.ids)
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

const longestID = 100 // bytes

// readAnswer reads a body in any of the shapes that services answer in: a list,
// null for an empty one, or an object that holds a list. Anything else is none.
func readAnswer(status int, body []byte) answer {
	a := answer{status: status}
	var list []json.RawMessage
	if json.Unmarshal(body, &list) == nil { // null too
		a.listed = true
	} else {
		var object map[string]json.RawMessage
		if json.Unmarshal(body, &object) != nil {
			return a
		}
		a.id = idOf(object["id"])
		a.listed = json.Unmarshal(object["events"], &list) == nil
	}
	for _, raw := range list {
		var entry struct {
			ID    json.RawMessage `json:"id"`
			Event json.RawMessage `json:"event_id"`
		}
		if json.Unmarshal(raw, &entry) != nil {
			continue
		}
		a.ids, a.events = append(a.ids, idOf(entry.ID)), append(a.events, idOf(entry.Event))
	}
	return a
}

// idOf is an id as it is written, a number or a text; "" for none.
func idOf(raw json.RawMessage) string {
	text := strings.Trim(string(raw), `"`)
	if text == "null" || len(text) > longestID {
		return ""
	}
	return text
}
