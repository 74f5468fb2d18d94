package httpx

import "errors"

// Classify gives an error with these words k6's code and words.
func Classify(text string) *Error { return classify(errors.New(text)) }
