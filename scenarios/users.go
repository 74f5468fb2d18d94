package scenarios

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
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
	users, err := ReadUsers(bytes.NewReader(content), mostSampled)
	if err != nil {
		return nil, fmt.Errorf("read sample users: %w", err)
	}
	return users, nil
}

const mostSampled = 10_000

// ReadUsers reads a users file, but no more of it than the first most users.
func ReadUsers(file io.Reader, most int) ([]User, error) {
	rows := csv.NewReader(file)
	header, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("no header: %w", err)
	}
	column := func(name string) int { return slices.Index(header, name) }
	id, email, password, active := column("user_id"), column("email"), column("password_plain"), column("is_active")
	if min(id, email, password, active) < 0 {
		return nil, fmt.Errorf("header %.200q lacks a column", header)
	}
	var users []User
	for len(users) < most {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err // its text tells the line, not what is on it
		}
		n, err := strconv.ParseInt(row[id], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("user %d: the user_id is no number", len(users)+1)
		}
		users = append(users, User{ID: n, Email: row[email], Password: row[password], Active: row[active] == "True"})
	}
	return users, nil
}
