package config

import (
	"encoding"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// setText sets one value from text, by the same rules for files, environment
// variables and flags.
func setText(v reflect.Value, text string, zone *time.Location) error {
	switch target := v.Addr().Interface().(type) {
	case *time.Time:
		return setTime(target, text, zone)
	case **time.Location:
		return setZone(target, text)
	case *netip.Prefix:
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return fmt.Errorf("%q is not a range of addresses: write it like 10.0.0.0/8", text)
		}
		*target = prefix
		return nil
	case encoding.TextUnmarshaler:
		return target.UnmarshalText([]byte(text))
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		return setBool(v, text)
	case reflect.Int:
		n, err := strconv.ParseInt(text, 10, 0)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		v.SetInt(n)
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || f != f {
			return fmt.Errorf("%q is not a number", text)
		}
		v.SetFloat(f)
	case reflect.Slice:
		return setList(v, text, zone)
	default:
		return fmt.Errorf("cannot be set from text")
	}
	return nil
}

func setBool(v reflect.Value, text string) error {
	switch text {
	case "true", "1":
		v.SetBool(true)
	case "false", "0":
		v.SetBool(false)
	default:
		return fmt.Errorf("%q is not a boolean: write true, false, 1 or 0", text)
	}
	return nil
}

// setList reads a comma-separated list, the form of a variable or a flag.
func setList(v reflect.Value, text string, zone *time.Location) error {
	list := reflect.MakeSlice(v.Type(), 0, 4)
	for item := range strings.SplitSeq(text, ",") {
		element := reflect.New(v.Type().Elem()).Elem()
		if err := setText(element, strings.TrimSpace(item), zone); err != nil {
			return err
		}
		list = reflect.Append(list, element)
	}
	v.Set(list)
	return nil
}

func setTime(t *time.Time, text string, zone *time.Location) error {
	parsed, err := time.Parse(time.RFC3339, text)
	for _, layout := range []string{"2006-01-02T15:04:05", time.DateTime, "2006-01-02 15:04", time.DateOnly} {
		if err == nil {
			break
		}
		parsed, err = time.ParseInLocation(layout, text, zone)
	}
	if err != nil {
		return fmt.Errorf("%q is not a time: write it like 2025-08-15T09:00:00+05:00, or 2025-08-15 09:00 in the contest's timezone", text)
	}
	*t = parsed
	return nil
}

func setZone(zone **time.Location, text string) error {
	if text == "" || text == "Local" {
		return fmt.Errorf("%q is no time zone: want a name like Asia/Almaty or UTC", text)
	}
	loaded, err := time.LoadLocation(text)
	if err != nil {
		return fmt.Errorf("%q is not a known time zone: want a name like Asia/Almaty or UTC", text)
	}
	*zone = loaded
	return nil
}

// checkTags holds a value against its field's enum, min and max.
func checkTags(f reflect.StructField, v reflect.Value) error {
	if enum := f.Tag.Get("enum"); enum != "" {
		if allowed := strings.Split(enum, ","); !slices.Contains(allowed, v.String()) {
			return fmt.Errorf("%s", unknown(v.String(), allowed))
		}
	}
	number := 0.0
	switch v.Kind() {
	case reflect.Int:
		number = float64(v.Int())
	case reflect.Float64:
		number = v.Float()
	default:
		return nil
	}
	low, lowErr := strconv.ParseFloat(f.Tag.Get("min"), 64)
	high, highErr := strconv.ParseFloat(f.Tag.Get("max"), 64)
	if lowErr == nil && number < low || highErr == nil && number > high {
		return fmt.Errorf("%v is out of range: want %s to %s", v.Interface(), f.Tag.Get("min"), f.Tag.Get("max"))
	}
	return nil
}

func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	}
	return "one value"
}

// unknown says that name is none of the allowed, and which it may have meant.
func unknown(name string, allowed []string) string {
	sentence := fmt.Sprintf("%q is not known", name)
	best, distance := "", len(name)/3+2
	for _, candidate := range allowed {
		if d := editDistance(strings.ToLower(name), strings.ToLower(candidate)); d < distance {
			best, distance = candidate, d
		}
	}
	if best != "" {
		sentence += fmt.Sprintf(", did you mean %q?", best)
	}
	return sentence + " (allowed: " + strings.Join(allowed, ", ") + ")"
}

// editDistance counts the letters to insert, delete or replace to turn a into b.
func editDistance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return max(len(a), len(b))
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
