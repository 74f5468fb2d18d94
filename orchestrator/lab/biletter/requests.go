package biletter

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Bounds on what a request may ask for.
const (
	maxBody     = 64 << 10 // bytes
	maxPageSize = 20
	maxPage     = 1 << 30
)

// page is a slice of a list, as asked for.
type page struct{ number, size int }

func (p page) offset() int { return (p.number - 1) * p.size }

// readPage reads page and pageSize; without them it is the first page of 20.
func readPage(q url.Values) (page, error) {
	number, err := readInt(q, "page", 1, maxPage, 1)
	if err != nil {
		return page{}, err
	}
	size, err := readInt(q, "pageSize", 1, maxPageSize, maxPageSize)
	return page{number: int(number), size: int(size)}, err
}

// readInt reads an integer parameter between low and high; without it, absent.
func readInt(q url.Values, name string, low, high, absent int64) (int64, error) {
	text := q.Get(name)
	if text == "" {
		return absent, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("%s must be a whole number from %d to %d", name, low, high)
	}
	return n, nil
}

// readDay reads the parameter date; without it, the empty string.
func readDay(q url.Values) (string, error) {
	day := q.Get("date")
	if day == "" {
		return "", nil
	}
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		return "", errors.New("date must look like 2025-12-31")
	}
	return day, nil
}

// readBody decodes a JSON object of bounded size into dst.
func readBody(w http.ResponseWriter, r *http.Request, dst any) error {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(dst); err != nil {
		return errors.New("the body must be a JSON object")
	}
	return nil
}
