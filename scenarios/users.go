package scenarios

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
)

// User is one visitor of the contest's data set.
type User struct {
	ID       int64
	Email    string // also the user name; may hold letters beyond ASCII
	Password string // plain; any ASCII letter, digit or punctuation
	Active   bool   // a service refuses those who are not
}

// SampleUsers returns the users that the scripts take when no users file is
// named, in the order of the file. The sample services know exactly these.
func SampleUsers() ([]User, error) {
	content, err := embedded.ReadFile("lib/users.sample.csv")
	if err != nil {
		return nil, fmt.Errorf("read sample users: %w", err)
	}
	rows, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read sample users: %w", err)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("read sample users: no header")
	}
	column := func(name string) int { return slices.Index(rows[0], name) }
	id, email, password, active := column("user_id"), column("email"), column("password_plain"), column("is_active")
	if min(id, email, password, active) < 0 {
		return nil, fmt.Errorf("read sample users: header %v lacks a column", rows[0])
	}
	users := make([]User, 0, len(rows)-1)
	for i, row := range rows[1:] {
		n, err := strconv.ParseInt(row[id], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("read sample user %d: %w", i+1, err)
		}
		users = append(users, User{ID: n, Email: row[email], Password: row[password], Active: row[active] == "True"})
	}
	return users, nil
}
