package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/tidwall/gjson"
)

// Longest texts in a table and in a sentence, in characters.
const (
	cellText  = 60
	proseText = 600
)

// listing is how a list that the running process answers with is shown.
type listing[T any] struct {
	in   string // path of the list in the answer; empty: the answer is the list
	none string // said of an empty list
	head []string
	row  func(T) []string
}

// show prints the answer: as it came with --json, as a table otherwise.
func (l listing[T]) show(r *remote, answer []byte, err error) error {
	if err != nil || r.json {
		return r.raw(answer, err)
	}
	list := answer
	if l.in != "" {
		list = []byte(gjson.GetBytes(answer, l.in).Raw)
	}
	var all []T
	if err := json.Unmarshal(list, &all); err != nil {
		return strange(err)
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(r.Stdout, l.none)
		return trouble(err)
	}
	table := tabwriter.NewWriter(r.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, strings.Join(l.head, "\t"))
	for _, one := range all {
		cells := l.row(one)
		for i, c := range cells {
			if cells[i] = oneLine(c, cellText); cells[i] == "" {
				cells[i] = "-"
			}
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
	}
	return trouble(table.Flush())
}

// fields are names and values, shown one a line in the order given.
type fields [][2]string

// show prints one thing that the running process told of.
func show[T any](r *remote, answer []byte, err error, of func(T) fields) error {
	if err != nil || r.json {
		return r.raw(answer, err)
	}
	var one T
	if err := json.Unmarshal(answer, &one); err != nil {
		return strange(err)
	}
	table := tabwriter.NewWriter(r.Stdout, 0, 0, 2, ' ', 0)
	for _, f := range of(one) {
		if value := oneLine(f[1], proseText); value != "" {
			fmt.Fprintf(table, "%s\t%s\n", f[0], value)
		}
	}
	return trouble(table.Flush())
}

// raw prints an answer as it came.
func (r *remote) raw(answer []byte, err error) error {
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(r.Stdout, "%s\n", strings.TrimSuffix(string(answer), "\n"))
	return trouble(err)
}

// strange is an answer that nobody would expect of the running process.
func strange(err error) error {
	return &exit{exitTrouble, errors.Join(errors.New("the answer is not what hackload answers"), err),
		"Is there another program at --server, or hackload in another version?"}
}

// moment shows a time as the clock on the wall here shows it.
func moment(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05 MST")
}

// oneLine is text that others wrote, on one line and of bounded length, without
// what could move the cursor or turn the reading direction.
func oneLine(text string, most int) string {
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "\uFFFD"), func(c rune) bool {
		return unicode.IsSpace(c) || unicode.IsControl(c)
	}), " ")
	text = strings.Map(func(c rune) rune {
		if unicode.Is(unicode.Cf, c) && c != '\u200d' { // emoji need the joiner
			return -1
		}
		return c
	}, text)
	if letters := []rune(text); len(letters) > most {
		return string(letters[:most-1]) + "…"
	}
	return text
}
