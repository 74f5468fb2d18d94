package extension

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxUsersFile bounds a users file, in bytes.
const MaxUsersFile = 256 << 20

// User is one visitor, as scripts see it.
type User struct {
	Email         string `json:"email"`
	Password      string `json:"password"`
	Authorization string `json:"authorization"` // the Basic header of both, as UTF-8
}

var (
	errNoUsers = errors.New("it holds no active user")
	errNotUTF8 = errors.New("it is not valid UTF-8")
)

// ReadUsers reads the first active users of a file, at most so many where most
// is positive. The file is CSV with a header that has email and password_plain,
// or a JSON array of objects with these keys; rows whose is_active is false are
// left out. No error repeats what may be a password.
func ReadUsers(text []byte, most int) ([]User, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if !utf8.Valid(text) {
		return nil, errNotUTF8
	}
	read := usersOfCSV
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("[")) {
		read = usersOfJSON
	}
	users, err := read(text, most)
	if err == nil && len(users) == 0 {
		err = errNoUsers
	}
	return users, err
}

func usersOfCSV(text []byte, most int) ([]User, error) {
	rows := csv.NewReader(bytes.NewReader(text))
	rows.ReuseRecord = true
	header, err := rows.Read()
	if err != nil {
		return nil, errors.New("it has no header")
	}
	column := func(name string) int {
		return slices.IndexFunc(header, func(h string) bool { return strings.TrimSpace(h) == name })
	}
	email, password, active := column("email"), column("password_plain"), column("is_active")
	if email < 0 || password < 0 {
		return nil, errors.New("its header lacks the column email or password_plain")
	}
	var users []User
	for most <= 0 || len(users) < most {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, unreadable(err)
		}
		line, _ := rows.FieldPos(0)
		if active >= 0 && !isActive(row[active]) {
			continue
		}
		if users, err = join(users, strings.Clone(row[email]), strings.Clone(row[password])); err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
	}
	return users, nil
}

func unreadable(err error) error {
	var at *csv.ParseError
	if errors.As(err, &at) {
		return fmt.Errorf("line %d cannot be read, or has not the fields of the header", at.StartLine)
	}
	return errors.New("it cannot be read")
}

func usersOfJSON(text []byte, most int) ([]User, error) {
	var rows []struct {
		Email    string `json:"email"`
		Password string `json:"password_plain"`
		Active   any    `json:"is_active"`
	}
	if err := json.Unmarshal(text, &rows); err != nil {
		return nil, errors.New("it is not an array of objects with email and password_plain as text")
	}
	var users []User
	for i, row := range rows {
		if most > 0 && len(users) == most {
			break
		}
		if row.Active != nil && !isActive(fmt.Sprint(row.Active)) {
			continue
		}
		var err error
		if users, err = join(users, row.Email, row.Password); err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return users, nil
}

func isActive(text string) bool {
	return !slices.Contains([]string{"false", "0", "no", "f", "n"}, strings.ToLower(strings.TrimSpace(text)))
}

func join(users []User, email, password string) ([]User, error) {
	switch {
	case email == "":
		return nil, errors.New("a user has no email")
	case password == "":
		return nil, errors.New("a user has no password")
	case strings.Contains(email, ":"):
		return nil, errors.New("an email holds a colon, which Basic authorisation cannot carry")
	}
	return append(users, User{Email: email, Password: password, Authorization: BasicAuth(email, password)}), nil
}

// BasicAuth is the Authorization header of a user, written as UTF-8.
func BasicAuth(email, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(email+":"+password))
}
